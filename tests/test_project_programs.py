"""The programs behind the README's figures measure what they say."""

import math

import pytest
from harness import data, load
from held_out import WITHOUT_POSITIONS, frequency_loss, loss_per_character, measure, split


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
    train, validation, test = split()
    row = measure(train, validation[:40], samples=50, num_steps=60, n_embd=8, n_head=2)
    assert row["parameters"] == (27 + 16 + 27) * 8 + 12 * 8**2
    assert row["held-out loss"] < frequency_loss(train, validation[:40], 0) + 0.2
    assert 0 <= row["names in the data"] <= 1 < row["different names"] <= 50
    start, end = (load(["abc"], WITHOUT_POSITIONS, num_steps=n, n_embd=4, n_head=2) for n in (0, 2))
    assert data(end.state_dict["wpe"][1]) == data(start.state_dict["wpe"][1]), "never used"
    assert not set(row["new names"].split(", ")) & {*train, *validation, *test}
