"""Sections 4 and 5: what is true of a transformer, whatever its parameters."""

import math
import random

import pytest
import reference
from harness import load, nodes, numeric_gradient, own_names, says

NAMES = ["abc", "cab", "bb", "acca"]
SMALL = {"n_layer": 2, "n_embd": 4, "n_head": 2, "block_size": 4}


def data(values):
    return [value.data for value in values]


def entries(rows):
    return [p for row in rows for p in row]


def run_gpt(script, tokens):
    """Feed the tokens one by one; return the logits at every position."""
    keys, values = [[] for _ in range(script.n_layer)], [[] for _ in range(script.n_layer)]
    return [script.gpt(token, t, keys, values) for t, token in enumerate(tokens)]


def spread(script, deviation=0.5):
    """Make the parameters large enough that every part of the model matters."""
    draw = random.Random(0)
    for p in script.params:
        p.data = draw.gauss(0, deviation)
    return script


@pytest.fixture
def default(script):
    return spread(script, deviation=0.3)


SIZES = [
    {},
    {"n_layer": 2, "n_embd": 24, "n_head": 3, "block_size": 12},
    {"n_embd": 5, "n_head": 5, "n_layer": 3},
    {"n_embd": 6, "n_head": 1, "n_layer": 0},
]


@pytest.fixture(scope="module", params=SIZES, ids=str)
def sized(request):
    return spread(load(NAMES, num_steps=0, **request.param))


def test_the_number_of_parameters_follows_the_formula(sized):
    width, vocabulary = sized.n_embd, len("abc") + 1
    per_layer = 4 * width**2 + 2 * 4 * width**2
    count = (2 * vocabulary + sized.block_size) * width + sized.n_layer * per_layer
    assert len(sized.params) == len({id(p) for p in sized.params}) == count
    assert f"num params: {count}\n" in sized.printed


def test_the_parameters_are_drawn_in_the_published_order():
    script = load(num_steps=0)
    says("finds all 4,192 derivatives; nudging each parameter in turn would take 4,192 more")
    random.seed(42)
    random.shuffle(own_names())
    assert len(script.params) == 4192
    assert all(p.data == random.gauss(0, 0.08) for p in script.params)
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


def test_gpt_computes_what_the_papers_say_over_the_whole_context(sized):
    """One token at a time with a cache gives what a full recomputation gives."""
    tokens = ([3, 0, 2, 2, 1, 0, 1] * 3)[: sized.block_size]
    expected = reference.logits_of(tokens, reference.numbers(sized), sized.n_head)
    for ours, theirs in zip(run_gpt(sized, tokens), expected):
        assert data(ours) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_every_gradient_of_a_small_model_is_the_slope_of_the_loss():
    script = spread(load(NAMES, num_steps=0, **SMALL))

    def plain(*parameters):
        return reference.loss_of([3, 0, 1, 1, 2, 3], reference.numbers(script, parameters), 2, 4)

    loss = script.loss_of("abbc")
    loss.backward()
    point = data(script.params)
    assert loss.data == pytest.approx(plain(*point), rel=1e-12)
    slopes = numeric_gradient(plain, point)
    assert [p.grad for p in script.params] == pytest.approx(slopes, rel=1e-5, abs=1e-8)


# The parts.


def test_linear_is_a_dot_product_with_each_row(script):
    says("For x = [1, 2] and rows [3, 4] and [0, -1], that makes [11, -2].")
    rows = [nodes(script, row) for row in ([3, 4], [0, -1])]
    assert data(script.linear(nodes(script, [1, 2]), rows)) == [11, -2]


def test_softmax_gives_probabilities_that_depend_on_differences_only(script):
    says("division makes them sum to 1. [2, 1, 0] gives [0.67, 0.24, 0.09]; so does [1002, 1001, 1000]")
    for numbers in ([2, 1, 0], [1002, 1001, 1000], [-40, -41, -42]):
        probs = data(script.softmax(nodes(script, numbers)))
        assert probs == pytest.approx([0.67, 0.24, 0.09], abs=0.005)
        assert math.fsum(probs) == pytest.approx(1, abs=1e-12)
    thirds = data(script.softmax(nodes(script, [math.log(x) for x in (1, 2, 3)])))
    assert thirds == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert data(script.softmax(nodes(script, [-800.0, 0.0, 800.0]))) == [0, 0, 1]


