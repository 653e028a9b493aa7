"""Section 6: what happens between an untrained model and a trained one."""

import _thread
import math
import random
import threading
from collections import Counter

import pytest
import reference
from harness import load, losses_of, names_of, nodes, numeric_gradient, own_names, says
from held_out import loss_per_character

DOCS = ["abca", "cab", "bb"]
TINY = {"n_layer": 2, "n_embd": 4, "n_head": 2, "block_size": 3}


# The loss.


def test_the_costs_in_the_text():
    says("0.9 costs 0.11, 0.5 costs 0.69, 0.01 costs 4.61 (*nats*), and a blind guess among 27 tokens")
    says("costs log(27) = 3.30. A loss of 2.3 is a *perplexity* of exp(2.3) = 10:")
    for probability, cost in ((0.9, 0.11), (0.5, 0.69), (0.01, 4.61), (1 / 27, 3.30)):
        assert -math.log(probability) == pytest.approx(cost, abs=0.005)
    assert math.exp(2.3) == pytest.approx(10, abs=0.05)


NUMBERS = [0.2, -1.0, 3.0, 0.5]


@pytest.mark.parametrize("target", range(4))
def test_cross_entropy_is_minus_the_log_of_the_probability(script, target):
    """And its gradient is the probability, less 1 for the target."""
    logits = nodes(script, NUMBERS)
    loss = script.cross_entropy(logits, target)
    loss.backward()
    probabilities = reference.probabilities(NUMBERS)
    assert loss.data == pytest.approx(-math.log(probabilities[target]))
    expected = [p - (i == target) for i, p in enumerate(probabilities)]
    assert [z.grad for z in logits] == pytest.approx(expected)


def test_cross_entropy_where_the_probability_is_too_small_for_a_float(script):
    logits = nodes(script, [0.0, 5000.0])
    loss = script.cross_entropy(logits, 0)
    loss.backward()
    assert loss.data == 5000
    assert [z.grad for z in logits] == [-1, 1]


def test_the_loss_is_the_mean_over_all_guesses_from_real_tokens(script, monkeypatch):
    says("BOS -> e, BOS e -> m, BOS em -> m, BOS emm -> a, BOS emma -> BOS.")
    seen = []

    def cross_entropy(logits, target_id):
        seen.append(target_id)
        return script.Value(float(len(seen)))

    def gpt(token_id, pos_id, keys, values):
        seen.append((token_id, pos_id))

    monkeypatch.setattr(script, "cross_entropy", cross_entropy)
    monkeypatch.setattr(script, "gpt", gpt)
    assert script.loss_of("emma").data == pytest.approx((2 + 4 + 6 + 8 + 10) / 5)
    assert seen == [(26, 0), 4, (4, 1), 12, (12, 2), 12, (12, 3), 0, (0, 4), 26]


def test_a_document_longer_than_the_context_is_cut_to_it(script):
    says("whatever is longer than `block_size` is cut off there")
    losses = [script.loss_of("abcdefghijklmnop" + rest).data for rest in ("", "q", "xyz" * 50)]
    assert losses[0] == losses[1] == losses[2] != script.loss_of("abcdefghijklmno").data


def test_an_untrained_model_has_no_idea(script):
    assert loss_per_character(script, own_names()[:30]) == pytest.approx(math.log(27), abs=0.1)


# Adam.


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


@pytest.mark.parametrize("eps", [1e-8, 0.5])
def test_adam_is_the_algorithm_of_the_paper(eps):
    script = load(DOCS, num_steps=0, **TINY)
    script.num_steps, script.eps_adam = 6, eps
    draw = random.Random(5)
    before = [p.data for p in script.params]
    gradients = [[draw.gauss(0, 1) * 10 ** draw.uniform(-6, 2) for _ in before] for _ in range(6)]
    for step, gradient in enumerate(gradients):
        for p, g in zip(script.params, gradient):
            p.grad = g
        script.adam(step)
        assert not any(p.grad for p in script.params), "every step starts from gradients of zero"
        expected = plain_adam(before, gradients[: step + 1], 6, eps=eps)
        assert [p.data for p in script.params] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("scale", [5.0, 5e-4, 5e4])
def test_a_step_depends_on_how_well_gradients_agree_and_not_on_their_scale(scale):
    says("whatever their scale: for 5, 5, 5, ... it is 1; for 5, -5, 5, -5, ... in the long run about 0.08 or -0.08.")
    for sign, size in ((1, 1), (-1, 0.08)):
        script = load(["ab"], num_steps=0, n_embd=1, n_head=1, n_layer=0)
        script.num_steps = 10**9
        p = script.params[0]
        for step in range(1000):
            before, p.grad = p.data, scale * sign**step
            script.adam(step)
        assert abs(before - p.data) / 0.01 == pytest.approx(size, abs=0.005)


# Training.


def test_training_without_autograd_ends_in_the_same_parameters():
    """Three epochs on the reference, each derivative by finite differences, from the same start."""
    script = load(DOCS, num_steps=0, **TINY)
    start = parameters = [p.data for p in script.params]
    gradients, losses = [], []
    for step in range(9):
        tokens = [3, *("abc".index(char) for char in script.docs[step % 3]), 3]

        def loss(*parameters, tokens=tokens):
            return reference.loss_of(tokens, reference.numbers(script, parameters), 2, 3)

        losses.append(loss(*parameters))
        gradients.append(numeric_gradient(loss, parameters))
        parameters = plain_adam(start, gradients, 9)

    trained = load(DOCS, num_steps=9, **TINY)
    assert losses_of(trained.printed) == pytest.approx(losses, abs=2e-4)
    assert [p.data for p in trained.params] == pytest.approx(parameters, abs=1e-4)


def test_a_trained_model_knows_more_than_the_frequencies_of_letters():
    script = load(num_steps=150)
    letters = Counter("".join(doc + "." for doc in script.docs))
    total = sum(letters.values())
    entropy = -sum(n / total * math.log(n / total) for n in letters.values())
    assert loss_per_character(script, script.docs[-100:]) < entropy - 0.1


def test_one_name_is_learned_by_heart_with_its_beginning_and_end():
    script = load(["abca"], num_steps=60, learning_rate=0.05, temperature=0.1, n_embd=8, n_head=2)
    assert names_of(script.printed) == ["abca"] * 20


@pytest.mark.parametrize("learning_rate", [1.0, 100.0])
def test_a_high_learning_rate_gives_finite_losses(learning_rate):
    losses = losses_of(load(num_steps=40, learning_rate=learning_rate).printed)
    assert len(losses) == 40
    assert all(math.isfinite(loss) for loss in losses)


def test_ctrl_c_during_a_test_ends_the_tests_and_not_only_the_training():
    """The script would go on to its samples; what loads it for a test does not let it."""
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            load(DOCS, num_steps=1_000_000, **TINY)
    finally:
        timer.cancel()
