"""The programs behind the README's figures measure what they say."""

import math
import subprocess
import sys

import pytest
from benchmark import PROGRAMS
from harness import ROOT, load
from held_out import frequency_loss, loss_per_character, measure, split


def test_what_is_measured_on_was_not_trained_on():
    train, validation, test = split()
    assert (len(train), len(validation), len(test)) == (33613 - 1500, 500, 1000)
    assert len({*train, *validation, *test}) == 33613


def test_the_loss_of_frequencies_is_that_of_counting():
    # "ab." and "b.": counts with one more each are a 2, b 3, end 3 of 8
    expected = -(math.log(2 / 8) + math.log(3 / 8) + math.log(3 / 8)) / 3
    assert frequency_loss(["ab", "b"], ["ab"], 0) == pytest.approx(expected)
    # after the start a 2, b 2 of 5; after a: b 2 of 4; after b: end 3 of 5
    expected = -(math.log(2 / 5) + math.log(2 / 4) + math.log(3 / 5)) / 3
    assert frequency_loss(["ab", "b"], ["ab"], 1) == pytest.approx(expected)


def test_each_character_counts_as_much_as_any_other(script):
    expected = (script.loss_of("mariana").data * 8 + script.loss_of("bo").data * 3) / 11
    assert loss_per_character(script, ["mariana", "bo"]) == pytest.approx(expected)


def test_a_row_of_the_table():
    pytest.importorskip("resource", reason="Windows has no module to measure memory with")
    train, validation, test = split()
    row = measure(train, validation[:40], samples=50, num_steps=60, n_embd=8, n_head=2)
    assert row["parameters"] == (27 + 16 + 27) * 8 + 12 * 8**2
    assert row["held-out loss"] < frequency_loss(train, validation[:40], 0) + 0.2
    assert row["ms per step"] == row["seconds"] / 60 * 1000 > 0
    assert row["peak MiB"] > 5
    assert 0 <= row["real names"] <= 1
    assert not set(row["new names"]) & {*train, *validation, *test}


def test_the_variants_of_the_benchmark_compute_the_same():
    knobs = {"num_steps": 2, "n_embd": 4, "n_head": 2}
    printed = {load(["abc", "cab"], changes, **knobs).printed for changes in PROGRAMS.values()}
    assert len(printed) == 1
    assert "step    2 /    2" in printed.pop()


def test_the_benchmark_prints_a_cost_for_each_variant():
    command = [sys.executable, ROOT / "tests/benchmark.py", "--steps", "1", "--rounds", "1"]
    lines = subprocess.check_output(command, text=True).split("\n")
    for line, name in zip(lines[1:], PROGRAMS):
        cost, unit, ratio, times = line[len(name) :].split()
        assert (unit, times) == ("ms/step", "times")
        assert float(cost) > 0 < float(ratio)