def test_rmsnorm_keeps_the_direction_and_fixes_the_length(script):
    says("[3, 4] and [300, 400] both become about [0.85, 1.13]. The 1e-5 avoids a division by 0.")
    for numbers in ([3, 4], [300, 400]):
        out = data(script.rmsnorm(nodes(script, numbers)))
        assert out == pytest.approx([0.85, 1.13], abs=0.005)
        assert out[1] / out[0] == pytest.approx(4 / 3)
    out = data(script.rmsnorm(nodes(script, range(1, 65))))
    assert math.fsum(a * a for a in out) / 64 == pytest.approx(1, rel=1e-4)
    assert data(script.rmsnorm(nodes(script, [0.0] * 4))) == [0, 0, 0, 0]
    (out,) = script.rmsnorm(nodes(script, [1e-3]))
    assert out.data == pytest.approx(1e-3 / math.sqrt(1e-6 + 1e-5), rel=1e-9)


def test_relu_is_what_keeps_two_matrices_from_being_one(default):
    says("2 * (3 * x) is just 6 * x")
    x = nodes(default, [0.3 * (-1) ** i for i in range(16)])
    state = reference.numbers(default)
    columns = list(zip(*state["layer0.mlp_fc1"]))
    product = [reference.matvec(columns, row) for row in state["layer0.mlp_fc2"]]
    one_matrix = reference.matvec(product, data(x))
    assert data(default.mlp(x, "layer0")) != pytest.approx(one_matrix, rel=0.1)
    keep, default.Value.relu = default.Value.relu, lambda self: self
    try:
        assert data(default.mlp(x, "layer0")) == pytest.approx(one_matrix)
    finally:
        default.Value.relu = keep


# Attention.


def test_no_token_sees_the_future_and_no_gradient_comes_from_the_past(default):
    tokens = [26, 3, 1, 4, 1, 5]
    before = run_gpt(default, tokens)
    for t in range(1, len(tokens)):
        changed = tokens[:t] + [(token + 7) % 26 for token in tokens[t:]]
        after = [data(z) for z in run_gpt(default, changed)]
        assert after[:t] == [data(z) for z in before[:t]]
        assert all(a != data(b) for a, b in zip(after[t:], before[t:]))
    sum(before[2]).backward()
    reached = [any(p.grad for p in row) for row in default.state_dict["wpe"][:6]]
    assert reached == [True, True, True, False, False, False], "all the past, and nothing else"


def set_to(script, name, number):
    """Set a matrix to this number times the identity."""
    for i, row in enumerate(script.state_dict[name]):
        for j, p in enumerate(row):
            p.data = float(i == j) * number


def attention_outputs(script, xs):
    keys, values = [], []
    return [data(script.attention(x, "layer0", keys, values)) for x in xs]


def test_attention_adds_up_values_by_their_weights():
    says("2, 1 and 0 into 0.67, 0.24 and 0.09. So weighted, the values 10, 20 and 30 sum to 14.2.")
    script = load(NAMES, num_steps=0, n_embd=1, n_head=1)
    for letter, number in zip("qkvo", (1, 0, 30, 1)):
        set_to(script, f"layer0.attn_w{letter}", number)
    keys, values = [nodes(script, [s]) for s in (2, 1)], [nodes(script, [x]) for x in (10, 20)]
    (out,) = script.attention(nodes(script, [1.0]), "layer0", keys, values)
    assert out.data == pytest.approx(14.2, abs=0.05)


