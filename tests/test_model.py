"""Rooms 4 and 5: what is true of a transformer, whatever its parameters."""

import math
import random

import pytest
import reference
from harness import load

NAMES = ["abc", "cab", "bb", "acca"]


def caches(script):
    return [[] for _ in range(script.n_layer)], [[] for _ in range(script.n_layer)]


def run_gpt(script, tokens):
    """Feed the tokens one by one; return the logits at every position."""
    keys, values = caches(script)
    return [script.gpt(token, t, keys, values) for t, token in enumerate(tokens)]


def data(nodes):
    return [node.data for node in nodes]


def entries(rows):
    return [p for row in rows for p in row]


def spread(script, seed=0, deviation=0.5):
    """Make the parameters large enough that every part of the model matters."""
    draw = random.Random(seed)
    for p in script.params:
        p.data, p.grad = draw.gauss(0, deviation), 0.0
    return script


@pytest.fixture
def default():
    return spread(load(num_steps=0), deviation=0.3)


@pytest.fixture
def small():
    return spread(load(NAMES, num_steps=0, n_layer=2, n_embd=4, n_head=2, block_size=4))


SIZES = [
    {},
    {"n_layer": 2, "n_embd": 24, "n_head": 3, "block_size": 12},
    {"n_embd": 6, "n_head": 1, "block_size": 5},
    {"n_embd": 5, "n_head": 5, "n_layer": 3},
    {"n_layer": 0},
]


@pytest.mark.parametrize("knobs", SIZES)
def test_the_number_of_parameters_follows_the_formula(knobs):
    script = load(NAMES, num_steps=0, **knobs)
    width, vocabulary = script.n_embd, len("abc") + 1
    per_layer = 4 * width**2 + 2 * 4 * width**2
    count = (2 * vocabulary + script.block_size) * width + script.n_layer * per_layer
    assert len(script.params) == count
    assert len({id(p) for p in script.params}) == count
    assert f"num params: {count}\n" in script.printed


def test_the_parameters_are_drawn_in_the_published_order():
    script = load(num_steps=0)
    random.seed(42)
    random.shuffle(list(script.docs))
    assert data(script.params) == [random.gauss(0, 0.08) for _ in range(4192)]
    shapes = {name: (len(rows), len(rows[0])) for name, rows in script.state_dict.items()}
    assert list(shapes.items()) == [
        ("wte", (27, 16)),
        ("wpe", (16, 16)),
        ("lm_head", (27, 16)),
        ("layer0.attn_wq", (16, 16)),
        ("layer0.attn_wk", (16, 16)),
        ("layer0.attn_wv", (16, 16)),
        ("layer0.attn_wo", (16, 16)),
        ("layer0.mlp_fc1", (64, 16)),
        ("layer0.mlp_fc2", (16, 64)),
    ]


@pytest.mark.parametrize("knobs", SIZES)
def test_gpt_computes_what_the_papers_say(knobs):
    """One token at a time with a cache gives what a full recomputation gives."""
    script = spread(load(NAMES, num_steps=0, **knobs))
    tokens = [3, 0, 2, 2, 1]
    expected = reference.logits_of(tokens, reference.numbers(script.state_dict), script.n_head)
    for ours, theirs in zip(run_gpt(script, tokens), expected):
        assert data(ours) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def slope(script, tokens, name, row, column, step=1e-5):
    """Return the slope of the reference's loss along one parameter, by finite differences."""
    state = reference.numbers(script.state_dict)
    losses = []
    middle = state[name][row][column]
    for moved in (middle + step, middle - step):
        state[name][row][column] = moved
        losses.append(reference.loss_of(tokens, state, script.n_head, script.block_size))
    return (losses[0] - losses[1]) / (2 * step)


def backward_from_loss(script, tokens):
    logits = run_gpt(script, tokens[:-1])
    losses = [script.cross_entropy(z, target) for z, target in zip(logits, tokens[1:])]
    loss = sum(losses) / len(losses)
    loss.backward()
    return loss


