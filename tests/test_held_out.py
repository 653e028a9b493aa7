"""The program behind the README's figures measures what it says."""

import math
import subprocess
import sys

import pytest
from harness import ROOT
from held_out import pair_loss, split

def test_what_is_measured_on_was_not_trained_on():
    train, test = split()
    assert (len(train), len(test)) == (33613 - 1500, 1000)
    assert len({*train, *test}) == 33613 - 500

def test_the_loss_of_letter_pairs_is_that_of_counting():
    # with one more each: after the start a 2, b 2 of 5; after a, b 2 of 4; after b, the end 3 of 5
    expected = -(math.log(2 / 5) + math.log(2 / 4) + math.log(3 / 5)) / 3
    assert pair_loss(["ab", "b"], ["ab"]) == pytest.approx(expected)

def test_settings_and_options_may_come_in_any_order_and_slips_are_named():
    def printed(*words):
        command = [sys.executable, "tests/held_out.py", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    words = ["n_layer=0", "--without-positions", "num_steps=1", "n_embd = 1", "n_head=1"]
    assert "parameters: 70\n" in printed(*words).stdout
    assert "no setting 'n_heads'; there are n_layer, " in printed("n_heads=1").stderr
    assert "'n_head=four' gives n_head no number" in printed("n_head=four").stderr