def test_without_the_root_wide_heads_would_look_at_one_position_only(script):
    says("scores of 4 and 0 give 0.98 and 0.02, but divided by the root of `head_dim`, 0.88 and 0.12")
    for scores, weights in (([4, 0], [0.98, 0.02]), ([4 / script.head_dim**0.5, 0], [0.88, 0.12])):
        assert reference.probabilities(scores) == pytest.approx(weights, abs=0.005)
    draw = random.Random(4)

    def mean_largest_weight(width, divisor):
        largest = []
        for _ in range(100):
            query, *keys = [[draw.gauss(0, 1) for _ in range(width)] for _ in range(9)]
            scores = [sum(q * k for q, k in zip(query, key)) / divisor for key in keys]
            largest.append(max(reference.probabilities(scores)))
        return sum(largest) / len(largest)

    assert mean_largest_weight(256, 1) > 0.9
    divided = [mean_largest_weight(width, width**0.5) for width in (4, 256)]
    assert divided[0] == pytest.approx(divided[1], abs=0.1)


def test_heads_are_independent_slices(default):
    """What changes in the query, key and value of one head changes that head's output only."""
    set_to(default, "layer0.attn_wo", 1)
    draw = random.Random(3)
    xs = [nodes(default, [draw.gauss(0, 1) for _ in range(16)]) for _ in range(3)]
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


def test_equal_keys_share_attention_equally(default):
    set_to(default, "layer0.attn_wk", 0)
    set_to(default, "layer0.attn_wo", 1)
    xs = default.state_dict["wte"][:3]
    state = reference.numbers(default)
    values = [reference.matvec(state["layer0.attn_wv"], data(x)) for x in xs]
    for t, out in enumerate(attention_outputs(default, xs), start=1):
        mean = [sum(channel) / t for channel in zip(*values[:t])]
        assert out == pytest.approx(mean, rel=1e-9)


# The whole.


def test_without_position_embeddings_one_layer_cannot_tell_the_order(default):
    says("attention alone (in one layer) does not notice the order of what came before")
    here, there = [run_gpt(default, tokens)[-1] for tokens in ([1, 2, 3, 0], [3, 1, 2, 0])]
    assert data(here) != pytest.approx(data(there), rel=1e-3)
    set_to(default, "wpe", 0)
    here, there = [run_gpt(default, tokens)[-1] for tokens in ([1, 2, 3, 0], [3, 1, 2, 0])]
    assert data(here) == pytest.approx(data(there), rel=1e-9)


def test_the_residual_stream_passes_layers_that_add_nothing():
    script = spread(load(NAMES, num_steps=0, **SMALL))
    for i in range(2):
        for name in ("attn_wo", "mlp_fc2"):
            set_to(script, f"layer{i}.{name}", 0)
    state = reference.numbers(script)
    stream = reference.normed(reference.plus(state["wte"][1], state["wpe"][0]))
    (logits,) = run_gpt(script, [1])
    assert data(logits) == pytest.approx(reference.matvec(state["lm_head"], stream), rel=1e-9)


def test_the_first_of_many_layers_receives_a_gradient_of_the_size_of_the_last():
    """In a model so deep that a recursive `backward` would fail."""
    says("Ten layers of slope 0.1 would shrink a gradient to 1e-10; with the skip each has slope 1.1,")
    says("and 1.1 to the 10th is 2.6.")
    assert 0.1**10 == pytest.approx(1e-10)
    assert 1.1**10 == pytest.approx(2.6, abs=0.05)
    script = load(["abcdefgh"], num_steps=0, n_layer=24, n_embd=8, n_head=2, block_size=8)
    script.loss_of("abcdefgh").backward()
    first, last = (
        math.sqrt(sum(p.grad**2 for p in entries(script.state_dict[f"layer{i}.mlp_fc2"])))
        for i in (0, 23)
    )
    assert 0.5 < first / last < 2


def test_units_of_a_hidden_layer_that_start_equal_stay_equal(default):
    says("units of a layer that start equal would compute the same, get the same gradient, and stay")
    into, out = default.state_dict["layer0.mlp_fc1"], default.state_dict["layer0.mlp_fc2"]
    for row in into:
        for p, first in zip(row, into[0]):
            p.data = first.data
    for row in out:
        for p in row:
            p.data = row[0].data
    before = data(into[0])
    for step, doc in enumerate(["emma", "olivia"]):
        default.loss_of(doc).backward()
        default.adam(step)
    assert len({tuple(data(row)) for row in into}) == 1
    assert data(into[0]) != before
