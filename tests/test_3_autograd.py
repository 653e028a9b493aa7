"""Section 3: a derivative that `backward` finds is the slope that one sees by trying."""

import gc
import math
import random
import weakref

import pytest
from harness import nodes, numeric_gradient
from reference import exactly

def also_on_numbers(name, function):
    return lambda x: function(x) if isinstance(x, float) else getattr(x, name)()

exp, log = also_on_numbers("exp", math.exp), also_on_numbers("log", math.log)
relu = also_on_numbers("relu", lambda x: max(x, 0.0))

def slopes_are_seen(Value, operation, point):
    """The operation on nodes has the value that it has on plain numbers, and the slopes."""
    function = eval(f"lambda a, b: {operation}", globals())
    leaves = [Value(x) for x in point]
    result = function(*leaves)
    result.backward()
    assert result.data == exactly(function(*point), rel=1e-12), operation
    expected = numeric_gradient(function, list(point))
    assert [leaf.grad for leaf in leaves] == pytest.approx(expected, rel=1e-7, abs=1e-7), operation
    assert result.grad == 1

def slope(Value, function, x):
    """Return what `backward` says of this function of one node."""
    leaf = Value(x)
    function(leaf).backward()
    return leaf.grad

OPERATIONS = (
    "a + b | a - b | a * b | a / b | a + a - b | a * a * b | a + 3 | 3 + a | a - 3 | 3 - a | "
    "a * -3 | -3 * a | a / -4 | -4 / a | 0 / a | -a + b | a**3 | a**2 | a**1 + b | a**0 + b | a**-1 | "
    "a**-2 | exp(a) | exp(a - b) | relu(a) | relu(b) | 3 * relu(a * 2 - b) + a | "
    "exp(a * b) / (b * b + 1) - relu(a + exp(b)) * a | a + a * a | a * a + a"
)
POSITIVE_ONLY = "a**0.5 | a**-0.5 | b**1.5 | log(a) | log(a / b)"

def test_the_slope_of_each_operation_is_the_one_seen_by_trying(Value):
    """Each operation knows its slopes: if x moves, x + y moves as far, and x * y moves y times as far.
    relu keeps positive numbers (slope 1) and makes others 0 (slope 0)."""
    for operation in OPERATIONS.split(" | "):
        for point in [(0.7, -1.3), (-2.1, 0.4), (3.0, 2.5), (-0.9, -0.4)]:
            slopes_are_seen(Value, operation, point)
    for operation in POSITIVE_ONLY.split(" | "):
        for point in [(0.2, 1.0), (2.5, 0.4)]:
            slopes_are_seen(Value, operation, point)
    slopes_are_seen(Value, "a**2 + b * a", (0.0, 0.0))
    assert (relu(Value(0.0)).data, slope(Value, relu, 0.0)) == (0, 0)

def test_very_small_and_very_large_numbers_have_their_slopes_too(Value):
    for x in (-700.0, -40.0, 709.0):
        assert slope(Value, exp, x) == exp(Value(x)).data == math.exp(x)
    with pytest.raises(OverflowError):
        exp(Value(710.0))
    assert log(Value(1e-300)).data == math.log(1e-300)
    assert slope(Value, log, 1e-20) == exactly(1e20, rel=1e-12)
    assert (relu(Value(700.0)).data, slope(Value, relu, 700.0), slope(Value, relu, 1e-300)) == (700, 1, 1)
    for factor in (1e-15, 1e-6, 1e6, 1e15):
        assert slope(Value, lambda x, f=factor: x * f * f * f, 1.0) == exactly(factor**3, rel=1e-12)

def test_a_node_that_is_nudged_moves_the_loss_by_its_gradient_times_as_far(Value):
    """With a = 2 and b = 3, `5 * (a * b + a)` is 40; with a = 2.001, it is 40.02.
    That is 20 times as far: 5 * 3 through `a * b` and 5 * 1 through `+ a`.
    This is the chain rule: multiply the slopes along each path, and add up the paths.
    slope (derivative) of the loss with respect to data
    If nudging a parameter (one of the model's numbers) up by 0.001 moves the loss up by 0.004, the slope is about 4, so the number should go down."""
    def made(x):
        a, b = Value(x), Value(3.0)
        product = a * b
        total = product + a
        return a, product, total, 5 * total

    a, product, total, loss = made(2.0)
    loss.backward()
    assert (loss.data, a.grad, made(2.001)[-1].data) == (40, 20, exactly(40.02, rel=1e-9))
    (five,), (one, also_one), (three, _) = loss._slopes, total._slopes, product._slopes
    assert (five * one * three, five * also_one, product.grad) == (5 * 3, 5 * 1, 5)
    assert made(2.0 - 0.001 * a.grad)[-1].data < 40, "down the slope, the loss is less"