def test_every_gradient_of_a_small_model_is_the_slope_of_the_loss(small):
    tokens = [3, 0, 1, 1, 2]
    loss = backward_from_loss(small, tokens)
    state = reference.numbers(small.state_dict)
    assert loss.data == pytest.approx(reference.loss_of(tokens, state, 2, 4), rel=1e-12)
    for name, rows in small.state_dict.items():
        for i, row in enumerate(rows):
            expected = [slope(small, tokens, name, i, j) for j in range(len(row))]
            found = [p.grad for p in row]
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-8), f"{name}, row {i}"


def test_gradients_in_every_matrix_of_the_default_model_are_slopes_of_the_loss(default):
    tokens = [26, 4, 12, 12, 0, 26]
    backward_from_loss(default, tokens)
    draw = random.Random(1)
    for name, rows in default.state_dict.items():
        used = {"wte": sorted(set(tokens[:-1])), "wpe": range(5)}.get(name, range(len(rows)))
        for _ in range(6):
            i, j = draw.choice(used), draw.randrange(len(rows[0]))
            expected = slope(default, tokens, name, i, j)
            assert rows[i][j].grad == pytest.approx(expected, rel=1e-5, abs=1e-8), (name, i, j)


def test_softmax_gives_probabilities(default):
    for numbers in ([0.0], [1.0, 2.0, -3.0], [-800.0, 0.0, 800.0], [5.0] * 7):
        probs = data(default.softmax([default.Value(x) for x in numbers]))
        assert math.fsum(probs) == pytest.approx(1, abs=1e-12)
        assert min(probs) >= 0
    thirds = data(default.softmax([default.Value(math.log(x)) for x in (1, 2, 3)]))
    assert thirds == pytest.approx([1 / 6, 2 / 6, 3 / 6])


@pytest.mark.parametrize("shift", [1.0, -40.0, 900.0])
def test_softmax_ignores_a_shift(default, shift):
    numbers = [0.3, -1.2, 2.5]
    plain = default.softmax([default.Value(x) for x in numbers])
    shifted = default.softmax([default.Value(x + shift) for x in numbers])
    assert data(plain) == pytest.approx(data(shifted), rel=1e-9)


def test_rmsnorm_gives_a_mean_square_of_one(default):
    draw = random.Random(2)
    for size in (1, 3, 16, 64):
        for scale in (0.3, 1.0, 1e4):
            x = [scale * draw.choice((-1, 1)) * draw.uniform(0.5, 1.5) for _ in range(size)]
            out = data(default.rmsnorm([default.Value(a) for a in x]))
            assert math.fsum(a * a for a in out) / size == pytest.approx(1, rel=5e-4)
            ratios = [b / a for a, b in zip(x, out)]
            assert ratios == pytest.approx([ratios[0]] * size), "the direction stays"


def test_rmsnorm_of_zeros_is_zeros(default):
    assert data(default.rmsnorm([default.Value(0.0)] * 4)) == [0, 0, 0, 0]


def test_rmsnorm_adds_one_hundred_thousandth_to_the_mean_square(default):
    (out,) = default.rmsnorm([default.Value(1e-3)])
    assert out.data == pytest.approx(1e-3 / math.sqrt(1e-6 + 1e-5), rel=1e-9)


def test_no_token_sees_the_future(default):
    tokens = [26, 3, 1, 4, 1, 5]
    before = [data(z) for z in run_gpt(default, tokens)]
    for t in range(1, len(tokens)):
        changed = tokens[:t] + [(token + 7) % 26 for token in tokens[t:]]
        after = [data(z) for z in run_gpt(default, changed)]
        assert after[:t] == before[:t]
        assert all(a != b for a, b in zip(after[t:], before[t:]))


def test_no_gradient_flows_into_the_future(default):
    tokens = [26, 3, 1, 4]
    logits = run_gpt(default, tokens)
    sum(logits[1]).backward()
    reached = [any(p.grad for p in default.state_dict["wpe"][t]) for t in range(4)]
    assert reached == [True, True, False, False]
    assert [any(p.grad for p in default.state_dict["wte"][t]) for t in tokens] == reached


