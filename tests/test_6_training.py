"""Section 6: what happens between an untrained model and a trained one."""

import math
import random
from collections import Counter

import pytest
import reference
from harness import data, load, losses_of, names_of, nodes, numeric_gradient, own_names, says
from held_out import loss_per_character

DOCS = ["abca", "cab", "bb"]
TINY = {"n_embd": 4, "n_head": 2, "block_size": 3}
LEAST = {"n_layer": 0, "n_embd": 1, "n_head": 1, "block_size": 2}

def one_guess(script, monkeypatch, logits, doc):
    """Let these logits guess the first letter of the document; return the loss and its slopes."""
    logits = nodes(script, logits)
    monkeypatch.setattr(script, "block_size", 1)
    monkeypatch.setattr(script, "gpt", lambda *_: logits)
    loss = script.loss_of(doc)
    loss.backward()
    return loss.data, [logit.grad for logit in logits]

def test_a_guess_costs_minus_the_logarithm_of_its_probability(script, monkeypatch):
    says("A guess costs its *cross-entropy*, minus the natural log of the right token's probability:")
    says("0.9 costs 0.11, and a blind guess among 27 costs log(27) = 3.30.")
    for p, cost in ((0.9, 0.11), (0.01, 4.61), (1 / 27, 3.30)):
        logits = [math.log(p)] + [math.log((1 - p) / 26)] * 26
        assert one_guess(script, monkeypatch, logits, "a")[0] == pytest.approx(cost, abs=0.005)

def test_the_gradient_of_a_guess_is_its_probability_less_one_for_the_right_token(script, monkeypatch):
    numbers = [0.2, -1.0, 3.0] + [0.5] * 24
    for target_id, doc in ((0, "a"), (2, "c"), (26, "")):
        expected = [p - (i == target_id) for i, p in enumerate(reference.probabilities(numbers))]
        assert one_guess(script, monkeypatch, numbers, doc)[1] == pytest.approx(expected)

def test_a_guess_that_was_hopeless_has_a_finite_cost_and_a_slope(script, monkeypatch):
    loss, slopes = one_guess(script, monkeypatch, [0.0, 5000.0] + [0.0] * 25, "a")
    assert (loss, slopes[:2]) == (5000, [-1, 1])

def test_the_loss_is_the_mean_over_all_guesses_from_real_tokens(script, monkeypatch):
    says('"emma" is five lessons, BOS -> e, BOS e -> m, ..., BOS emma -> BOS.')
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

def test_a_document_longer_than_the_context_is_cut_to_it(script):
    says("cut to the context")
    losses = [script.loss_of("abcdefghijklmnop" + rest).data for rest in ("", "q", "xyz" * 50)]
    assert losses[0] == losses[1] == losses[2] != script.loss_of("abcdefghijklmno").data

def plain_adam(parameters, gradients, steps, rate=0.01, beta1=0.85, beta2=0.99, eps=1e-8):
    """Adam as the paper writes it (Kingma & Ba 2015, algorithm 1), parameter by parameter."""
    trained = []
    for i, theta in enumerate(parameters):
        m = v = 0.0
        for t in range(1, len(gradients) + 1):
            g = gradients[t - 1][i]
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            alpha = rate * (1 - (t - 1) / steps)
            theta -= alpha * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        trained.append(theta)
    return trained

@pytest.mark.parametrize(("eps", "rate"), [(1e-8, 0.01), (0.5, 100.0)])
def test_adam_is_the_algorithm_of_the_paper_for_gradients_of_any_size(eps, rate):
    says("keeps moving averages, `m` of gradients and `v` of their squares")
    script = load(DOCS, num_steps=0, learning_rate=rate, eps_adam=eps, **TINY)
    script.num_steps = 6
    draw = random.Random(5)
    before = data(script.params)
    gradients = [[draw.gauss(0, 1) * 10 ** draw.uniform(-6, 6) for _ in before] for _ in range(6)]
    for step, gradient in enumerate(gradients):
        for p, g in zip(script.params, gradient):
            p.grad = g
        script.adam(step)
        assert not any(p.grad for p in script.params), "every step starts from gradients of zero"
        expected = plain_adam(before, gradients[: step + 1], 6, rate, eps=eps)
        assert data(script.params) == pytest.approx(expected, rel=1e-9, abs=1e-12)

