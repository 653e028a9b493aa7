"""Section 7: the model writes."""

import random

import pytest
import reference
from harness import nodes

@pytest.fixture
def draws(monkeypatch):
    """Let a model draw these tokens, and then no others; collect what it would have drawn by."""
    def drawing(tokens):
        collected, drawn = [], iter(tokens)

        def choices(population, weights):
            collected.append((list(population), weights))
            return [next(drawn)]

        monkeypatch.setattr(random, "choices", choices)
        return collected

    return drawing

def test_each_token_is_drawn_by_the_probabilities_after_all_before_it_to_the_end_of_the_context(sized, draws):
    draw = random.Random(3)
    tokens = [draw.randrange(sized.BOS) for _ in range(sized.block_size)]
    collected = draws(tokens)
    assert sized.sample() == "".join(sized.uchars[token] for token in tokens)
    assert len(collected) == sized.block_size
    logits = reference.logits_of([sized.BOS, *tokens[:-1]], reference.numbers(sized), sized.n_head)
    for (population, weights), ours in zip(collected, logits):
        assert population == list(range(sized.vocab_size))
        expected = reference.probabilities(ours, sized.temperature)
        assert weights == pytest.approx(expected, rel=1e-7, abs=1e-300)

def test_a_name_ends_where_the_model_draws_bos(sized, draws):
    for length in range(4):
        draws([1] * length + [sized.BOS])
        assert sized.sample() == sized.uchars[1] * length

def test_nothing_is_learned_while_the_model_writes(script):
    before = [(p.data, p.grad) for p in script.params]
    script.sample()
    assert [(p.data, p.grad) for p in script.params] == before

def test_a_temperature_below_1_makes_draws_safer_and_one_above_bolder(script, draws, monkeypatch):
    monkeypatch.setattr(script, "gpt", lambda *_: nodes(script, [2.0, 1.0, 0.0] + [-999.0] * 24))
    table = [(1, [0.67, 0.24, 0.09]), (2, [0.51, 0.31, 0.19]), (5, [0.40, 0.33, 0.27])]
    for temperature, expected in [*table, (0.5, [0.87, 0.12, 0.02]), (0.05, [1, 0, 0])]:
        monkeypatch.setattr(script, "temperature", temperature)
        collected = draws([26])
        script.sample()
        assert collected[0][1] == pytest.approx(expected + [0] * 24, abs=0.0051)