def test_a_node_passes_its_gradient_on_when_it_has_all_of_it(Value):
    """In backpropagation, a node passes slope * grad to its (older) sources.
    The newest goes first (topological order), so each grad is complete before it is passed on.
    once per graph: grads add up"""
    for loss in (lambda c: c * c + c, lambda c: c + c * c, lambda c: exp(c) * (c + 1) * c):
        a = Value(0.7)
        c = 2 * a
        loss(c).backward()
        assert c.grad == exactly(numeric_gradient(loss, [c.data])[0], rel=1e-8)
        assert a.grad == 2 * c.grad
        for same in (lambda c: c * 1, lambda c: c + 0, lambda c: 1 * c):
            both = c.grad + 1, a.grad + 2 * (c.grad + 1)
            same(c).backward()
            assert (c.grad, a.grad) == both, "gradients of several graphs add up"
    root = a * 3
    root.grad, a.grad = 7.0, 0.0
    root.backward()
    assert (root.grad, a.grad) == (1, 3)

def test_gradients_are_right_in_any_graph_also_in_two_that_are_made_by_turns(Value):
    # each node against the slopes that are known when it is made: the chain rule in the other direction
    for seed in range(20):
        draw = random.Random(seed)
        leaves = [Value(draw.uniform(-1, 1)) for _ in range(3)]
        graphs = [[(leaf, [float(leaf is other) for other in leaves]) for leaf in leaves] for _ in "ab"]
        for turn in range(120):
            (x, dx), (y, dy) = draw.choices(graphs[turn % 2][-10:], k=2)
            by_x, by_y = draw.choice([(1.0, 0.5), (y.data, x.data)])
            made = x + y * 0.5 if by_y == 0.5 else x * y
            graphs[turn % 2].append((made, [by_x * p + by_y * q for p, q in zip(dx, dy)]))
        (first, by_first), (second, by_second) = graphs[0][-1], graphs[1][-1]
        first.backward()
        second.backward()
        assert [leaf.grad for leaf in leaves] == exactly([p + q for p, q in zip(by_first, by_second)], rel=1e-9)

def test_a_dot_product_is_the_sum_of_products_and_a_single_node(script):
    """The dot product of [1, 2] and [3, 4] is 1 * 3 + 2 * 4 = 11.
    Each number's slope is the number it is multiplied by."""
    assert script.dot(nodes(script, [1, 2]), nodes(script, [3, 4])).data == 11
    for n in (1, 2, 3, 16, 300):
        draw = random.Random(n)
        a, b = [[draw.choice([0.0, 1.0, 1.0]) * draw.gauss(0, 1) for _ in range(n)] for _ in "ab"]
        xs, ys = nodes(script, a), nodes(script, b)
        product = script.dot(xs, ys)
        product.backward()
        assert list(product._sources) == xs + ys
        assert [x.grad for x in xs + ys] == b + a
        assert product.data == pytest.approx(math.fsum(map(math.prod, zip(a, b))), rel=1e-9)
        script.dot(xs, xs).backward()
        assert [x.grad for x in xs] == exactly([y + 2 * x for x, y in zip(a, b)], rel=1e-12)

def test_a_dot_product_of_unequal_lengths_is_refused(script):
    for m, n in ((3, 2), (2, 3), (100, 1), (1, 100)):
        with pytest.raises(AssertionError, match=f"a dot product of lengths {m} and {n}"):
            script.dot(nodes(script, [1.0] * m), nodes(script, [1.0] * n))

def test_a_graph_may_have_2_to_the_60_paths_or_a_chain_of_200_000_nodes(Value):
    doubled = x = Value(1.0)
    for _ in range(60):
        doubled = doubled + doubled
    doubled.backward()  # none who walks the paths one by one comes back
    assert x.grad == doubled.data == 2.0**60
    y = x = Value(0.5)
    for _ in range(100_000):
        y = -y + 0.25
    y.backward()
    assert (x.grad, y.data) == (1, 0.5)

def test_a_graph_lives_no_longer_than_its_names(Value):
    class Leaf(Value):
        __slots__ = ("__weakref__",)

    for use in (lambda y: None, lambda y: y.backward()):
        leaf = Leaf(1.0)
        gone = weakref.ref(leaf)
        y = (leaf * 2 + 1).exp()
        use(y)
        del leaf, y
        gc.collect()
        assert gone() is None
