"""What README.md says is true when it is tried."""

import json
import math
import re
import runpy
import subprocess
import sys

import pytest
from harness import ROOT, load, put_input, turned

README = (ROOT / "README.md").read_text(encoding="utf-8")
RECORDED = json.loads((ROOT / "tests/recorded/input.json").read_text(encoding="utf-8"))
CLASSIC = json.loads((ROOT / "tests/recorded/names.json").read_text(encoding="utf-8"))


def blocks(language):
    """Return the fenced blocks of README.md in this language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)


def rows(first_words):
    """Return the rows of the table whose header begins with these words, as lists of cells."""
    table = README[README.index(f"| {first_words}") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.split("\n")[2:]]


def test_the_printed_sample_is_that_of_the_recorded_run():
    lines = ["num docs: 33613", "vocab size: 27", "num params: 4192"]
    losses = RECORDED["losses"]
    lines += [f"step    1 / 1000 | loss {losses[0]:.4f}", "..."]
    lines += [f"step 1000 / 1000 | loss {losses[-1]:.4f}", ""]
    lines += ["--- inference (new, hallucinated names) ---"]
    lines += [f"sample {i:2d}: {name}" for i, name in enumerate(RECORDED["names"][:5], start=1)]
    assert blocks("text")[0] == "\n".join([*lines, "...", ""])


def test_the_published_run_is_that_of_the_recording():
    text = " ".join(README.split())
    assert f"begin with {CLASSIC['losses'][0]:.4f} and end with {CLASSIC['losses'][-1]:.4f}" in text
    assert f"the names are {', '.join(CLASSIC['names'])}." in text


def test_the_curve_is_the_mean_over_50_steps():
    (points,) = re.findall(r"^ +line \[(.*)\]$", README, re.MULTILINE)
    losses = RECORDED["losses"]
    means = [math.fsum(losses[i : i + 50]) / 50 for i in range(0, 1000, 50)]
    assert [float(point) for point in points.split(", ")] == pytest.approx(means, abs=0.0051)


def test_the_graph_shows_the_numbers_that_the_code_gives(capsys, tmp_path):
    script = load(num_steps=0)
    (example,) = [block for block in blocks("python") if "loss.backward()" in block]
    snippet = tmp_path / "snippet.py"
    snippet.write_text(example, encoding="utf-8")
    scope = runpy.run_path(str(snippet), {"Value": script.Value})
    printed = capsys.readouterr().out.strip()
    assert printed == re.search(r"print\(.*\)  # (.*)", example).group(1)
    a, b, loss = scope["a"], scope["b"], scope["loss"]
    product = next(child for child in loss._children if child is not a)
    for name, node in {"a": a, "b": b, "a * b": product, "loss": loss}.items():
        assert f'"{name}: data {node.data:g}, grad {node.grad:g}"' in README
    edges = re.findall(r'-->\|"local (\S+)"\|', README)
    assert sorted(map(float, edges)) == sorted([*product._local_grads, *loss._local_grads])


def test_the_table_of_hyperparameters_is_that_of_the_script():
    script = load(num_steps=0)
    values = {name.strip("`"): float(value) for name, value, _ in rows("hyperparameter")}
    assert values.pop("num_steps") == 1000
    assert "\nnum_steps = 1000\n" in turned({})
    assert values == {name: getattr(script, name) for name in values}
    assert len(values) == 9


def test_the_table_of_parameters_is_that_of_the_script():
    script = load(num_steps=0)
    *matrices, (_, _, total) = rows("matrix |")
    for (name, shape, count), (full_name, matrix) in zip(matrices, script.state_dict.items()):
        assert name.split("`")[1] == full_name.split(".")[-1]
        assert shape == f"{len(matrix)} × {len(matrix[0])}"
        assert int(count.replace(",", "")) == len(matrix) * len(matrix[0])
    assert len(matrices) == len(script.state_dict)
    assert int(total.replace(",", "")) == len(script.params)


def test_the_snippets_keep_the_weights_and_bring_them_back(tmp_path):
    keep, bring_back = [
        re.sub("^  ", "", block, flags=re.MULTILINE)
        for block in blocks("python")
        if "weights.json" in block
    ]
    quick = {"n_embd": 4, "n_head": 2, "block_size": 4}
    put_input(tmp_path, ["abc", "cab"])
    command = [sys.executable, "microgpt.py"]
    script = tmp_path / "microgpt.py"
    script.write_text(turned({**quick, "num_steps": 3}) + keep, encoding="utf-8")
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    weights = json.loads((tmp_path / "weights.json").read_text())
    text = turned({**quick, "num_steps": 0}).replace("# 7. Inference", bring_back + "\n# 7. Inference")
    script.write_text(text + keep.replace("weights.json", "again.json"), encoding="utf-8")
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert json.loads((tmp_path / "again.json").read_text()) == weights
    untrained = load(["abc", "cab"], num_steps=0, **quick)
    assert weights != [p.data for p in untrained.params]


def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert "microgpt.py" in local
    assert all((ROOT / link).exists() for link in local)
