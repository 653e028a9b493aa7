"""The program behind the README's figures measures what it says."""

import math
import shutil
import subprocess
import sys

import pytest
from harness import ROOT, turned
from held_out import pair_loss, split

def test_what_is_measured_on_was_not_trained_on():
    train, test = split(map(str, range(5000)))
    assert (len(train), len(test), len({*train, *test})) == (3500, 1000, 4500)

def test_the_loss_of_letter_pairs_is_that_of_counting():
    # with one more each: after the start a 2, b 2 of 5; after a, b 2 of 4; after b, the end 3 of 5
    expected = -(math.log(2 / 5) + math.log(2 / 4) + math.log(3 / 5)) / 3
    assert pair_loss(["ab", "b"], ["ab"]) == pytest.approx(expected)

def test_the_settings_are_those_of_the_file_but_for_those_of_the_command(tmp_path):
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "input.txt").write_text("ab\n" * 2600)
    (tmp_path / "microgpt.py").write_text(turned({"n_layer": 0, "num_steps": 2, "temperature": 0.9}), "utf-8")

    def tried(*words):
        command = [sys.executable, "tests/held_out.py", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = tried("n_embd = 1", "--without-positions", "num_steps=1", "n_head=1")
    assert "settings: n_layer=0 n_embd=1 block_size=16 n_head=1 num_steps=1 learning_rate=0.01 " in done.stdout
    assert " temperature=0.9\n" in done.stdout and "parameters: 22\n" in done.stdout
    assert "step    1 /    1" in done.stderr, "it shows that it works"
    for slip in ("n_heads=1", "n_head=four", "n_head"):
        assert f"invalid setting value: '{slip}'" in tried(slip).stderr
