"""Section 6: what happens between an untrained model and a trained one."""

import math
import random

import pytest
import reference
from harness import ADAM, data, load, losses_of, names_of, nodes, training_loop

def test_a_guess_costs_minus_the_logarithm_of_its_probability(script):
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
            assert [logit.grad for logit in logits] == pytest.approx(expected, rel=1e-9)

def test_a_guess_that_was_hopeless_has_a_finite_cost_and_a_slope(script):
    logits = nodes(script, [0.0, 5000.0, 0.0])
    loss = script.cross_entropy(logits, 0)
    loss.backward()
    assert (loss.data, [logit.grad for logit in logits]) == (5000, [-1, 1, 0])
    assert script.softmax(logits)[0].data == 0

def test_the_loss_is_the_mean_over_all_guesses_from_real_tokens(script, monkeypatch):
    seen, right = [], [4, 12, 12, 0, 26]

    def gpt(token_id, pos_id, cache):
        seen.append((token_id, pos_id))
        logits = [0.0] * 27
        logits[right[pos_id]] = float(pos_id)
        return nodes(script, logits)

    monkeypatch.setattr(script, "gpt", gpt)
    costs = [math.log(26 + math.exp(t)) - t for t in range(5)]
    assert script.loss_of("emma").data == pytest.approx(sum(costs) / 5)
    assert seen == [(26, 0), (4, 1), (12, 2), (12, 3), (0, 4)]

def test_a_document_longer_than_the_context_is_cut_to_it(sized):
    whole = "".join(sized.uchars * sized.block_size)[: sized.block_size]
    cut = [sized.loss_of(whole + rest).data for rest in ("", "a", "cab" * 50)]
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
    settings = {**{name: size.get(name) for name in ADAM}, "num_steps": 320}
    draw, before = random.Random(5), data(sized.params[:60])
    scales = [0.0] + [10 ** draw.uniform(-12, 4) for _ in before[1:]]
    gradients = [[draw.gauss(0.3, 1) * scale for scale in scales] for _ in range(300)]
    moves = adam_moves(sized, monkeypatch, gradients, **settings)
    for ours, theirs in zip(moves, reference.adam(before, gradients, **settings)):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-15)

def moves_of_one(script, monkeypatch, gradients, num_steps=10**9):
    """Return how far each of these gradients moves a parameter down, in learning rates."""
    at = [script.params[0].data]
    at += [x for (x,) in adam_moves(script, monkeypatch, [[g] for g in gradients], num_steps=num_steps)]
    return [(before - after) / script.learning_rate for before, after in zip(at, at[1:])]

def test_the_first_step_goes_down_the_slope_by_the_learning_rate_whatever_the_scale(script, monkeypatch):
    for gradient in (5.0, 5e-4, -5e4):
        script.m[0] = script.v[0] = 0.0
        moves = moves_of_one(script, monkeypatch, [gradient])
        assert moves == pytest.approx([math.copysign(1, gradient)], rel=1e-4)

def test_steps_are_long_where_gradients_agree_and_short_where_they_cancel(script, monkeypatch):
    assert moves_of_one(script, monkeypatch, [-3e-5] * 100)[-1] == pytest.approx(-1, abs=1e-3)
    script.m[0] = script.v[0] = 0.0
    assert abs(moves_of_one(script, monkeypatch, [3.0, -3.0] * 500)[-1]) < 0.1

def test_every_document_has_its_turn_whatever_its_loss_and_then_the_first_again():
    docs, events, costs = [object() for _ in range(5001)], [], [0.0, 1e9, math.nan, -1.0, 2.5]

    class Loss:
        def __init__(self, doc):
            self.data = costs[len(events) // 3 % len(costs)]
            events.append(doc)

        def backward(self):
            events.append("backward")

    printed = training_loop(docs=docs, num_steps=12_000, loss_of=Loss, adam=events.append)
    expected = [event for step in range(12_000) for event in (docs[step % 5001], "backward", step)]
    same = events == expected  # outside of assert, which would print both
    assert same
    assert printed.count("\r") == 12_000
    assert printed.startswith("step    1 / 12000 | loss 0.0000\rstep    2 / 12000 | loss 1000000000.0000\r")

def syllables(count):
    """Return so many documents, in each of which consonants and vowels take turns."""
    draw = random.Random(1)
    lengths = [draw.randrange(1, 4) for _ in range(count)]
    return ["".join(draw.choice("bdkm") + draw.choice("aeiu") for _ in range(n)) for n in lengths]

def test_one_name_is_learned_by_heart_with_its_beginning_and_end():
    script = load(["abca"], num_steps=60, learning_rate=0.05, temperature=0.1, n_embd=8, n_head=2)
    assert names_of(script.printed) == ["abca"] * 20

def test_a_learning_rate_that_is_far_too_high_gives_finite_losses():
    for learning_rate in (1.0, 100.0):
        losses = losses_of(load(syllables(99), num_steps=20, learning_rate=learning_rate).printed)
        assert len(losses) == 20
        assert all(math.isfinite(loss) for loss in losses)
