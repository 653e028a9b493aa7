"""What README.md says is true when it is tried."""

import json
import math
import re

import pytest
from harness import INPUT, README, ROOT, SNIPPETS, load, own_names, put_input, recorded, run, turned

TEXT = " ".join(README.split())
SUMS = next(snippet for snippet in SNIPPETS if "sums" in snippet)

def at_the_prompt(folder, *lines, **settings):
    """Type the lines at the prompt of `python3 -i microgpt.py`; return what is shown."""
    finished = run(folder, "-i", typed="\n".join([*lines, ""]), **settings)
    assert "Error" not in finished.stderr, finished.stderr
    return shown(finished.stdout)

def shown(printed):
    """Return what a run at the prompt printed after the 20 names."""
    printed = printed.split("sample 20: ")[1].split("\n", 1)[1]
    return re.sub(r"^((>>>>?|\.\.\.\.?) )+", "", printed, flags=re.MULTILINE)

def test_the_first_screen_is_that_of_the_recorded_run():
    run, names = recorded("input.json"), own_names()
    lines = ["num docs: 33613", "vocab size: 27", "num params: 4192"]
    lines += [f"step    1 / 1000 | loss {run['losses'][0]:.4f}", "..."]
    lines += [f"step 1000 / 1000 | loss {run['losses'][-1]:.4f}"]
    lines += ["--- inference (new, hallucinated names) ---"]
    lines += [f"sample {i:2d}: {name}" for i, name in enumerate(run["names"][:2], start=1)]
    assert "```text\n" + "\n".join([*lines, "...", "```"]) in README
    marked = [f"**{name}**" if name in names else name for name in run["names"]]
    assert f"Then come twenty names: {', '.join(marked)}. The seven in bold" in TEXT
    assert sum(name in names for name in run["names"]) == 7

def test_the_published_run_is_that_of_the_recording():
    run = recorded("names.json")
    assert f"from {run['losses'][0]:.4f} to {run['losses'][-1]:.4f}" in TEXT
    assert f"begin with {', '.join(run['names'][:3])}." in TEXT

def test_the_curve_is_the_mean_over_100_steps():
    (points,) = re.findall(r"^ +line \[(.*)\]$", README, re.MULTILINE)
    losses = recorded("input.json")["losses"]
    means = [math.fsum(losses[i : i + 100]) / 100 for i in range(0, 1000, 100)]
    assert [float(point) for point in points.split(", ")] == pytest.approx(means, abs=0.0051)

def test_the_graph_shows_the_numbers_that_backward_gives(Value):
    a, b = Value(2.0), Value(3.0)
    product = a * b
    loss = product + a
    loss.backward()
    for name, node in {"a": a, "b": b, "a * b": product, "loss": loss}.items():
        assert f'"{name}<br>data {node.data:g}, grad {node.grad:g}"' in README
    edges = re.findall(r'-->\|"(\S+)"\|', README)
    assert sorted(map(float, edges)) == sorted([*product._slopes, *loss._slopes])

def test_the_counts_and_the_sections_are_those_of_the_script(script):
    assert f"| 4. Parameters | {len(script.params):,} random numbers are drawn |" in README
    assert f"| 1. Data set | {len(own_names()):,} names" in README
    emma = ", ".join(map(str, script.encode("emma")))
    assert f'| 2. Tokenizer | "emma" becomes {emma} |' in README
    titles = re.findall(r"^### (\d\. .*?) #+$", turned({}), re.MULTILINE)
    assert re.findall(r"^\| (\d\. [^|]*) \|", README, re.MULTILINE) == titles
    text = re.sub(r'^ *""".*?"""$', "", turned({}), flags=re.MULTILINE | re.DOTALL)
    code = [line for line in text.split("\n") if line.strip() and line.strip()[0] != "#"]
    assert f"{turned({}).count(chr(10))} lines, {len(code)} of them code." in TEXT

def test_a_node_for_each_plus_and_times_computes_the_same():
    (chain,) = re.findall(r"`(return sum\(.*?)`", TEXT)
    last = "return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)"
    quick = {"num_steps": 2, "n_embd": 4, "n_head": 2}
    assert load(["abc", "cab"], [(last, chain)], **quick).printed == load(["abc", "cab"], **quick).printed

def test_a_look_inside_the_recorded_run_shows_what_the_readme_shows(the_run):
    expected = re.findall(r"^# (.*)$", "".join(SNIPPETS), re.MULTILINE)
    lines = [line.strip() for line in shown(the_run.stdout).strip().split("\n")]
    assert lines == [line.strip() for line in expected]
    assert "Error" not in the_run.stderr

@pytest.mark.parametrize("n_layer", [1, 2])
def test_the_snippets_work_in_a_model_of_any_depth(tmp_path, n_layer):
    put_input(tmp_path, None)
    before = INPUT.read_bytes()
    snippets = "\n".join(SNIPPETS)
    at_the_prompt(tmp_path, snippets, num_steps=2, n_layer=n_layer, n_embd=8, n_head=2)
    assert INPUT.read_bytes() == before

def test_the_sums_are_right_and_some_are_kept_for_asking(tmp_path):
    put_input(tmp_path, ["ab"])
    quick = {"num_steps": 1, "n_embd": 4, "n_head": 2}
    at_the_prompt(tmp_path, SUMS, **quick)
    lines = (tmp_path / "input.txt").read_text().split()
    assert len(lines) == len(set(lines)) == 9700
    for line in lines:
        a, b, backwards = re.fullmatch(r"(\d\d)\+(\d\d)=(\d{3})", line).groups()
        assert int(a) + int(b) == int(backwards[::-1])
    assert '`sample("26+29=")` gives `26+29=550`' in TEXT
    assert "26+29=550" not in lines, "it was not in the list"
    finished = run(tmp_path, **quick)
    assert (finished.returncode, finished.stdout[:29]) == (0, "num docs: 9700\nvocab size: 13")

def test_the_weights_are_kept_and_loaded_and_another_size_is_refused(tmp_path):
    put_input(tmp_path, ["abc", "cab"])
    saves, loads = [s for s in SNIPPETS if "weights.json" in s]
    quick = {"n_embd": 4, "n_head": 2, "block_size": 4}
    show = "print([p.data for p in params])"
    trained = at_the_prompt(tmp_path, saves, show, num_steps=3, **quick)
    loaded = at_the_prompt(tmp_path, loads, show, num_steps=0, **quick)
    untrained = at_the_prompt(tmp_path, show, num_steps=0, **quick)
    assert json.loads(trained) == json.loads(loaded) != json.loads(untrained)
    other = run(tmp_path, "-i", typed=loads + "\n", num_steps=0, **{**quick, "n_embd": 6})
    assert "AssertionError" in other.stderr

def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert "microgpt.py" in local
    assert all((ROOT / link).exists() for link in local)
