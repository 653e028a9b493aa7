"""What README.md says is true when it is tried."""

import json
import math
import re
import subprocess
import sys

import pytest
from harness import ROOT, own_names, put_input, recorded, turned

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = " ".join(README.split())


def blocks(language):
    """Return the fenced blocks of README.md in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def at_the_prompt(folder, lines, **knobs):
    """Type the lines at the prompt of `python3 -i microgpt.py`; return what is shown."""
    (folder / "microgpt.py").write_text(turned(knobs), encoding="utf-8")
    command = [sys.executable, "-i", "microgpt.py"]
    finished = subprocess.run(
        command, cwd=folder, input=lines, capture_output=True, encoding="utf-8", check=True
    )
    assert "Traceback" not in finished.stderr, finished.stderr
    shown = finished.stdout.split("sample 20: ")[1].split("\n", 1)[1]
    return re.sub(r"^((>>>>?|\.\.\.\.?) )+", "", shown, flags=re.MULTILINE)


def test_the_first_screen_is_that_of_the_recorded_run():
    run, names = recorded("input.json"), own_names()
    lines = ["num docs: 33613", "vocab size: 27", "num params: 4192"]
    lines += [f"step    1 / 1000 | loss {run['losses'][0]:.4f}", "..."]
    lines += [f"step 1000 / 1000 | loss {run['losses'][-1]:.4f}", ""]
    lines += ["--- inference (new, hallucinated names) ---"]
    lines += [f"sample {i:2d}: {name}" for i, name in enumerate(run["names"][:2], start=1)]
    assert blocks("text") == ["\n".join([*lines, "...", ""])]
    assert "Seven of the 20 names, such as dayne, are in the data" in TEXT
    assert "dayne" in names
    assert sum(name in names for name in run["names"]) == 7


def test_the_published_run_is_that_of_the_recording():
    run = recorded("names.json")
    assert f"begin with {run['losses'][0]:.4f} and end with {run['losses'][-1]:.4f};" in TEXT
    assert f"the first names are {', '.join(run['names'][:3])}." in TEXT


def test_the_curve_is_the_mean_over_50_steps():
    (points,) = re.findall(r"^ +line \[(.*)\]$", README, re.MULTILINE)
    losses = recorded("input.json")["losses"]
    means = [math.fsum(losses[i : i + 50]) / 50 for i in range(0, 1000, 50)]
    assert [float(point) for point in points.split(", ")] == pytest.approx(means, abs=0.0051)


def test_the_graph_shows_the_numbers_that_backward_gives(Value):
    a, b = Value(2.0), Value(3.0)
    loss = a * b + a
    loss.backward()
    product = loss._children[0]
    for name, node in {"a": a, "b": b, "a * b": product, "loss": loss}.items():
        assert f'"{name}: data {node.data:g}, grad {node.grad:g}"' in README
    edges = re.findall(r'-->\|"local (\S+)"\|', README)
    assert sorted(map(float, edges)) == sorted([*product._local_grads, *loss._local_grads])


def test_the_settings_are_those_that_the_readme_measures(script):
    """The defaults, from which its rows differ, and the counts."""
    defaults = {"n_layer": 1, "n_embd": 16, "n_head": 4, "block_size": 16, "temperature": 0.5}
    adam = {"learning_rate": 0.01, "beta1": 0.85, "beta2": 0.99, "eps_adam": 1e-8}
    assert {name: getattr(script, name) for name in {**defaults, **adam}} == {**defaults, **adam}
    assert "\nnum_steps = 1000\n" in turned({})
    assert f"Parameters** ({len(script.params):,} random numbers)" in TEXT
    assert f"Data set** ({len(own_names()):,} first names)" in TEXT
    emma = ", ".join(map(str, script.encode("emma")))
    assert f'Tokenizer** ("emma" becomes {emma})' in TEXT
    for row in re.findall(r"^\| `(.*?)` \| ([\d,]+) \|", README, re.MULTILINE):
        width, layers = (
            int((re.findall(rf"{name}=(\d+)", row[0]) or [default])[0])
            for name, default in (("n_embd", 16), ("n_layer", 1))
        )
        assert int(row[1].replace(",", "")) == (27 + 27 + 16) * width + layers * 12 * width**2


def test_the_lines_of_code_are_counted():
    text = (ROOT / "microgpt.py").read_text(encoding="utf-8")
    text = re.sub(r'^ *""".*?"""$', "", text, flags=re.MULTILINE | re.DOTALL)
    code = [line for line in text.split("\n") if line.strip() and line.strip()[0] != "#"]
    assert f"in {len(code)} lines of plain Python" in TEXT


def test_a_look_inside_the_recorded_run_shows_what_the_readme_shows(tmp_path):
    put_input(tmp_path, None)
    lines = "".join(blocks("python"))
    shown = at_the_prompt(tmp_path, lines)
    expected = re.findall(r"^# (.*)$", lines, re.MULTILINE)
    assert len(expected) == 2 + 4 + 5
    assert [line.strip() for line in shown.strip().split("\n")] == [e.strip() for e in expected]


def test_the_weights_are_kept_and_loaded(tmp_path):
    put_input(tmp_path, ["abc", "cab"])
    keep, load = re.findall(r"`((?:_ = Path|for p, number)[^`]*)`", TEXT)
    quick = {"n_embd": 4, "n_head": 2, "block_size": 4}
    trained = "import json\nprint([p.data for p in params])\n"
    first = at_the_prompt(tmp_path, trained + keep + "\n", num_steps=3, **quick)
    second = at_the_prompt(tmp_path, f"import json\n{load}\n\n{trained}", num_steps=0, **quick)
    untrained = at_the_prompt(tmp_path, trained, num_steps=0, **quick)
    assert json.loads(first) == json.loads(second) != json.loads(untrained)


def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert "microgpt.py" in local
    assert all((ROOT / link).exists() for link in local)