def one_parameter_after(gradients, steps=10**9):
    """Return how far each of these gradients moves a parameter down, in learning rates."""
    script = load(["ab"], num_steps=0, **LEAST)
    script.num_steps, p, moves = steps, script.params[0], []
    for step, gradient in enumerate(gradients):
        before, p.grad = p.data, gradient
        script.adam(step)
        moves.append((before - p.data) / script.learning_rate)
    return moves

def test_the_first_step_goes_down_the_slope_by_the_learning_rate_whatever_the_scale():
    says("After *bias correction* for their start at 0", "Each step subtracts `lr_t` times that.")
    for gradient in (5.0, 5e-4, -5e4):
        assert one_parameter_after([gradient]) == pytest.approx([math.copysign(1, gradient)], rel=1e-4)

def test_a_parameter_without_a_gradient_stays_where_it_is():
    says("avoids 0 / 0")
    assert one_parameter_after([0.0, 0.0]) == [0, 0]

def test_steps_are_long_where_gradients_agree_and_short_where_they_cancel():
    says("m / sqrt(v) is near 1 or -1 if gradients agree, at any scale, and small if they cancel.")
    assert one_parameter_after([-3.0] * 100)[-1] == pytest.approx(-1, abs=1e-4)
    assert abs(one_parameter_after([3.0, -3.0] * 500)[-1]) < 0.1

def test_the_rate_falls_in_a_straight_line_and_would_be_0_after_the_last_step():
    says("at first; falls towards 0")
    moves = one_parameter_after([2.0] * 101, steps=100)
    assert moves == pytest.approx([1 - step / 100 for step in range(101)], abs=1e-6)

def test_training_without_autograd_ends_in_the_same_parameters():
    """Twice through the documents, each derivative by finite differences."""
    script = load(DOCS, num_steps=0, **TINY)
    start = parameters = data(script.params)
    gradients, losses = [], []
    for step in range(6):
        tokens = [3, *("abc".index(char) for char in script.docs[step % 3]), 3]

        def loss(*parameters, tokens=tokens):
            return reference.loss_of(tokens, reference.numbers(script, parameters), 2, 3)

        losses.append(loss(*parameters))
        gradients.append(numeric_gradient(loss, parameters))
        parameters = plain_adam(start, gradients, 6)

    trained = load(DOCS, num_steps=6, **TINY)
    assert losses_of(trained.printed) == pytest.approx(losses, abs=2e-4)
    assert data(trained.params) == pytest.approx(parameters, abs=1e-4)

def test_every_document_has_its_turn_and_then_the_first_again():
    """The only one with a "b" costs more than any other, since no other teaches it."""
    random.seed(42)
    places = list(range(1501))
    random.shuffle(places)
    lines = ["a"] * 1501
    lines[places[1400]] = "b"
    losses = losses_of(load(lines, num_steps=3010, learning_rate=0.1, **LEAST).printed)
    assert len(losses) == 3010
    for turn in (1400, 1400 + 1501):
        assert losses[turn] > 2 * max(losses[turn - 500 : turn])

def test_a_trained_model_knows_more_than_the_frequencies_of_letters():
    script = load(num_steps=100, n_embd=8, learning_rate=0.03)
    letters = Counter("".join(doc + "." for doc in script.docs))
    total = sum(letters.values())
    entropy = -sum(n / total * math.log(n / total) for n in letters.values())
    assert loss_per_character(script, script.docs[-60:]) < entropy - 0.1

def test_one_name_is_learned_by_heart_with_its_beginning_and_end():
    script = load(["abca"], num_steps=60, learning_rate=0.05, temperature=0.1, n_embd=8, n_head=2)
    assert names_of(script.printed) == ["abca"] * 20
    assert len(losses_of(script.printed)) == 60, "it goes on even when it knows all"

@pytest.mark.parametrize("learning_rate", [1.0, 100.0])
def test_a_learning_rate_that_is_far_too_high_gives_finite_losses(learning_rate):
    losses = losses_of(load(own_names()[:99], num_steps=30, learning_rate=learning_rate).printed)
    assert len(losses) == 30
    assert all(math.isfinite(loss) for loss in losses)
