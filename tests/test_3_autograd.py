"""Section 3: a derivative that `backward` finds is the slope that one sees by trying."""

import functools
import math
import random

import pytest
from harness import nodes, numeric_gradient, says


def exp(x):
    return math.exp(x) if isinstance(x, float) else x.exp()

def log(x):
    return math.log(x) if isinstance(x, float) else x.log()

def relu(x):
    return max(x, 0.0) if isinstance(x, float) else x.relu()

def check(Value, function, point):
    """The function of nodes has the value that it has on plain numbers, and the slopes."""
    leaves = [Value(x) for x in point]
    result = function(*leaves)
    result.backward()
    assert result.data == pytest.approx(function(*point), rel=1e-12, abs=1e-12)
    expected = numeric_gradient(function, list(point))
    assert [leaf.grad for leaf in leaves] == pytest.approx(expected, rel=1e-7, abs=1e-7)
    assert result.grad == 1

OPERATIONS = (
    "a + b | a - b | a * b | a / b | a + a - b | a * a * b | a + 3 | 3 + a | a - 3 | 3 - a | "
    "a * -3 | -3 * a | a / -4 | -4 / a | -a + b | a**3 | a**2 | a**1 + b | a**0 + b | a**-1 | "
    "a**-2 | exp(a) | exp(a - b) | relu(a) | relu(b) | 3 * relu(a * 2 - b) + a | "
    "exp(a * b) / (b * b + 1) - relu(a + exp(b)) * a"
)
POSITIVE_ONLY = "a**0.5 | a**-0.5 | b**1.5 | log(a) | log(a / b)"

@pytest.mark.parametrize("operation", OPERATIONS.split(" | "))
def test_the_slope_is_the_one_seen_by_trying(Value, operation):
    says("if x moves, x + y moves as far, and x * y moves y times as far")
    for point in [(0.7, -1.3), (-2.1, 0.4), (3.0, 2.5), (-0.9, -0.4)]:
        check(Value, eval(f"lambda a, b: {operation}", globals()), point)

@pytest.mark.parametrize("operation", POSITIVE_ONLY.split(" | "))
def test_the_slope_of_a_positive_number_is_the_one_seen_by_trying(Value, operation):
    says("`x**n` has slope `n * x**(n - 1)`, log(x) has 1 / x, and exp(x) is its own slope.")
    for point in [(0.2, 1.0), (2.5, 0.4)]:
        check(Value, eval(f"lambda a, b: {operation}", globals()), point)

def test_the_slope_of_a_times_b_plus_a_along_a_is_b_plus_1(Value):
    says("Take `a * b + a` at a = 2 and b = 3. It is 8, and at a = 2.001 it is 8.004, so it moves")
    says("4 times as far: 3 through the product, 1 directly.")
    says("multiply the slopes along each path, and add up the paths")
    a, b = Value(2.0), Value(3.0)
    product = a * b
    loss = product + a
    loss.backward()
    assert (loss.data, a.grad) == (8, 4)
    assert (product._slopes[0] * loss._slopes[0], loss._slopes[1]) == (3, 1)
    assert 2.001 * 3 + 2.001 == pytest.approx(8.004) == 8 + 0.001 * a.grad

def test_a_node_that_is_nudged_moves_the_loss_by_its_gradient_times_as_far(Value):
    says("up by 0.001 moves the loss up by 0.004, the slope is 4, so nudge it down.")
    says("`grad` is the *derivative* (slope) of the loss with respect to it.")
    a = Value(0.3)
    middle = exp(a) * a
    (middle * middle).backward()
    assert middle.grad == pytest.approx(*numeric_gradient(lambda x: x * x, [middle.data]))

def test_a_node_passes_its_gradient_on_when_it_has_all_of_it(Value):
    says("once per graph, as inner grads stay")
    says("A node passes `slope * grad` to each source once its own `grad` is complete: if the loss is")
    says("c * c + c, and c = 2 * a, then c collects 2 * c + 1 before `a` gets 2 times that.")
    a = Value(3.0)
    c = 2 * a
    (c * c + c).backward()
    assert c.grad == 2 * c.data + 1
    assert a.grad == 2 * c.grad

def test_gradients_of_several_graphs_add_up_in_a_leaf(Value):
    x = Value(2.0)
    (x * x * 3).backward()
    (x * 5).backward()
    assert x.grad == 12 + 5

@pytest.mark.parametrize("n", [1, 2, 16, 64])
def test_a_dot_product_is_the_sum_of_products_and_a_single_node(script, n):
    says("One is enough: its slope for each factor is the other factor.")
    draw = random.Random(n)
    numbers = [draw.gauss(0, 1) for _ in range(2 * n)]

    def both(dot):
        leaves = nodes(script, numbers)
        xs, ys = [exp(leaf) for leaf in leaves[:n]], leaves[n:]
        shared = dot(xs, ys) * dot(ys, ys) + dot(xs, xs) * xs[0]
        shared.backward()
        return [shared.data] + [leaf.grad for leaf in leaves]

    chain = both(lambda xs, ys: sum(x * y for x, y in zip(xs, ys)))
    assert both(script.dot) == pytest.approx(chain, rel=1e-9)
    xs, ys = nodes(script, numbers[:n]), nodes(script, numbers[n:])
    assert list(script.dot(xs, ys)._sources) == xs + ys

def test_sixteen_pairs_as_times_and_plus_are_31_nodes(Value):
    says("A dot product of 16 pairs would take 31 nodes.")
    products = [Value(1.0) * Value(1.0) for _ in range(16)]
    nodes_of_sum = {functools.reduce(lambda a, b: a + b, products), *products}
    for _ in products:
        nodes_of_sum |= {s for node in nodes_of_sum for s in node._sources if s._sources}
    assert len(nodes_of_sum) == 31

def test_a_dot_product_of_unequal_lengths_is_refused(script):
    with pytest.raises(AssertionError, match="a dot product of 3 numbers with 2"):
        script.dot(nodes(script, [1, 2, 3]), nodes(script, [4, 5]))

def test_a_large_slope_is_passed_on_undiminished(Value):
    x = Value(1.0)
    (x * 1e6 * 1e6 * 1e6).backward()
    assert x.grad == pytest.approx(1e18)
    y = Value(700.0)
    z = exp(y)
    z.backward()
    assert y.grad == z.data == math.exp(700)

def test_paths_are_added_without_being_walked_one_by_one(Value):
    x = Value(1.0)
    doubled = x
    for _ in range(60):
        doubled = doubled + doubled
    doubled.backward()  # 2**60 paths: none who walks them one by one comes back
    assert x.grad == doubled.data == 2.0**60

def test_a_graph_may_be_a_chain_of_200_000_nodes(Value):
    x = Value(0.5)
    y = x
    for _ in range(100_000):
        y = -y + 0.25
    y.backward()
    assert (x.grad, y.data) == (1, 0.5)
