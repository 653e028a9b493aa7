"""Sections 4 and 5: what is true of a transformer, whatever its parameters."""

import math
import random

import pytest
import reference
from harness import data, load, nodes, numeric_gradient, run_gpt
from reference import exactly

def entries(rows): return [p for row in rows for p in row]

def letters(script, count):
    """Return a document of so many letters."""
    draw = random.Random(count)
    return "".join(draw.choice(script.uchars) for _ in range(count))

def test_each_parameter_is_the_next_draw_of_a_normal_distribution(size):
    script = load(num_steps=0, **size)
    random.seed(42)
    random.shuffle(list(size["docs"]))
    assert all(p.data == random.gauss(0, 0.08) for p in script.params)
    width, vocab_size = size["n_embd"], len(set("".join(size["docs"]))) + 1
    shapes = {"wte": (vocab_size, width), "wpe": (size["block_size"], width), "lm_head": (vocab_size, width)}
    for layer in range(size["n_layer"]):
        shapes |= {f"layer{layer}.attn_{name}": (width, width) for name in ("wq", "wk", "wv", "wo")}
        shapes |= {f"layer{layer}.mlp_fc1": (4 * width, width), f"layer{layer}.mlp_fc2": (width, 4 * width)}
    assert [(name, (len(rows), len(rows[0]))) for name, rows in script.state_dict.items()] == [*shapes.items()]
    assert script.params == [p for rows in script.state_dict.values() for p in entries(rows)]

def test_gpt_computes_what_the_papers_say_over_the_whole_context(sized):
    """`linear`: each output is a weighted sum of all inputs."""
    # one token at a time with a cache, against a full recomputation; logits may be large
    for p in entries(sized.state_dict["lm_head"]):
        p.data *= 100
    tokens = sized.encode(letters(sized, sized.block_size))[: sized.block_size]
    for ours, theirs in zip(run_gpt(sized, tokens), reference.logits_of(tokens, reference.numbers(sized), sized.n_head)):
        assert data(ours) == pytest.approx(theirs, rel=1e-9, abs=1e-8)

def slope_along(script, doc, rows, way):
    """Return how fast the loss changes as the parameters in these rows move this way, as seen by trying."""
    before = data(entries(rows))

    def loss(far):
        for p, x, speed in zip(entries(rows), before, way):
            p.data = x + far * speed
        return script.loss_of(doc).data

    (slope,) = numeric_gradient(loss, [0.0])
    for p, x in zip(entries(rows), before):
        p.data = x
    return slope

def test_gradients_are_slopes_of_the_loss(sized):
    # along a direction in which all entries move: of each matrix, and of all over more than the whole context
    draw, every = random.Random(1), {"all": [sized.params]}
    for doc, moving in ((letters(sized, 7), sized.state_dict), (letters(sized, sized.block_size + 3), every)):
        for p in sized.params:
            p.grad = 0.0
        sized.loss_of(doc).backward()
        for name, rows in moving.items():
            gradient = [p.grad for p in entries(rows)]
            way = [draw.choice([-1, 1]) * draw.uniform(1, 2) for _ in gradient]
            slope = math.fsum(map(math.prod, zip(gradient, way)))
            assert slope == pytest.approx(slope_along(sized, doc, rows, way), rel=1e-5, abs=1e-8), name

def test_softmax_gives_probabilities_that_depend_on_differences_only(script):
    """Softmax turns scores into probabilities: exp makes them positive, and dividing by their total makes them sum to 1. [2, 1, 0] becomes [0.67, 0.24, 0.09].
    As exp(1000) overflows, the highest is first subtracted from all, which changes no probability."""
    for numbers in ([2, 1, 0], [1002, 1001, 1000], [-1040, -1041, -1042]):
        probs = data(script.softmax(nodes(script, numbers)))
        assert probs == pytest.approx([0.67, 0.24, 0.09], abs=0.005)
        assert probs == exactly(reference.probabilities([2, 1, 0]), rel=1e-12)
    assert data(script.softmax(nodes(script, [-800.0, 0.0, 800.0]))) == [0, 0, 1]
    assert data(script.softmax(nodes(script, [0, 600.0])))[0] == exactly(math.exp(-600), rel=1e-12)
    assert data(script.softmax(nodes(script, [0.0] * 500 + [1000.0])))[500] == 1

