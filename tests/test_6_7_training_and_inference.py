"""Sections 6 and 7: what happens between an untrained model and a trained one, and how it writes."""

import math
import random
from types import SimpleNamespace

import pytest
import reference
from harness import ADAM, data, load, losses_of, names_of, nodes, run_gpt, training_loop
from reference import exactly

def test_a_guess_costs_minus_the_logarithm_of_its_probability(script):
    """A guess costs its cross-entropy, -log(p), where p is the probability given to the right token: 0.9 costs 0.11, and a blind guess among 27 costs log(27) = 3.30.
    -log(exp(logit) / total) = -log(p)"""
    for p, cost in ((0.9, 0.11), (0.01, 4.61), (1 / 27, 3.30)):
        logits = nodes(script, [math.log((1 - p) / 26)] * 5 + [math.log(p)] + [math.log((1 - p) / 26)] * 21)
        assert script.cross_entropy(logits, 5).data == pytest.approx(cost, abs=0.005)

def test_the_gradient_of_a_guess_is_its_probability_less_one_for_the_right_token(script):
    numbers = [0.2, -1.0, 3.0, 1e-3]
    for shift in (0, 1000, -1000):
        for target_id in range(4):
            logits = nodes(script, [x + shift for x in numbers])
            script.cross_entropy(logits, target_id).backward()
            expected = [p - (i == target_id) for i, p in enumerate(reference.probabilities(numbers))]
            assert [logit.grad for logit in logits] == exactly(expected, rel=1e-9)
    logits = nodes(script, [0.0, 5000.0, 0.0])
    loss = script.cross_entropy(logits, 0)
    loss.backward()  # of a guess that was hopeless
    assert (loss.data, [logit.grad for logit in logits]) == (5000, [-1, 1, 0])
    assert script.softmax(logits)[0].data == 0

def test_the_loss_is_the_mean_over_all_guesses_from_real_tokens(script, monkeypatch):
    """"emma" is five lessons: BOS -> e, BOS e -> m, ..., BOS e m m a -> BOS.
    the last is only a target"""
    seen, right = [], [4, 12, 12, 0, 26]

    def gpt(token_id, pos_id, cache):
        seen.append((token_id, pos_id))
        return nodes(script, [pos_id * float(i == right[pos_id]) for i in range(27)])

    monkeypatch.setattr(script, "gpt", gpt)
    costs = [math.log(26 + math.exp(t)) - t for t in range(5)]
    assert script.loss_of("emma").data == exactly(sum(costs) / 5, rel=1e-12)
    assert seen == [(26, 0), (4, 1), (12, 2), (12, 3), (0, 4)]
    right[0] = 26
    assert script.loss_of("").data == exactly(math.log(27), rel=1e-12), "of nothing, the end can be guessed"

def test_each_document_starts_with_an_empty_cache(large):
    alone = large.loss_of("emma").data
    large.loss_of("olivia")
    assert large.loss_of("emma").data == alone
    large.sample()
    assert large.loss_of("emma").data == alone

def test_a_document_longer_than_the_context_is_cut_to_it(sized):
    whole = "".join(sized.uchars * sized.block_size)[: sized.block_size]
    cut = [sized.loss_of(whole + rest).data for rest in ("", "a", "ab" * 50)]
    assert cut[0] == cut[1] == cut[2] != sized.loss_of(whole[:-1]).data

def adam_moves(script, monkeypatch, gradients, **settings):
    """Apply these gradients to some of the parameters; return what they are after each step."""
    for name, value in settings.items():
        monkeypatch.setattr(script, name, value)
    monkeypatch.setattr(script, "params", script.params[: len(gradients[0])])
    moves = []
    for step, gradient in enumerate(gradients):
        for p, g in zip(script.params, gradient):
            p.grad = g
        script.adam(step)
        assert not any(p.grad for p in script.params), "every step starts from gradients of zero"
        moves.append(data(script.params))
    return moves

def test_adam_is_the_algorithm_of_the_paper_for_gradients_of_any_size(sized, size, monkeypatch):
    """But one name's gradient is noisy, so Adam (Kingma & Ba 2015) puts m / sqrt(v) in its place: m averages gradients, v their squares.
    avoids 0 / 0
    falls towards 0"""
    settings = {**{name: size.get(name) for name in ADAM}, "num_steps": 1205}
    draw, before = random.Random(5), data(sized.params[:30])
    scales = [0.0] + [10 ** draw.uniform(-12, 9) for _ in before[1:]]
    gradients = [[draw.choice([0, draw.gauss(0.3, 1)]) * scale for scale in scales] for _ in range(1200)]
    moves = adam_moves(sized, monkeypatch, gradients, **settings)
    for ours, theirs in zip(moves, reference.adam(before, gradients, **settings)):
        assert all(math.isclose(x, y, rel_tol=1e-9) for x, y in zip(ours, theirs))

def moves_of_one(script, monkeypatch, gradients, num_steps=10**9):
    """Return how far each of these gradients moves a parameter down, in learning rates."""
    script.m[0] = script.v[0] = 0.0
    at = [script.params[0].data]
    at += [x for (x,) in adam_moves(script, monkeypatch, [[g] for g in gradients], num_steps=num_steps)]
    return [(before - after) / script.learning_rate for before, after in zip(at, at[1:])]

