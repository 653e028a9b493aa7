"""Sections 4 and 5: what is true of a transformer, whatever its parameters."""

import math
import random

import pytest
import reference
from harness import LETTERS, data, load, nodes, numeric_gradient, own_names, says

NAMES = ["abc", "cab", "bb", "acca"]
SMALL = {"n_layer": 2, "n_embd": 4, "n_head": 2, "block_size": 4}

def entries(rows):
    return [p for row in rows for p in row]

def run_gpt(script, tokens):
    """Feed the tokens one by one; return the logits at every position."""
    cache = [([], []) for _ in range(script.n_layer)]
    return [script.gpt(token, t, cache) for t, token in enumerate(tokens)]

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
    {"n_layer": 2, "n_embd": 24, "n_head": 3, "block_size": 12},
    {"n_embd": 5, "n_head": 5, "n_layer": 3},
    {"n_embd": 6, "n_head": 1, "n_layer": 0, "block_size": 80},
]

@pytest.fixture(scope="module", params=SIZES, ids=str)
def sized(request):
    return spread(load(NAMES, num_steps=0, **request.param))

def test_the_settings_are_the_published_ones():
    script = load(LETTERS, changes=[("for step in range(num_steps):", "for step in []:")])
    sizes = {"n_layer": 1, "n_embd": 16, "block_size": 16, "n_head": 4, "temperature": 0.5}
    adam = {"num_steps": 1000, "learning_rate": 0.01, "beta1": 0.85, "beta2": 0.99}
    settings = {**sizes, **adam, "eps_adam": 1e-8}
    assert {name: getattr(script, name) for name in settings} == settings

def test_the_parameters_are_drawn_in_the_published_order():
    script = load(num_steps=0)
    random.seed(42)
    random.shuffle(own_names())
    assert len(script.params) == 4192
    assert all(p.data == random.gauss(0, 0.08) for p in script.params)
    shapes = {"wte": (27, 16), "wpe": (16, 16), "lm_head": (27, 16)}
    shapes |= {f"layer0.attn_{name}": (16, 16) for name in ("wq", "wk", "wv", "wo")}
    shapes |= {"layer0.mlp_fc1": (64, 16), "layer0.mlp_fc2": (16, 64)}
    drawn = {name: (len(rows), len(rows[0])) for name, rows in script.state_dict.items()}
    assert list(drawn.items()) == list(shapes.items())

def test_gpt_computes_what_the_papers_say_over_the_whole_context(sized):
    """One token at a time with a cache gives what a full recomputation gives."""
    tokens = ([3, 0, 2, 2, 1, 0, 1] * 12)[: sized.block_size]
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

def test_linear_is_a_dot_product_with_each_row(script):
    says("Each row of `w` is a pattern: for x = [1, 2], row [3, 4] scores 3 * 1 + 4 * 2 = 11.")
    rows = [nodes(script, row) for row in ([3, 4], [0, -1])]
    assert data(script.linear(nodes(script, [1, 2]), rows)) == [11, -2]

def test_softmax_gives_probabilities_that_depend_on_differences_only(script):
    says("*Softmax* turns scores into probabilities: exp makes them positive, and dividing by")
    says("their total makes them sum to 1. [2, 1, 0] becomes [0.67, 0.24, 0.09].")
    for numbers in ([2, 1, 0], [1002, 1001, 1000], [-40, -41, -42]):
        probs = data(script.softmax(nodes(script, numbers)))
        assert probs == pytest.approx([0.67, 0.24, 0.09], abs=0.005)
        assert math.fsum(probs) == pytest.approx(1, abs=1e-12)
    assert data(script.softmax(nodes(script, [-800.0, 0.0, 800.0]))) == [0, 0, 1]
    assert data(script.softmax(nodes(script, [0, 600.0])))[0] == pytest.approx(math.exp(-600))

def test_the_logarithm_of_a_sum_of_exponentials_is_found_where_exp_would_overflow(script):
    says("The log of the sum of exps. exp(1000) overflows, so the highest is subtracted first.")
    with pytest.raises(OverflowError):
        math.exp(1000)
    plain = math.log(math.exp(0.5) + math.exp(-2) + math.exp(3))
    for shift in (0, 1000, -1000):
        scores = nodes(script, [shift + 0.5, shift - 2, shift + 3])
        assert script.log_sum_exp(scores).data == pytest.approx(shift + plain)

