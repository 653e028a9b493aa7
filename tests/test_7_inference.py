"""Section 7: the model writes."""

import random

import pytest
import reference
from harness import load, names_of, says

DOCS = ["abca", "cabcab", "bb"]
TINY = {"n_layer": 2, "n_embd": 8, "n_head": 2, "block_size": 5}


def test_names_are_drawn_with_the_probabilities_of_the_trained_model():
    """The reference on plain numbers, with the same draws, writes the same names."""
    script = load(DOCS, num_steps=30, temperature=0.7, **TINY)
    state = reference.numbers(script)
    random.seed(42)
    random.shuffle(list(DOCS))
    for _ in script.params:
        random.gauss(0, 0.08)
    names = []
    for _ in range(20):
        tokens = [3]
        while len(tokens) <= 5:
            logits = reference.logits_of(tokens, state, 2)[-1]
            (token,) = random.choices(range(4), reference.probabilities([z / 0.7 for z in logits]))
            if token == 3:
                break
            tokens.append(token)
        names.append("".join("abc"[token] for token in tokens[1:]))
    assert names_of(script.printed) == names
    assert len(set(names)) > 5
    assert max(map(len, names)) == 5, "the whole context is used"


def test_nothing_is_learned_while_the_model_writes(script):
    says("No parameter changes.")
    before = [(p.data, p.grad) for p in script.params]
    script.sample()
    assert all((p.data, p.grad) == b for p, b in zip(script.params, before))


def test_temperature_stretches_or_shrinks_the_differences(script, monkeypatch):
    says("At 1, logits of 2, 1 and 0 give 0.67, 0.24 and 0.09; at 2, a bolder 0.51, 0.31 and 0.19;")
    says("at 0.5, a safer 0.87, 0.12 and 0.02. Towards 0, the likeliest token takes all")
    table = {1: [0.67, 0.24, 0.09], 2: [0.51, 0.31, 0.19], 0.5: [0.87, 0.12, 0.02]}
    for temperature, expected in {**table, 0.01: [1, 0, 0]}.items():
        drawn = []

        def choices(population, weights, drawn=drawn):
            drawn.append(weights)
            return [script.BOS]

        monkeypatch.setattr(script, "temperature", temperature)
        monkeypatch.setattr(script, "gpt", lambda *_: [script.Value(z) for z in (2.0, 1.0, 0.0)])
        monkeypatch.setattr(script.random, "choices", choices)
        assert script.sample() == ""
        assert drawn == [pytest.approx(expected, abs=0.0051)]
