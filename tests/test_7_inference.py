"""Section 7: the model writes."""

import random

import pytest
import reference
from harness import load, names_of, nodes, says

DOCS = ["abca", "cabcab", "bb"]
TINY = {"n_layer": 2, "n_embd": 8, "n_head": 2, "block_size": 5}

@pytest.fixture(scope="module")
def trained():
    return load(DOCS, num_steps=30, temperature=0.7, **TINY)

def by_the_reference(trained, tokens, temperature):
    """Return the probabilities of what follows these tokens, on plain numbers."""
    logits = reference.logits_of(tokens, reference.numbers(trained), trained.n_head)[-1]
    return reference.probabilities([z / temperature for z in logits])

def test_names_are_drawn_with_the_probabilities_of_the_trained_model(trained):
    """The reference, with the same draws, writes the same names."""
    random.seed(42)
    random.shuffle(list(DOCS))
    for _ in trained.params:
        random.gauss(0, 0.08)
    names = []
    for _ in range(20):
        tokens = [3]
        while len(tokens) <= 5:
            (token,) = random.choices(range(4), by_the_reference(trained, tokens, 0.7))
            if token == 3:
                break
            tokens.append(token)
        names.append("".join("abc"[token] for token in tokens[1:]))
    assert names_of(trained.printed) == names
    assert len(set(names)) > 5
    assert max(map(len, names)) == 5, "the whole context is used"

@pytest.fixture
def draws(trained, monkeypatch):
    """Let the model draw c at each position; collect the probabilities it would have drawn by."""
    collected = []

    def choices(population, weights):
        assert list(population) == [0, 1, 2, 3]
        collected.append(weights)
        return [2]

    monkeypatch.setattr(trained.random, "choices", choices)
    return collected

def test_a_letter_is_drawn_by_the_probabilities_after_all_before_it(trained, draws, monkeypatch):
    monkeypatch.setattr(trained, "temperature", 0.1)
    assert trained.sample() == "ccccc"
    for t, weights in enumerate(draws):
        expected = by_the_reference(trained, [3, 2, 2, 2, 2][: t + 1], 0.1)
        assert min(expected) < 1e-4
        assert weights == pytest.approx(expected, rel=1e-9)
    assert len(draws) == 5

def test_a_beginning_is_continued_and_nothing_is_drawn_within_it(trained, draws):
    says('def sample(text=""): # continues: "mar" -> "maria", perhaps')
    whole = trained.sample("ab")
    assert (whole, len(draws)) == ("abccc", 3)
    assert draws[0] == pytest.approx(by_the_reference(trained, [3, 0, 1], 0.7), rel=1e-9)

def test_a_beginning_that_fills_the_context_is_given_back(trained, draws):
    assert trained.sample("abcab") == "abcab"
    assert trained.sample("abcabc") == "abcabc"
    assert draws == []

def test_a_name_ends_where_the_model_draws_bos(trained, monkeypatch):
    says("each token drawn is fed back in, until `BOS` is drawn or the context is full.")
    drawn = iter([0, 1, 3])
    monkeypatch.setattr(trained.random, "choices", lambda *_: [next(drawn)])
    assert trained.sample() == "ab"

def test_nothing_is_learned_while_the_model_writes(script):
    before = [(p.data, p.grad) for p in script.params]
    script.sample()
    assert all((p.data, p.grad) == b for p, b in zip(script.params, before))

def test_a_temperature_below_1_makes_draws_safer_and_one_above_bolder(trained, draws, monkeypatch):
    says("a low one plays safe, a high one is bold", "[2, 1, 0] gives [0.87, 0.12, 0.02], not [0.67, 0.24, 0.09]")
    monkeypatch.setattr(trained, "gpt", lambda *_: nodes(trained, [2.0, 1.0, 0.0, -99.0]))
    table = {1: [0.67, 0.24, 0.09], 2: [0.51, 0.31, 0.19], 0.5: [0.87, 0.12, 0.02], 0.01: [1, 0, 0]}
    for temperature, expected in table.items():
        monkeypatch.setattr(trained, "temperature", temperature)
        trained.sample()
        assert draws[-1] == pytest.approx([*expected, 0], abs=0.0051)
