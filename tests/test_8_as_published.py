"""What holds the script as published: whoever changes a setting or a comment finds these red, and these alone."""

import ast
import hashlib
import math
import os
import re
import shutil
from pathlib import Path

import pytest
from harness import PUBLISHED, ROOT, SCRIPT, load, losses_of, names_of, own_names, recorded, run

NAMES = os.environ.get("MICROGPT_NAMES")
CHANGED = "microgpt.py is not as published, which is fine if you changed it"
TEXT = SCRIPT.read_text(encoding="utf-8")

def is_recorded(printed, recording):
    expected, losses = recorded(recording), losses_of(printed)
    counts = [f"{name.replace('_', ' ')}: {expected[name]}" for name in ("num_docs", "vocab_size", "num_params")]
    assert printed.split("\n")[:3] == counts, CHANGED
    assert len(losses) == len(expected["losses"]) == 1000, CHANGED
    assert losses == pytest.approx(expected["losses"], rel=0, abs=1.01e-4), CHANGED  # the last decimal may differ
    assert names_of(printed) == expected["names"], CHANGED

def test_the_settings_have_their_published_values():
    for name, value in PUBLISHED.items():
        assert [*map(float, re.findall(rf"^{name} = (\S+)", TEXT, re.MULTILINE))] == [value], CHANGED

def test_the_run_on_the_names_of_this_project_is_the_recorded_one(the_run):
    is_recorded(the_run, "input.json")

@pytest.mark.skipif(not NAMES, reason="MICROGPT_NAMES names no copy of the classic names")
def test_the_run_on_the_classic_names_is_the_published_one(tmp_path):
    assert hashlib.sha256(Path(NAMES).read_bytes()).hexdigest() == recorded("names.json")["sha256"]
    shutil.copyfile(NAMES, tmp_path / "input.txt")
    is_recorded(run(tmp_path, text=TEXT).stdout, "names.json")

def test_the_run_makes_the_names_that_the_script_shows_and_reaches_the_loss_that_it_promises():
    """It starts as random numbers, reads a thousand names from a list, then makes up anlen, ayava, marma.
    the average loss falls to 2.4"""
    run, names = recorded("input.json"), own_names()
    for name in ("anlen", "ayava", "marma"):
        assert name in run["names"] and name not in names
    assert math.fsum(run["losses"][-200:]) / 200 == pytest.approx(2.4, abs=0.05)

def test_a_run_prints_its_counts_its_losses_and_twenty_samples():
    script = load(["abca", "cab", "bb"], num_steps=2, n_embd=4, n_head=2)
    printed = re.sub(r"\d\.\d{4}(?=\r)|(?<=: )[abc]*$", "*", script.printed, flags=re.MULTILINE)
    assert printed == (
        f"num docs: 3\nvocab size: 4\nnum params: {len(script.params)}\n"
        "step    1 /    2 | loss *\rstep    2 /    2 | loss *\r\n--- inference (new, hallucinated names) ---\n"
        + "".join(f"sample {i:2d}: *\n" for i in range(1, 21))
    )

def prose():
    """Return the sentences of the script: those of its paragraphs, and the comments beside its code."""
    beside = re.findall(r"^.*\S.*  # (.*)$", TEXT, re.MULTILINE)
    docstrings = re.findall(r'"""(.*?)"""', TEXT, re.DOTALL)
    paragraphs = docstrings + re.findall(r"^ *# (.*(?:\n *# .*)*)", TEXT, re.MULTILINE)
    words = [" ".join(re.sub(r"\n *#", " ", paragraph).split()) for paragraph in paragraphs]
    return beside + re.split(r"\n|(?<=[.?!]) +(?=[A-Z`*\"(])", "\n".join(words))

def said():
    """Return what the docstrings of tests quote from the script, a sentence a line."""
    trees = [ast.parse(path.read_text("utf-8")) for path in ROOT.glob("tests/test_[1-8]*.py")]
    tests = [node for tree in trees for node in tree.body if getattr(node, "name", "").startswith("test_")]
    return [line for test in tests for line in (ast.get_docstring(test) or "").splitlines()]

def test_what_the_tests_quote_is_what_the_script_says():
    script_says = prose()
    assert [sentence for sentence in said() if sentence not in script_says] == [], CHANGED

def test_every_number_in_the_prose_is_checked():
    checked = said()
    known = r"\((He et al\.|\w+ & \w+|\w+ et al\.) \d{4}\)|\(section 5\)"
    others = [re.sub(known, "", sentence) for sentence in prose() if sentence not in checked]
    assert [sentence for sentence in others if re.search(r"\d", sentence)] == [], CHANGED
