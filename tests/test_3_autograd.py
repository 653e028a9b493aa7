"""Section 3: a derivative that `backward` finds is the slope that one sees by trying."""

import math
import random
from operator import mul

import pytest
from harness import nodes, numeric_gradient

def exp(x):
    return math.exp(x) if isinstance(x, float) else x.exp()

def log(x):
    return math.log(x) if isinstance(x, float) else x.log()

def relu(x):
    return max(x, 0.0) if isinstance(x, float) else x.relu()

def slopes_are_seen(Value, operation, point):
    """The operation on nodes has the value that it has on plain numbers, and the slopes."""
    function = eval(f"lambda a, b: {operation}", globals())
    leaves = [Value(x) for x in point]
    result = function(*leaves)
    result.backward()
    assert result.data == pytest.approx(function(*point), rel=1e-12, abs=1e-12), operation
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
    "a * -3 | -3 * a | a / -4 | -4 / a | -a + b | a**3 | a**2 | a**1 + b | a**0 + b | a**-1 | "
    "a**-2 | exp(a) | exp(a - b) | relu(a) | relu(b) | 3 * relu(a * 2 - b) + a | "
    "exp(a * b) / (b * b + 1) - relu(a + exp(b)) * a | a + a * a | a * a + a"
)
POSITIVE_ONLY = "a**0.5 | a**-0.5 | b**1.5 | log(a) | log(a / b)"

def test_the_slope_of_each_operation_is_the_one_seen_by_trying(Value):
    for operation in OPERATIONS.split(" | "):
        for point in [(0.7, -1.3), (-2.1, 0.4), (3.0, 2.5), (-0.9, -0.4)]:
            slopes_are_seen(Value, operation, point)
    for operation in POSITIVE_ONLY.split(" | "):
        for point in [(0.2, 1.0), (2.5, 0.4)]:
            slopes_are_seen(Value, operation, point)

def test_very_small_and_very_large_numbers_have_their_slopes_too(Value):
    for x in (-700.0, -40.0, 700.0):
        assert slope(Value, exp, x) == exp(Value(x)).data == math.exp(x)
    assert log(Value(1e-20)).data == pytest.approx(-46.05, abs=0.005)
    assert slope(Value, log, 1e-20) == pytest.approx(1e20)
    assert (relu(Value(700.0)).data, slope(Value, relu, 700.0), slope(Value, relu, 1e-300)) == (700, 1, 1)
    for factor in (1e-6, 1e6):
        assert slope(Value, lambda x, f=factor: x * f * f * f, 1.0) == pytest.approx(factor**3)

def test_the_slope_of_a_times_b_plus_a_along_a_is_b_plus_1(Value):
    a, b = Value(2.0), Value(3.0)
    product = a * b
    loss = product + a
    loss.backward()
    assert (loss.data, a.grad) == (8, 4)
    assert (product._slopes[0] * loss._slopes[0], loss._slopes[1]) == (3, 1)
    assert 2.001 * 3 + 2.001 == pytest.approx(8.004) == 8 + 0.001 * a.grad

def test_a_node_that_is_nudged_moves_the_loss_by_its_gradient_times_as_far(Value):
    middle = exp(Value(0.3)) * 2
    (middle * middle + middle).backward()
    assert middle.grad == pytest.approx(*numeric_gradient(lambda x: x * x + x, [middle.data]))
    assert 0.001 * 4 == 0.004

def test_a_node_passes_its_gradient_on_when_it_has_all_of_it(Value):
    for loss in (lambda c: c * c + c, lambda c: c + c * c, lambda c: exp(c) * (c + 1) * c):
        a = Value(0.7)
        c = 2 * a
        loss(c).backward()
        assert c.grad == pytest.approx(*numeric_gradient(loss, [c.data]), rel=1e-8)
        assert a.grad == 2 * c.grad
        both = c.grad + 1, a.grad + 2 * (c.grad + 1)
        (c * 1).backward()
        assert (c.grad, a.grad) == both, "gradients of several graphs add up"

def test_a_dot_product_is_the_sum_of_products_and_a_single_node(script):
    assert script.dot(nodes(script, [1, 2]), nodes(script, [3, 4])).data == 11
    for n in (1, 2, 3, 16, 64):
        draw = random.Random(n)
        numbers = [draw.gauss(0, 1) for _ in range(2 * n)]

        def both(dot, n=n, numbers=numbers):
            leaves = nodes(script, numbers)
            xs, ys = [exp(leaf) for leaf in leaves[:n]], leaves[n:]
            shared = dot(xs, ys) * dot(ys, ys) + dot(xs, xs) * xs[0]
            shared.backward()
            return [shared.data] + [leaf.grad for leaf in leaves]

        assert both(script.dot) == pytest.approx(both(lambda xs, ys: sum(map(mul, xs, ys))), rel=1e-9)
        xs, ys = nodes(script, numbers[:n]), nodes(script, numbers[n:])
        product = script.dot(xs, ys)
        product.backward()
        assert list(product._sources) == xs + ys
        assert [x.grad for x in xs + ys] == numbers[n:] + numbers[:n]

def test_a_dot_product_of_unequal_lengths_is_refused(script):
    for xs, ys in (([1, 2, 3], [4, 5]), ([4, 5], [1, 2, 3])):
        with pytest.raises(AssertionError, match=f"a dot product of {len(xs)} numbers with {len(ys)}"):
            script.dot(nodes(script, xs), nodes(script, ys))

def test_paths_are_added_without_being_walked_one_by_one(Value):
    doubled = x = Value(1.0)
    for _ in range(60):
        doubled = doubled + doubled
    doubled.backward()  # 2**60 paths: none who walks them one by one comes back
    assert x.grad == doubled.data == 2.0**60

def test_a_graph_may_be_a_chain_of_200_000_nodes(Value):
    y = x = Value(0.5)
    for _ in range(100_000):
        y = -y + 0.25
    y.backward()
    assert (x.grad, y.data) == (1, 0.5)