def test_rmsnorm_keeps_the_direction_and_fixes_the_length(script):
    says("keeps vectors at one scale: [3, 4] and [300, 400] both become about [0.85, 1.13].")
    for numbers in ([3, 4], [300, 400]):
        out = data(script.rmsnorm(nodes(script, numbers)))
        assert out == pytest.approx([0.85, 1.13], abs=0.005)
        assert out[1] / out[0] == pytest.approx(4 / 3)
    says("1e-5 avoids 1 / 0")
    assert data(script.rmsnorm(nodes(script, [0.0] * 4))) == [0, 0, 0, 0]
    assert script.rmsnorm(nodes(script, [1e-3]))[0].data == pytest.approx(1e-3 / 1.1e-5**0.5)

def test_without_relu_two_matrices_could_be_one(default, monkeypatch):
    says("sets negative numbers to 0, its two matrices could be one, as 2 * (3 * x) is 6 * x")
    x = default.state_dict["wte"][0]
    opposite = [-xi for xi in x]

    def is_linear():
        there, back = data(default.mlp(x, "layer0")), data(default.mlp(opposite, "layer0"))
        return back == pytest.approx([-y for y in there])

    assert not is_linear()
    monkeypatch.setattr(default.Value, "relu", lambda self: self)
    assert is_linear()

def test_no_token_sees_the_future(default):
    says("Later tokens are not in the *KV cache* yet, so no token sees what it has to guess.")
    tokens = [26, 3, 1, 4, 1, 5]
    before = run_gpt(default, tokens)
    for t in range(1, len(tokens)):
        changed = tokens[:t] + [(token + 7) % 26 for token in tokens[t:]]
        after = [data(z) for z in run_gpt(default, changed)]
        assert after[:t] == [data(z) for z in before[:t]]
        assert all(a != data(b) for a, b in zip(after[t:], before[t:]))

def test_every_token_learns_from_itself_and_all_before_it_and_from_none_after(default):
    says("a token gathers what it needs from itself and those before it")
    sum(run_gpt(default, [26, 3, 1, 4, 1, 5])[2]).backward()
    reached = [any(p.grad for p in row) for row in default.state_dict["wpe"][:6]]
    assert reached == [True, True, True, False, False, False]

def set_to(script, name, number):
    """Set a matrix to this number times the identity."""
    for i, row in enumerate(script.state_dict[name]):
        for j, p in enumerate(row):
            p.data = float(i == j) * number

def attention_outputs(script, xs):
    keys, values = [], []
    return [data(script.attention(x, "layer0", keys, values)) for x in xs]

def test_attention_adds_up_values_by_their_weights():
    says("Softmax turns scores into weights for a sum of *values*")
    says("with scores 2, 1, 0, values 10, 20, 30 give 14.2.")
    script = load(NAMES, num_steps=0, n_embd=1, n_head=1)
    for letter, number in zip("qkvo", (1, 0, 30, 1)):
        set_to(script, f"layer0.attn_w{letter}", number)
    keys, values = [nodes(script, [s]) for s in (2, 1)], [nodes(script, [x]) for x in (10, 20)]
    (out,) = script.attention(nodes(script, [1.0]), "layer0", keys, values)
    assert out.data == pytest.approx(14.2, abs=0.05)

def test_without_the_root_wide_heads_would_look_at_one_token_only(script):
    says("Wider heads tend to have larger scores, and then one token takes nearly all: 4 against 0")
    says("gets 0.98. Divided by 2, the root of `head_dim`, it gets 0.88.")
    assert script.head_dim**0.5 == 2
    for score, weight in ((4, 0.98), (4 / script.head_dim**0.5, 0.88)):
        assert reference.probabilities([score, 0])[0] == pytest.approx(weight, abs=0.005)
    draw = random.Random(4)
    query, *keys = [[draw.gauss(0, 1) for _ in range(256)] for _ in range(9)]
    scores = reference.matvec(keys, query)
    assert max(reference.probabilities(scores)) > 0.9
    assert max(reference.probabilities([score / 256**0.5 for score in scores])) < 0.5