def test_the_first_step_goes_down_the_slope_by_the_learning_rate_whatever_the_scale(script, monkeypatch):
    """The plain step is p.data -= learning_rate * p.grad.
    m and v start at 0, so they are too small at first."""
    for gradient in (5.0, 5e-4, -5e8):
        moves = moves_of_one(script, monkeypatch, [gradient])
        assert moves == exactly([math.copysign(1, gradient)], rel=1e-4)

def test_steps_are_long_where_gradients_agree_and_short_where_they_cancel(script, monkeypatch):
    """The ratio is near 1 or -1 where they agree, small where they cancel."""
    assert moves_of_one(script, monkeypatch, [-3e-5] * 100)[-1] == exactly(-1, rel=1e-3)
    assert abs(moves_of_one(script, monkeypatch, [3.0, -3.0] * 500)[-1]) < 0.1
    moves = moves_of_one(script, monkeypatch, [1.0] + [0.0] * 9, num_steps=10)
    assert all(before > after > 0 for before, after in zip(moves, moves[1:])), "it goes on by its momentum"
    moves = moves_of_one(script, monkeypatch, [1.0] * 1000, num_steps=1000)  # as the rate falls to nothing
    assert moves == pytest.approx([1 - step / 1000 for step in range(1000)], abs=1e-4)

def test_every_document_has_its_turn_whatever_its_loss_and_then_the_first_again(script):
    docs, events, costs = [object() for _ in range(40_001)], [], [0.0, 1e9, math.nan, -1.0, 2.5]

    def loss_of(doc):
        events.append(doc)
        return SimpleNamespace(data=costs[len(events) // 3 % 5], backward=lambda: events.append("backward"))

    script.m[0] = script.v[0] = 7.0
    printed = training_loop(script, docs=docs, num_steps=90_000, loss_of=loss_of, adam=events.append)
    expected = (event for step in range(90_000) for event in (docs[step % 40_001], "backward", step))
    assert len(events) == 270_000 and all(event == right for event, right in zip(events, expected))
    assert printed.count("\r") == 90_000 and script.m[0] == script.v[0] == 7, "Adam forgets nothing"
    assert printed.startswith("step    1 / 90000 | loss 0.0000\rstep    2 / 90000 | loss 1000000000.0000\r")

def test_one_name_is_learned_by_heart_with_its_beginning_and_end():
    """A special one, `BOS` (beginning of sequence), opens and closes a document, so that its first letter and its end can be guessed."""
    script = load(["abca"] * 60, num_steps=60, learning_rate=0.05, temperature=0.1, n_embd=8, n_head=2)
    assert names_of(script.printed) == ["abca"] * 20

def test_a_learning_rate_that_is_far_too_high_gives_finite_losses():
    for learning_rate in (1.0, 100.0):
        losses = losses_of(load(["baba", "diku", "me"] * 7, num_steps=20, learning_rate=learning_rate).printed)
        assert len(losses) == 20 and all(math.isfinite(loss) for loss in losses)

@pytest.fixture
def draws(monkeypatch):
    """Let a model draw these tokens, and then no others; collect what it would have drawn by."""
    def drawing(tokens):
        collected, drawn = [], iter(tokens)
        monkeypatch.setattr(random, "choices", lambda *by: collected.append(by) or [next(drawn)])
        return collected
    return drawing

def test_each_token_is_drawn_by_the_probabilities_after_all_before_it_to_the_end_of_the_context(sized, draws):
    """Each token drawn becomes the next input."""
    draw = random.Random(3)
    tokens = [draw.randrange(sized.BOS) for _ in range(sized.block_size)]
    collected = draws(tokens)
    assert sized.sample() == "".join(sized.uchars[token] for token in tokens)
    assert len(collected) == sized.block_size
    for (population, weights), logits in zip(collected, run_gpt(sized, [sized.BOS, *tokens[:-1]])):
        assert [*population] == [*range(sized.vocab_size)]
        assert weights == exactly(reference.probabilities(data(logits), sized.temperature), rel=1e-9)

def test_a_name_ends_where_the_model_draws_bos(sized, draws):
    for length in range(4):
        draws([0] * length + [sized.BOS])
        assert sized.sample() == sized.uchars[0] * length

def test_nothing_is_learned_while_the_model_writes(script):
    before = [(p.data, p.grad) for p in script.params]
    script.sample()
    assert [(p.data, p.grad) for p in script.params] == before

def test_a_temperature_below_1_makes_draws_safer_and_one_above_bolder(script, draws, monkeypatch):
    """low is safe, high is bold: of [2, 1, 0], the 2 gets 0.87, not 0.67"""
    monkeypatch.setattr(script, "gpt", lambda *_: nodes(script, [2.0, 1.0, 0.0] + [-999.0] * 24))
    table = [(1, [0.67, 0.24, 0.09]), (2, [0.51, 0.31, 0.19]), (5, [0.40, 0.33, 0.27])]
    for temperature, expected in [*table, (0.5, [0.87, 0.12, 0.02]), (0.05, [1, 0, 0])]:
        monkeypatch.setattr(script, "temperature", temperature)
        collected = draws([26])
        script.sample()
        assert collected[0][1] == pytest.approx(expected + [0] * 24, abs=0.0051)
