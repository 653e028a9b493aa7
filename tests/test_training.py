"""Room 6: what happens between an untrained model and a trained one."""

import math
import random
from collections import Counter

import pytest
import reference
from harness import INPUT, load, losses_of, names_of
from held_out import loss_per_character

DOCS = ["abca", "cab", "bb", "acca", "cc"]
TINY = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 4}


def plain_adam(parameters, gradients, steps, rate, beta1, beta2, eps):
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
        done = gradients[: step + 1]
        expected = plain_adam(before, done, 6, 0.01, 0.85, 0.99, eps)
        assert [p.data for p in script.params] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_first_step_moves_by_the_rate_and_the_last_one_by_a_fraction_of_it():
    script = load(DOCS, num_steps=0, **TINY)
    script.num_steps = 10
    for step, rate in ((0, 0.01), (9, 0.001)):  # the rate sinks in a straight line
        script.m[:] = script.v[:] = [0.0] * len(script.params)
        before = [p.data for p in script.params]
        for p in script.params:
            p.grad = -3.0
        script.adam(step)
        moved = [p.data - x for p, x in zip(script.params, before)]
        m_hat = 3.0 * 0.15 / (1 - 0.85 ** (step + 1))
        v_hat = 9.0 * 0.01 / (1 - 0.99 ** (step + 1))
        assert moved == pytest.approx([rate * m_hat / math.sqrt(v_hat)] * len(moved), rel=1e-6)
        assert step or moved[0] == pytest.approx(0.01, rel=1e-6)


def test_training_without_autograd_prints_the_same_losses():
    """Six steps on the reference, each derivative by finite differences, from the same start."""
    script = load(DOCS, num_steps=0, **TINY)
    shapes = [(name, len(rows[0])) for name, rows in script.state_dict.items() for _ in rows]
    start = [p.data for p in script.params]

    def loss(parameters, tokens):
        numbers, state = iter(parameters), {}
        for name, width in shapes:
            state.setdefault(name, []).append([next(numbers) for _ in range(width)])
        return reference.loss_of(tokens, state, 2, 4)

    parameters, gradients, losses = start, [], []
    for step in range(6):
        tokens = ["abc".find(char) for char in "." + script.docs[step % len(DOCS)] + "."]
        tokens = [token if token >= 0 else 3 for token in tokens]
        losses.append(loss(parameters, tokens))
        gradient = []
        for i, x in enumerate(parameters):
            above = loss(parameters[:i] + [x + 1e-5] + parameters[i + 1 :], tokens)
            below = loss(parameters[:i] + [x - 1e-5] + parameters[i + 1 :], tokens)
            gradient.append((above - below) / 2e-5)
        gradients.append(gradient)
        parameters = plain_adam(start, gradients, 6, 0.01, 0.85, 0.99, 1e-8)

    trained = load(DOCS, num_steps=6, **TINY)
    assert losses_of(trained.printed) == pytest.approx(losses, abs=2e-4)
    assert not any(p.grad for p in trained.params)


def test_what_is_printed():
    script = load(DOCS, num_steps=3, **TINY)
    lines = script.printed.split("\n")
    assert lines[:3] == ["num docs: 5", "vocab size: 4", f"num params: {len(script.params)}"]
    assert [line[: len("step    1 /    3 | loss ")] for line in lines[3:6]] == [
        "step    1 /    3 | loss ",
        "step    2 /    3 | loss ",
        "step    3 /    3 | loss ",
    ]
    assert lines[6:8] == ["", "--- inference (new, hallucinated names) ---"]
    assert [line[:11] for line in lines[8:28]] == [f"sample {i:2d}: " for i in range(1, 21)]
    assert len(losses_of(script.printed)) == 3
    assert len(names_of(script.printed)) == 20


def test_documents_are_shuffled_by_the_seed():
    script = load(num_steps=0)
    docs = INPUT.read_text(encoding="utf-8").split()
    random.seed(42)
    random.shuffle(docs)
    assert script.docs == docs
    assert script.uchars == sorted(set("".join(docs)))
    assert (script.BOS, script.vocab_size) == (26, 27)


@pytest.fixture(scope="module")
def untrained():
    return load(num_steps=0)


def test_an_untrained_model_has_no_idea(untrained):
    assert loss_per_character(untrained, untrained.docs[:30]) == pytest.approx(
        math.log(27), abs=0.1
    )


def test_a_trained_model_knows_more_than_the_frequencies_of_letters():
    script = load(num_steps=300)
    unseen = script.docs[-100:]
    letters = Counter("".join(doc + "." for doc in script.docs))
    total = sum(letters.values())
    entropy = -sum(n / total * math.log(n / total) for n in letters.values())
    assert loss_per_character(script, unseen) < entropy - 0.2


def test_cross_entropy_is_minus_the_log_of_the_probability(untrained):
    numbers = [0.2, -1.0, 3.0, 0.5]
    for target in range(4):
        loss = untrained.cross_entropy([untrained.Value(x) for x in numbers], target)
        assert loss.data == pytest.approx(-math.log(reference.probabilities(numbers)[target]))


def test_the_gradient_of_cross_entropy_is_probability_minus_truth(untrained):
    numbers = [0.2, -1.0, 3.0, 0.5]
    logits = [untrained.Value(x) for x in numbers]
    untrained.cross_entropy(logits, 1).backward()
    expected = [p - (i == 1) for i, p in enumerate(reference.probabilities(numbers))]
    assert [z.grad for z in logits] == pytest.approx(expected)


def test_cross_entropy_where_the_probability_is_too_small_for_a_float(untrained):
    logits = [untrained.Value(0.0), untrained.Value(5000.0)]
    loss = untrained.cross_entropy(logits, 0)
    loss.backward()
    assert loss.data == 5000
    assert [z.grad for z in logits] == [-1, 1]


def test_one_name_is_learned_by_heart_with_its_beginning_and_end():
    script = load(["abca"], num_steps=60, learning_rate=0.05, temperature=0.1, block_size=8)
    assert names_of(script.printed) == ["abca"] * 20


def test_fewer_documents_than_steps_go_round_again():
    once, twice = load(["ab", "c"], num_steps=2, **TINY), load(["ab", "c"], num_steps=4, **TINY)
    assert len(losses_of(twice.printed)) == 4
    assert losses_of(twice.printed)[0] == losses_of(once.printed)[0]


def test_a_document_longer_than_the_context_is_cut_to_it():
    """What lies beyond block_size letters, the end of the document too, makes no difference."""
    long, longer = (load([doc], num_steps=3, **TINY) for doc in ("abca", "abca" + "bac" * 50))
    assert losses_of(long.printed) == losses_of(longer.printed)