def test_rmsnorm_keeps_the_direction_and_fixes_the_length(script):
    """RMSNorm (Zhang & Sennrich 2019) scales a vector to a root mean square of 1, so that layers read vectors of one size: [3, 4] and [300, 400] both become [0.85, 1.13].
    1e-5 avoids 1 / 0"""
    for numbers in ([3, 4], [300, 400]):
        out = data(script.rmsnorm(nodes(script, numbers)))
        assert out == pytest.approx([0.85, 1.13], abs=0.005)
        assert out[1] / out[0] == exactly(4 / 3, rel=1e-12)
        assert math.hypot(*out) / 2**0.5 == exactly(1, rel=1e-6), "the root mean square"
    assert data(script.rmsnorm(nodes(script, [0.0] * 4))) == [0, 0, 0, 0]
    assert script.rmsnorm(nodes(script, [1e-3]))[0].data == exactly(1e-3 / 1.1e-5**0.5, rel=1e-12)

def test_without_relu_two_matrices_could_be_one(large, monkeypatch):
    """Without relu, its two matrices could be one, as 2 * (3 * x) is 6 * x."""
    def is_linear(x=large.state_dict["wte"][0]):
        there, back = data(large.mlp(x, 0)), data(large.mlp([-xi for xi in x], 0))
        return back == exactly([-y for y in there], rel=1e-6)

    assert not is_linear()
    monkeypatch.setattr(large.Value, "relu", lambda self: self)
    assert is_linear()

def test_no_token_sees_the_future_and_each_learns_from_itself_and_all_before_it(large):
    """In causal attention (Vaswani et al. 2017), a token gathers what it needs from itself and those before it.
    A KV cache keeps keys and values.
    Later tokens are not in it yet, so none sees what it has to guess."""
    tokens = [26, 3, 1, 4, 1, 5]
    before = run_gpt(large, tokens)
    for t in range(1, len(tokens)):
        changed = tokens[:t] + [(token + 7) % 26 for token in tokens[t:]]
        after = [data(z) for z in run_gpt(large, changed)]
        assert after[:t] == [data(z) for z in before[:t]]
        assert all(a != data(b) for a, b in zip(after[t:], before[t:]))
    sum(before[2]).backward()
    reached = [any(p.grad for p in row) for row in large.state_dict["wpe"][:6]]
    assert reached == [True, True, True, False, False, False]

def test_wide_heads_do_not_give_one_token_all_the_weight(script, monkeypatch):
    """Dot products grow like the root of the width.
    Dividing by it evens that out."""
    weights, softmax, draw = [], script.softmax, random.Random(4)
    monkeypatch.setattr(script, "softmax", lambda scores: weights.extend(data(softmax(scores))) or softmax(scores))
    monkeypatch.setattr(script, "linear", lambda x, w: x)  # queries, keys and values are what comes in
    for size in ("n_embd", "head_dim"):
        monkeypatch.setattr(script, size, 400)
    xs = [nodes(script, [draw.gauss(0, 1) for _ in range(400)]) for _ in range(10)]
    script.attention(xs[0], 0, [(xs[1:], xs[1:])])
    scores = [math.log(weight / weights[0]) for weight in weights[1:9]]  # less the first one's
    assert 0.3 < (sum(score**2 for score in scores) / 8) ** 0.5 < 3

def test_without_position_embeddings_one_layer_cannot_tell_the_order(large):
    """Each position gets one, too, so that order counts."""
    def same():
        here, there = [run_gpt(large, tokens)[-1] for tokens in ([1, 2, 3, 0], [3, 1, 2, 0])]
        return data(here) == exactly(data(there), rel=1e-6)

    assert not same()
    for p in entries(large.state_dict["wpe"]):
        p.data = 0.0
    assert same()

def test_the_first_of_many_layers_receives_a_gradient_of_the_size_of_the_last():
    """Attention and MLP add to x instead of replacing it: + passes gradients on unchanged."""
    script = load(["abcd"], num_steps=0, n_layer=24, n_embd=4, n_head=2, block_size=4)
    script.loss_of("abcd").backward()
    first, last = [math.hypot(*(p.grad for p in entries(script.state_dict[f"layer{i}.mlp_fc2"]))) for i in (0, 23)]
    assert 0.5 < first / last < 2

def test_parameters_that_start_equal_stay_equal(large):
    """Random: if all were equal, each row would get equal slopes and stay equal."""
    for p in large.params:
        p.data = 0.1
    for step, doc in enumerate(["emma", "olivia"]):
        large.loss_of(doc).backward()
        large.adam(step)
    rows = [row for matrix in large.state_dict.values() for row in matrix]
    assert all(max(data(row)) - min(data(row)) < 1e-9 for row in rows)
    assert large.params[0].data != 0.1