def test_what_changes_in_one_head_changes_its_own_slice_only(default):
    set_to(default, "layer0.attn_wo", 1)
    xs = default.state_dict["wte"][:3]
    before = attention_outputs(default, xs)[2]
    for name in ("attn_wq", "attn_wk", "attn_wv"):
        for p in entries(default.state_dict[f"layer0.{name}"][4:8]):
            p.data += 0.1
        after = attention_outputs(default, xs)[2]
        assert [a != b for a, b in zip(after, before)] == [False] * 4 + [True] * 4 + [False] * 8

def test_without_position_embeddings_one_layer_cannot_tell_the_order(default):
    says("Its position gets one, too, as a layer of attention ignores the order of earlier tokens.")

    def same():
        here, there = [run_gpt(default, tokens)[-1] for tokens in ([1, 2, 3, 0], [3, 1, 2, 0])]
        return data(here) == pytest.approx(data(there), rel=1e-6)

    assert not same()
    set_to(default, "wpe", 0)
    assert same()

def test_layers_that_add_nothing_leave_the_vector_as_it_was(default):
    says("Attention and MLP only add to `x`")
    for name in ("layer0.attn_wo", "layer0.mlp_fc2"):
        set_to(default, name, 0)
    state = reference.numbers(default)
    vector = reference.normed(reference.plus(state["wte"][1], state["wpe"][0]))
    assert data(run_gpt(default, [1])[0]) == pytest.approx(reference.matvec(state["lm_head"], vector))

def test_the_first_of_many_layers_receives_a_gradient_of_the_size_of_the_last():
    """In a model so deep that a recursive `backward` would fail."""
    says("Ten layers of slope 0.1 would shrink a gradient to 1e-10, but `x` adds 1 to each slope, and")
    says("1.1**10 is 2.6.")
    assert (0.1**10, (1 + 0.1) ** 10) == pytest.approx((1e-10, 2.6), rel=0.01)
    script = load(["abcd"], num_steps=0, n_layer=24, n_embd=8, n_head=2, block_size=4)
    script.loss_of("abcd").backward()
    first, last = (
        math.sqrt(sum(p.grad**2 for p in entries(script.state_dict[f"layer{i}.mlp_fc2"])))
        for i in (0, 23)
    )
    assert 0.5 < first / last < 2

def test_parameters_that_start_equal_stay_equal(default):
    says("Parameters start random: if all were equal, many would get equal gradients, and stay equal.")
    for p in default.params:
        p.data = 0.1
    for step, doc in enumerate(["emma", "olivia"]):
        default.loss_of(doc).backward()
        default.adam(step)
    rows = [row for matrix in default.state_dict.values() for row in matrix]
    assert all(max(data(row)) - min(data(row)) < 1e-9 for row in rows)
    assert default.params[0].data != 0.1

SLIPS = {
    "fc1 and fc2 swapped": [
        ('mlp_fc1"] = matrix(4 * n_embd, n_embd)', 'mlp_fc1"] = matrix(n_embd, 4 * n_embd)'),
        ('mlp_fc2"] = matrix(n_embd, 4 * n_embd)', 'mlp_fc2"] = matrix(4 * n_embd, n_embd)'),
    ],
    "two lists glued together": [
        ('x = add(x, mlp(rmsnorm(x), f"layer{i}"))', 'x = x + mlp(rmsnorm(x), f"layer{i}")')
    ],
    "a head of another width": [("start + head_dim)", "start + 2 * head_dim)")],
    "the whole query for one head": [("linear(query[head], [", "linear(query, [")],
    "the whole keys for one head": [("[key[head] for", "[key for")],
    "values as rows": [("zip(*[value[head] for value in values])", "[v[head] for v in values]")],
    "a shorter embedding": [('"wte": matrix(vocab_size, n_embd)', '"wte": matrix(vocab_size, 8)')],
    "the wrong matrix for the output": [('state_dict["lm_head"]', 'state_dict["layer0.mlp_fc2"]')],
}

@pytest.mark.parametrize("slip", SLIPS)
def test_vectors_of_the_wrong_length_do_not_train_in_silence(slip):
    with pytest.raises(AssertionError, match=r"a dot product of \d+ numbers with \d+"):
        load(NAMES, SLIPS[slip], num_steps=1)
