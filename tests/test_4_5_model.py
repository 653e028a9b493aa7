"""Sections 4 and 5: what is true of a transformer, whatever its parameters."""

import math
import random

import pytest
import reference
from harness import data, load, nodes, numeric_gradient

def entries(rows):
    return [p for row in rows for p in row]

def run_gpt(script, tokens):
    """Feed the tokens one by one; return the logits at every position."""
    cache = [([], []) for _ in range(script.n_layer)]
    return [script.gpt(token, t, cache) for t, token in enumerate(tokens)]

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
    for i in range(size["n_layer"]):
        shapes |= {f"layer{i}.attn_{name}": (width, width) for name in ("wq", "wk", "wv", "wo")}
        shapes |= {f"layer{i}.mlp_fc1": (4 * width, width), f"layer{i}.mlp_fc2": (width, 4 * width)}
    drawn = {name: (len(rows), len(rows[0])) for name, rows in script.state_dict.items()}
    assert list(drawn.items()) == list(shapes.items())
    assert script.params == [p for rows in script.state_dict.values() for p in entries(rows)]

def test_gpt_computes_what_the_papers_say_over_the_whole_context(sized):
    """One token at a time with a cache gives what a full recomputation gives."""
    tokens = sized.encode(letters(sized, sized.block_size))[: sized.block_size]
    expected = reference.logits_of(tokens, reference.numbers(sized), sized.n_head)
    for ours, theirs in zip(run_gpt(sized, tokens), expected):
        assert data(ours) == pytest.approx(theirs, rel=1e-9, abs=1e-9)

def test_gradients_are_slopes_of_the_loss(sized):
    """In each matrix along a direction in which all entries move, and along that of one entry alone."""
    doc, state, draw = letters(sized, sized.block_size + 3), reference.numbers(sized), random.Random(1)
    sized.loss_of(doc).backward()
    for name, matrix in state.items():
        all_move = [[draw.choice([-1, 1]) * draw.uniform(1, 2) for _ in row] for row in matrix]
        one_moves = [[0] * len(row) for row in matrix]
        draw.choice(one_moves)[draw.randrange(sized.n_embd)] = 1
        for way in (all_move, one_moves):

            def loss(far, name=name, matrix=matrix, way=way):
                there = {**state, name: [[x + far * y for x, y in zip(*rows)] for rows in zip(matrix, way)]}
                return reference.loss_of(sized.encode(doc), there, sized.n_head, sized.block_size)

            slope = sum(p.grad * y for p, y in zip(entries(sized.state_dict[name]), entries(way)))
            assert [slope] == pytest.approx(numeric_gradient(loss, [0.0]), rel=1e-5, abs=1e-7), name

def test_softmax_gives_probabilities_that_depend_on_differences_only(script):
    for numbers in ([2, 1, 0], [1002, 1001, 1000], [-1040, -1041, -1042]):
        probs = data(script.softmax(nodes(script, numbers)))
        assert probs == pytest.approx([0.67, 0.24, 0.09], abs=0.005)
        assert probs == pytest.approx(reference.probabilities([2, 1, 0]), rel=1e-12)
    assert 0.67 * 10 + 0.24 * 20 + 0.09 * 30 == pytest.approx(14.2)
    assert data(script.softmax(nodes(script, [-800.0, 0.0, 800.0]))) == [0, 0, 1]
    assert data(script.softmax(nodes(script, [0, 600.0])))[0] == pytest.approx(math.exp(-600))

def test_rmsnorm_keeps_the_direction_and_fixes_the_length(script):
    for numbers in ([3, 4], [300, 400]):
        out = data(script.rmsnorm(nodes(script, numbers)))
        assert out == pytest.approx([0.85, 1.13], abs=0.005)
        assert out[1] / out[0] == pytest.approx(4 / 3)
        assert math.hypot(*out) / 2**0.5 == pytest.approx(1, rel=1e-6), "the root mean square"
    assert data(script.rmsnorm(nodes(script, [0.0] * 4))) == [0, 0, 0, 0]
    assert script.rmsnorm(nodes(script, [1e-3]))[0].data == pytest.approx(1e-3 / 1.1e-5**0.5)

def test_without_relu_two_matrices_could_be_one(default, monkeypatch):
    x = default.state_dict["wte"][0]
    opposite = [-xi for xi in x]

    def is_linear():
        there, back = data(default.mlp(x, 0)), data(default.mlp(opposite, 0))
        return back == pytest.approx([-y for y in there])

    assert not is_linear()
    monkeypatch.setattr(default.Value, "relu", lambda self: self)
    assert is_linear()

def test_no_token_sees_the_future(default):
    tokens = [26, 3, 1, 4, 1, 5]
    before = run_gpt(default, tokens)
    for t in range(1, len(tokens)):
        changed = tokens[:t] + [(token + 7) % 26 for token in tokens[t:]]
        after = [data(z) for z in run_gpt(default, changed)]
        assert after[:t] == [data(z) for z in before[:t]]
        assert all(a != data(b) for a, b in zip(after[t:], before[t:]))

def test_every_token_learns_from_itself_and_all_before_it_and_from_none_after(default):
    sum(run_gpt(default, [26, 3, 1, 4, 1, 5])[2]).backward()
    reached = [any(p.grad for p in row) for row in default.state_dict["wpe"][:6]]
    assert reached == [True, True, True, False, False, False]

def test_undivided_scores_of_wide_heads_let_one_token_win(script):
    assert data(script.softmax(nodes(script, [4, 0]))) == pytest.approx([0.98, 0.02], abs=0.005)
    draw = random.Random(4)
    query, *keys = [nodes(script, [draw.gauss(0, 1) for _ in range(256)]) for _ in range(9)]
    scores = script.linear(query, keys)
    assert max(data(script.softmax(scores))) > 0.9
    assert max(data(script.softmax([score / 256**0.5 for score in scores]))) < 0.5

def test_without_position_embeddings_one_layer_cannot_tell_the_order(default):
    def same():
        here, there = [run_gpt(default, tokens)[-1] for tokens in ([1, 2, 3, 0], [3, 1, 2, 0])]
        return data(here) == pytest.approx(data(there), rel=1e-6)

    assert not same()
    for p in entries(default.state_dict["wpe"]):
        p.data = 0.0
    assert same()

def test_the_first_of_many_layers_receives_a_gradient_of_the_size_of_the_last():
    """In a model so deep that a recursive `backward` would fail."""
    script = load(["abcd"], num_steps=0, n_layer=24, n_embd=8, n_head=2, block_size=4)
    script.loss_of("abcd").backward()
    first, last = (
        math.sqrt(sum(p.grad**2 for p in entries(script.state_dict[f"layer{i}.mlp_fc2"])))
        for i in (0, 23)
    )
    assert 0.5 < first / last < 2

def test_parameters_that_start_equal_stay_equal(default):
    for p in default.params:
        p.data = 0.1
    for step, doc in enumerate(["emma", "olivia"]):
        default.loss_of(doc).backward()
        default.adam(step)
    rows = [row for matrix in default.state_dict.values() for row in matrix]
    assert all(max(data(row)) - min(data(row)) < 1e-9 for row in rows)
    assert default.params[0].data != 0.1
