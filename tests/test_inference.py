"""Room 7: the model speaks."""

import math
import random
from collections import Counter

import pytest
import reference
from harness import load, names_of


def test_the_same_seed_gives_the_same_names():
    first, second = load(num_steps=3), load(num_steps=3)
    assert first.printed == second.printed
    assert len(set(names_of(first.printed))) > 10


def test_names_are_drawn_with_the_probabilities_of_the_model():
    """The reference on plain numbers, with the same draws, says the same names."""
    script = load(num_steps=0, block_size=6, temperature=0.7)
    random.seed(42)
    random.shuffle(list(script.docs))
    for _ in script.params:
        random.gauss(0, 0.08)
    state = reference.numbers(script.state_dict)
    names = []
    for _ in range(20):
        tokens = [26]
        while len(tokens) <= 6:
            logits = reference.logits_of(tokens, state, script.n_head)[-1]
            weights = reference.probabilities([z / 0.7 for z in logits])
            (token,) = random.choices(range(27), weights)
            if token == 26:
                break
            tokens.append(token)
        names.append("".join("abcdefghijklmnopqrstuvwxyz"[token] for token in tokens[1:]))
    assert names_of(script.printed) == names


@pytest.mark.parametrize("block_size", [1, 3, 16])
def test_a_name_is_never_longer_than_the_context(block_size):
    script = load(["a" * 24], num_steps=20, block_size=block_size, temperature=0.1)
    assert {len(name) for name in names_of(script.printed)} == {block_size}


def test_a_name_ends_where_the_model_says_bos():
    script = load(["a"], num_steps=40, learning_rate=0.05, temperature=0.1)
    assert names_of(script.printed) == ["a"] * 20


@pytest.fixture(scope="module")
def by_temperature():
    """First letters of 20 names, from one training at three temperatures."""
    return {
        t: names_of(load(["a", "a", "b", "c"] * 5, num_steps=40, temperature=t).printed)
        for t in (0, 0.01, 1.0, 1000.0)
    }


def test_a_low_temperature_always_takes_the_likeliest(by_temperature):
    assert set(by_temperature[0.01]) == {"a"}
    assert by_temperature[0] == by_temperature[0.01]


def test_a_high_temperature_takes_any_character(by_temperature):
    assert set("".join(by_temperature[1.0])) == set("abc")
    tokens = Counter("".join(by_temperature[1000.0]))
    lengths = [len(name) for name in by_temperature[1000.0]]
    stops = sum(length < 16 for length in lengths)
    total = sum(tokens.values()) + stops
    for count in [*tokens.values(), stops]:  # each of a, b, c and BOS about a quarter
        assert abs(count / total - 0.25) < 4 * math.sqrt(0.25 * 0.75 / total)
    assert max(lengths) > 2 > max(map(len, by_temperature[0.01]))


def test_nothing_is_learned_while_the_model_speaks():
    script = load(num_steps=2)
    assert not any(p.grad for p in script.params)
