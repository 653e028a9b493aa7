"""Room 3: a derivative that `backward` finds is the slope that one sees by trying."""

import math
import random

import pytest
from harness import load, numeric_gradient

script = load(num_steps=0)
Value = script.Value


def exp(x):
    return x.exp() if isinstance(x, Value) else math.exp(x)


def log(x):
    return x.log() if isinstance(x, Value) else math.log(x)


def relu(x):
    return x.relu() if isinstance(x, Value) else max(x, 0.0)


def check(function, point, tolerance=1e-7):
    """The function of nodes has the value that it has on plain numbers, and the slopes."""
    nodes = [Value(x) for x in point]
    result = function(*nodes)
    result.backward()
    assert result.data == pytest.approx(function(*point), rel=1e-12, abs=1e-12)
    expected = numeric_gradient(function, list(point))
    assert [node.grad for node in nodes] == pytest.approx(expected, rel=tolerance, abs=tolerance)
    assert result.grad == 1


TWO_OPERANDS = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a + a": lambda a, b: a + a + 0 * b,
    "a * a": lambda a, b: a * a + 0 * b,
}
POINTS = [(0.7, -1.3), (-2.1, 0.4), (3.0, 2.5), (-0.9, -0.8)]


@pytest.mark.parametrize("name", TWO_OPERANDS)
@pytest.mark.parametrize("point", POINTS)
def test_two_operands(name, point):
    check(TWO_OPERANDS[name], point)


@pytest.mark.parametrize("number", [2, -3, 0.5, -0.25])
@pytest.mark.parametrize("x", [0.7, -1.3, 2.0])
def test_a_plain_number_on_either_side(number, x):
    check(lambda a: a + number, [x])
    check(lambda a: number + a, [x])
    check(lambda a: a - number, [x])
    check(lambda a: number - a, [x])
    check(lambda a: a * number, [x])
    check(lambda a: number * a, [x])
    check(lambda a: a / number, [x])
    check(lambda a: number / a, [x])


@pytest.mark.parametrize("exponent", [3, 2, 1, 0, -1, -2])
@pytest.mark.parametrize("x", [0.7, -1.3, 2.0])
def test_whole_powers(exponent, x):
    check(lambda a: a**exponent, [x])


@pytest.mark.parametrize("exponent", [0.5, -0.5, 1.5])
@pytest.mark.parametrize("x", [0.2, 1.0, 2.5])
def test_broken_powers(exponent, x):
    check(lambda a: a**exponent, [x])


@pytest.mark.parametrize("x", [-2.0, 0.0, 1.5])
def test_exp(x):
    check(exp, [x])


@pytest.mark.parametrize("x", [0.1, 1.0, 3.0])
def test_log(x):
    check(log, [x])


@pytest.mark.parametrize("x", [-1.5, -0.01, 0.01, 2.0])
def test_relu(x):
    check(relu, [x])
    check(lambda a: 3 * relu(a * 2 - 1) + a, [x])


@pytest.mark.parametrize("x", [-1.5, 0.0, 2.0])
def test_negation(x):
    check(lambda a: -a, [x])


def random_expression(seed):
    """Return a function of four numbers: 80 operations on results so far, each used many times."""
    draw = random.Random(seed)
    plan = [
        (draw.choice("+-*/erl"), draw.randrange(4 + i), draw.randrange(4 + i), draw.uniform(-2, 2))
        for i in range(80)
    ]

    def function(*leaves):
        results = list(leaves)
        for operation, i, j, number in plan:
            a, b = results[i], results[j]
            if operation == "+":
                c = a + b * number
            elif operation == "-":
                c = number - a - b
            elif operation == "*":
                c = a * b
            elif operation == "/":
                c = a / (b * b + 1)
            elif operation == "e":
                c = exp(-(a * a)) * b
            elif operation == "r":
                c = relu(a - b) + relu(number * b)
            else:
                c = log(a * a + 1.5) - b
            results.append(c / (c * c + 1) ** 0.5)  # keeps the numbers between -1 and 1
        return sum(results)

    return function


@pytest.mark.parametrize("seed", range(12))
def test_random_expressions_with_shared_nodes(seed):
    draw = random.Random(1000 + seed)
    check(random_expression(seed), [draw.uniform(-1.5, 1.5) for _ in range(4)], tolerance=1e-5)


def chain_dot(xs, ys):
    """The dot product as it would be without a wide node: a chain of + and *."""
    total = xs[0] * ys[0]
    for x, y in zip(xs[1:], ys[1:]):
        total = total + x * y
    return total


@pytest.mark.parametrize("n", [1, 2, 16, 64])
def test_the_wide_dot_product_is_the_chain_it_stands_for(n):
    draw = random.Random(n)
    numbers = [draw.gauss(0, 1) for _ in range(2 * n)]

    def both(dot):
        leaves = [Value(x) for x in numbers]
        xs, ys = [exp(leaf) for leaf in leaves[:n]], leaves[n:]
        shared = dot(xs, ys) * dot(ys, ys) + dot(xs, xs) * xs[0]
        shared.backward()
        return [shared.data] + [leaf.grad for leaf in leaves]

    assert both(script.dot) == pytest.approx(both(chain_dot), rel=1e-9)


def test_fan_out_adds_up():
    x = Value(3.0)
    (x + x + x * x + 4 * x).backward()
    assert x.grad == 1 + 1 + 6 + 4


def test_paths_are_added_without_being_walked_one_by_one():
    x = Value(1.0)
    doubled = x
    for _ in range(60):
        doubled = doubled + doubled
    doubled.backward()  # 2**60 paths: none who walks them one by one comes back
    assert x.grad == doubled.data == 2.0**60


def test_backward_from_two_outputs_adds_both_gradients():
    def outputs(a, b):
        shared = exp(a) * b
        deeper = shared * shared + b
        return deeper * a, deeper / 3 + shared

    leaves = [Value(0.4), Value(-1.7)]
    first, second = outputs(*leaves)
    first.backward()
    second.backward()
    expected = numeric_gradient(lambda a, b: sum(outputs(a, b)), [0.4, -1.7])
    assert [leaf.grad for leaf in leaves] == pytest.approx(expected, rel=1e-7)


def test_backward_again_adds_the_same_again():
    x = Value(2.0)
    y = (x * x).exp()
    y.backward()
    once = x.grad
    y.backward()
    assert x.grad == 2 * once


def test_backward_leaves_other_graphs_alone():
    x = Value(2.0)
    middle = x * x
    other = middle * 3
    other.backward()
    (x * 5).backward()
    assert (middle.grad, other.grad) == (3, 1)
    assert x.grad == 12 + 5


def test_backward_of_a_leaf():
    x = Value(7.0)
    x.backward()
    assert x.grad == 1


def test_a_chain_of_200_000_nodes():
    x = Value(0.5)
    y = x
    for _ in range(100_000):
        y = -y + 0.25
    y.backward()
    assert x.grad == 1
    assert y.data == 0.5


def test_a_graph_goes_when_nothing_refers_to_it():
    import gc
    import weakref

    class Traced(Value):
        pass  # no __slots__, so it can be watched

    node = Traced(1.0)
    watched = weakref.ref(node)
    result = exp(node) * node
    result.backward()
    enabled = gc.isenabled()
    gc.disable()
    try:
        del node, result
        if script.sys.implementation.name != "cpython":
            gc.collect()
        assert watched() is None, "a circle of references, which only the collector would find"
    finally:
        if enabled:
            gc.enable()
