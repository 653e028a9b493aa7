"""What README.md says is true when it is tried, with the script as published."""

import math
import re
import subprocess
import sys

import pytest
from harness import LOOK, README, ROOT, SCRIPT, SNIPPETS, load, names_of, own_names, put_input, recorded, run

TEXT = " ".join(README.split())
SAVE, LOAD = [snippet for snippet in SNIPPETS if "json" in snippet]
(SUMS,) = [snippet for snippet in SNIPPETS if "sums" in snippet]

def shown(printed):
    """Return the lines that were printed after the 20 names."""
    return [line.rstrip() for line in printed.split("sample 20: ")[-1].splitlines()[1:]]

def test_the_names_are_those_of_the_recorded_runs():
    ours, names, other = recorded("input.json"), own_names(), recorded("names.json")
    assert f"The twenty names of the run: {', '.join(ours['names'])}." in TEXT
    assert f"| 1,000 | {', '.join(ours['names'][:4])} |" in README
    known = [name for name in ours["names"] if name in names]
    read = set(load(num_steps=0).docs[:1000])
    assert f"Seven of them are in the list ({', '.join(known)})" in TEXT
    assert (len(known), read & set(known)) == (7, set())
    for num_steps in (0, 10):
        written = names_of(load(num_steps=num_steps).printed)
        assert f"| {num_steps} | {', '.join(written[:4])} |" in README
    assert f"from {other['losses'][0]:.4f} to {other['losses'][-1]:.4f}" in TEXT
    assert f"begin with {', '.join(other['names'][:3])}." in TEXT

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
    text = SCRIPT.read_text(encoding="utf-8")
    titles = re.findall(r"^### (\d\. .*?) #+$", text, re.MULTILINE)
    assert re.findall(r"^\| (\d\. [^|]*) \|", README, re.MULTILINE) == titles
    code = re.findall(r'^(?! *(?:#|"""|$)).*$', text, re.MULTILINE)
    assert f"{text.count(chr(10))} lines, {len(code)} of them code" in TEXT

def test_a_node_for_each_plus_and_times_computes_the_same():
    (chain,) = re.findall(r"`(return sum\(.*?)`", TEXT)
    last = "return Value(total, (*xs, *ys), y_data + x_data)"
    quick = {"num_steps": 2, "n_embd": 4, "n_head": 2}
    assert load(["abc", "cab"], [(last, chain)], **quick).printed == load(["abc", "cab"], **quick).printed

def test_each_change_of_code_that_it_invites_to_runs():
    changes = re.findall(r"^\| .* \| `(.*)` \| `(.*)` \|$", README, re.MULTILINE)
    (added,) = re.findall(r"the same, and below it `(.*)` \|$", README, re.MULTILINE)
    assert len(changes) == 5
    for old, new in [*changes, ("    adam(step)\n    print", f"    adam(step)\n{added}\n    print")]:
        printed = load(["abc", "cab"] * 60, [(old, new)], num_steps=200, n_embd=2, n_head=2, n_layer=0).printed
        assert "step  200 /  200" in printed and "sample 20" in printed

def test_a_look_inside_the_recorded_run_shows_what_the_readme_shows(the_run):
    assert shown(the_run) == re.findall(r"^# (.*)$", "".join(LOOK), re.MULTILINE)

def test_the_snippets_work_in_a_model_of_another_size(tmp_path):
    put_input(tmp_path, None)
    assert run(tmp_path, look="\n".join(LOOK), num_steps=2, n_layer=2, n_embd=8, n_head=2).stderr == ""

def test_the_sums_are_right_and_some_are_kept_for_asking(tmp_path):
    (tmp_path / "sums.py").write_text(SUMS, encoding="utf-8")
    subprocess.run([sys.executable, "sums.py"], cwd=tmp_path, check=True)
    lines = (tmp_path / "input.txt").read_text().split()
    assert len(lines) == len(set(lines)) == 9700
    for line in lines:
        a, b, result = re.fullmatch(r"(\d\d)\+(\d\d)=(\d{3})", line).groups()
        assert int(a) + int(b) == int(result)
    assert '`complete("27+28=")` gives `27+28=055`' in TEXT
    assert "27+28=055" not in lines, "it was not in the list"

def test_the_parameters_are_kept_and_loaded_and_another_size_is_refused(tmp_path):
    put_input(tmp_path, ["abc", "cab"])
    quick = {"n_embd": 4, "n_head": 2, "block_size": 4}
    start, show = "from microgpt import *\n", "print([p.data for p in params])\n"
    trained = shown(run(tmp_path, look=start + SAVE + show, num_steps=3, **quick).stdout)
    loaded = shown(run(tmp_path, look=start + LOAD + show, num_steps=0, **quick).stdout)
    untrained = shown(run(tmp_path, look=start + show, num_steps=0, **quick).stdout)
    assert trained == loaded != untrained
    other = run(tmp_path, look=start + LOAD, num_steps=0, **{**quick, "n_embd": 6})
    assert "AssertionError" in other.stderr

def test_every_file_that_the_readme_links_to_is_there():
    local = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert "microgpt.py" in local
    assert all((ROOT / link).exists() for link in local)