def test_every_token_sees_all_the_past(default):
    logits = run_gpt(default, [26, 3, 1, 4])
    sum(logits[3]).backward()
    assert all(any(p.grad for p in row) for row in default.state_dict["wpe"][:4])


def identity(script, name):
    for i, row in enumerate(script.state_dict[name]):
        for j, p in enumerate(row):
            p.data = float(i == j)


def attention_outputs(script, xs):
    keys, values = [], []
    return [data(script.attention(script.add(x, x), "layer0", keys, values)) for x in xs]


def test_heads_are_independent_slices(default):
    """What changes in the query, key and value of one head changes that head's output only."""
    identity(default, "layer0.attn_wo")
    draw = random.Random(3)
    xs = [[default.Value(draw.gauss(0, 1)) for _ in range(16)] for _ in range(3)]
    before = attention_outputs(default, xs)
    for name in ("attn_wq", "attn_wk", "attn_wv"):
        for head in range(4):
            own = range(4 * head, 4 * head + 4)
            rows = [default.state_dict[f"layer0.{name}"][c] for c in own]
            for p in entries(rows):
                p.data += 0.1
            after = attention_outputs(default, xs)
            for p in entries(rows):
                p.data -= 0.1
            differing = [c for c in range(16) if abs(after[2][c] - before[2][c]) > 1e-9]
            assert differing == list(own)


def test_the_first_position_attends_only_to_itself(default):
    x = default.state_dict["wte"][0]
    (out,) = attention_outputs(default, [x])
    state = reference.numbers(default.state_dict)
    value = reference.matvec(state["layer0.attn_wv"], [2 * p.data for p in x])
    assert out == pytest.approx(reference.matvec(state["layer0.attn_wo"], value), rel=1e-9)


def test_equal_keys_share_attention_equally(default):
    for p in entries(default.state_dict["layer0.attn_wk"]):
        p.data = 0.0
    identity(default, "layer0.attn_wo")
    xs = [default.state_dict["wte"][token] for token in (0, 1, 2)]
    state = reference.numbers(default.state_dict)
    values = [reference.matvec(state["layer0.attn_wv"], [2 * p.data for p in x]) for x in xs]
    mean = [sum(channel) / 3 for channel in zip(*values)]
    assert attention_outputs(default, xs)[2] == pytest.approx(mean, rel=1e-9)


def test_the_residual_stream_passes_layers_that_add_nothing(small):
    for i in range(2):
        for name in ("attn_wo", "mlp_fc2"):
            for p in entries(small.state_dict[f"layer{i}.{name}"]):
                p.data = 0.0
    state = reference.numbers(small.state_dict)
    stream = reference.normed(reference.plus(state["wte"][1], state["wpe"][0]))
    (logits,) = run_gpt(small, [1])
    assert data(logits) == pytest.approx(reference.matvec(state["lm_head"], stream), rel=1e-9)


def test_each_layer_keeps_a_cache_of_its_own(small):
    keys, values = caches(small)
    for t, token in enumerate([3, 0, 1]):
        small.gpt(token, t, keys, values)
        for cache in (keys[0], keys[1], values[0], values[1]):
            assert [len(vector) for vector in cache] == [4] * (t + 1)
    assert data(keys[0][0]) != data(keys[1][0])


@pytest.mark.parametrize("knobs", [{"n_embd": 128}, {"n_layer": 24}, {"n_embd": 32, "n_layer": 4}])
def test_a_large_model_is_no_problem_for_backward(knobs):
    script = load(["abcdefgh"], num_steps=0, **{"block_size": 8, "n_embd": 16, **knobs})
    backward_from_loss(script, [8, 0, 1, 2, 3, 4, 5, 6, 7])
    assert any(p.grad for p in script.state_dict["wte"][0])
