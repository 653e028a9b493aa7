"""What README.md says is true when it is tried, with the script as published."""

import functools
import math
import re
import subprocess
import sys

from harness import LOOK, README, SCRIPT, SNIPPETS, load, names_of, own_names, put_input, recorded, run

TEXT = " ".join(README.split())
(KEEP,) = [snippet for snippet in SNIPPETS if "json" in snippet]
(SUMS,) = [snippet for snippet in SNIPPETS if "sums" in snippet]

def shown(printed):
    """Return the lines that were printed after the 20 names."""
    return [line.rstrip() for line in printed.split("sample 20: ")[-1].splitlines()[1:]]

def test_what_it_writes_is_what_the_recorded_runs_wrote(the_run):
    (printed,) = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert re.sub(r"(step .*\n)+(step 1000 )", r"\2", the_run).startswith(printed)
    ours, other = recorded("input.json"), recorded("names.json")
    known, read = {*ours["names"]} & {*own_names()}, {*load(num_steps=0).docs[:1000]}
    assert (len(known), read & known) == (7, set()), "seven are in the list, none was read"
    for num_steps in (0, 10, 1000):
        written = ours["names"] if num_steps == 1000 else names_of(load(num_steps=num_steps).printed)
        assert f"| {num_steps:,} | {', '.join(written[:4])} |" in README
    assert f"from {other['losses'][0]:.4f} to {other['losses'][-1]:.4f}" in TEXT
    assert f"begin with {', '.join(other['names'][:3])}.)" in TEXT

def test_the_graph_shows_the_numbers_that_backward_gives(Value):
    a, b = Value(2.0), Value(3.0)
    product = a * b
    total = product + a
    loss = 5 * total
    loss.backward()
    for name, node in {"a": a, "b": b, "a * b": product, "a * b + a": total, "loss": loss}.items():
        assert f'"{name}<br>data {node.data:g}, grad {node.grad:g}"' in README
    edges = sorted(map(float, re.findall(r'-->\|"(\S+)"\|', README)))
    assert edges == sorted([*product._slopes, *total._slopes, *loss._slopes])

def test_the_counts_and_the_answers_are_those_of_the_script(script):
    text = SCRIPT.read_text(encoding="utf-8")
    code = re.findall(r'^(?! *(?:#|"""|$)).*$', text, re.MULTILINE)
    assert f"{text.count(chr(10))} lines, {len(code)} of them code" in TEXT
    assert f"{len(own_names()):,} given names" in TEXT
    assert f"three times {len(script.params):,} numbers" in TEXT
    losses = recorded("input.json")["losses"]
    assert f"the first loss in training is {losses[0]:.2f}, a blind one {math.log(27):.2f}" in TEXT
    assert f"between {min(losses):.1f} and {max(losses):.1f}" in TEXT
    assert f"from {math.fsum(losses[:100]) / 100:.2f} to {math.fsum(losses[-100:]) / 100:.2f}" in TEXT
    square, grads = ((a := script.Value(1.0)) * 2) ** 2, []
    for _ in "12":
        square.backward()
        grads.append(a.grad)
    assert "`a.grad` is {:g}, which is right, and after a second call {:g}, not".format(*grads) in TEXT

    depth = functools.lru_cache(None)(lambda node: 1 + max(map(depth, node._sources), default=0))
    assert f'"emma" is only {depth(script.loss_of("emma"))} nodes deep' in TEXT

def test_a_node_for_each_plus_and_times_computes_the_same():
    (chain,) = re.findall(r"`(return sum\(.*?)`", TEXT)
    quick, one = {"num_steps": 2, "n_embd": 4, "n_head": 2}, "return Value(total, (*xs, *ys), y_data + x_data)"
    assert load(["abc", "cab"], [(one, chain)], **quick).printed == load(["abc", "cab"], **quick).printed

def test_each_change_of_code_that_it_invites_to_runs():
    changes = re.findall(r"^\| .* \| `(.*)` \| `(.*)` \|$", README, re.MULTILINE)
    (added,) = re.findall(r"the same, and below it `(.*)` \|$", README, re.MULTILINE)
    assert len(changes) == 5
    for old, new in [*changes, ("    adam(step)\n    print", f"    adam(step)\n{added}\n    print")]:
        printed = load(["abc", "cab"] * 60, [(old, new)], num_steps=200, n_embd=2, n_head=2, n_layer=0).printed
        assert "step  200 /  200" in printed and "sample 20" in printed
    assert re.search(r"\nvalidation \d\.\d+\n", printed), "on a line of its own"

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
    assert all(int(line[:2]) + int(line[3:5]) == int(line[6:]) and line[2::3] == "+=" + line[8] for line in lines)
    assert '`complete("27+28=")` gives `27+28=055`' in TEXT
    assert "27+28=055" not in lines, "it was not in the list"

def test_the_parameters_are_kept_and_loaded_and_another_size_is_refused(tmp_path):
    put_input(tmp_path, ["abc", "cab", "b"])
    start, show = "from microgpt import *\n", "print([p.data for p in params])\n"

    def tried(look, **settings):
        return run(tmp_path, look=start + look + show, n_head=2, block_size=4, **{"n_embd": 4, **settings})

    trained = shown(tried(KEEP, num_steps=3).stdout)
    assert trained == shown(tried(KEEP, num_steps=0).stdout) != shown(tried("", num_steps=0).stdout)
    assert "AssertionError" in tried(KEEP, num_steps=0, n_embd=6).stderr
