"""Section 3: a derivative that `backward` finds is the slope that one sees by trying."""

import gc
import math
import random

import pytest
from harness import load, numeric_gradient, says


def exp(x):
    return math.exp(x) if isinstance(x, float) else x.exp()


def log(x):
    return math.log(x) if isinstance(x, float) else x.log()


def relu(x):
    return max(x, 0.0) if isinstance(x, float) else x.relu()


def check(Value, function, point, tolerance=1e-7):
    """The function of nodes has the value that it has on plain numbers, and the slopes."""
    nodes = [Value(x) for x in point]
    result = function(*nodes)
    result.backward()
    assert result.data == pytest.approx(function(*point), rel=1e-12, abs=1e-12)
    expected = numeric_gradient(function, list(point))
    assert [node.grad for node in nodes] == pytest.approx(expected, rel=tolerance, abs=tolerance)
    assert result.grad == 1


OPERATIONS = (
    "a + b | a - b | a * b | a / b | a + a - b | a * a * b | a + 3 | 3 + a | a - 3 | 3 - a | "
    "a * -3 | -3 * a | a / -4 | -4 / a | -a + b | a**3 | a**2 | a**1 + b | a**0 + b | a**-1 | "
    "a**-2 | exp(a) | exp(a - b) | relu(a) | relu(b) | 3 * relu(a * 2 - b) + a"
)
POSITIVE_ONLY = "a**0.5 | a**-0.5 | b**1.5 | log(a) | log(a / b)"


@pytest.mark.parametrize("point", [(0.7, -1.3), (-2.1, 0.4), (3.0, 2.5), (-0.9, -0.4)])
@pytest.mark.parametrize("operation", OPERATIONS.split(" | "))
def test_the_slope_of_an_operation(Value, operation, point):
    check(Value, eval(f"lambda a, b: {operation}", globals()), point)


@pytest.mark.parametrize("point", [(0.2, 1.0), (2.5, 0.4)])
@pytest.mark.parametrize("operation", POSITIVE_ONLY.split(" | "))
def test_the_slope_of_an_operation_on_positive_numbers(Value, operation, point):
    check(Value, eval(f"lambda a, b: {operation}", globals()), point)


def random_expression(seed):
    """Return a function of four numbers: 80 operations on results so far, each used many times."""
    draw = random.Random(seed)
    steps = [
        lambda a, b, number: a + b * number,
        lambda a, b, number: number - a - b,
        lambda a, b, number: a * b,
        lambda a, b, number: a / (b * b + 1),
        lambda a, b, number: exp(-(a * a)) * b,
        lambda a, b, number: relu(a - b) + relu(number * b),
        lambda a, b, number: log(a * a + 1.5) - b,
    ]
    plan = [
        (draw.choice(steps), draw.randrange(4 + i), draw.randrange(4 + i), draw.uniform(-2, 2))
        for i in range(80)
    ]

    def function(*leaves):
        results = list(leaves)
        for step, i, j, number in plan:
            c = step(results[i], results[j], number)
            results.append(c / (c * c + 1) ** 0.5)  # keeps the numbers between -1 and 1
        return sum(results)

    return function


@pytest.mark.parametrize("seed", range(12))
def test_random_expressions_with_shared_nodes(Value, seed):
    draw = random.Random(1000 + seed)
    point = [draw.uniform(-1.5, 1.5) for _ in range(4)]
    check(Value, random_expression(seed), point, tolerance=1e-5)


@pytest.mark.parametrize("n", [1, 2, 16, 64])
def test_a_dot_product_is_the_sum_of_products_and_a_single_node(script, n):
    draw = random.Random(n)
    numbers = [draw.gauss(0, 1) for _ in range(2 * n)]

    def both(dot):
        leaves = [script.Value(x) for x in numbers]
        xs, ys = [exp(leaf) for leaf in leaves[:n]], leaves[n:]
        shared = dot(xs, ys) * dot(ys, ys) + dot(xs, xs) * xs[0]
        shared.backward()
        return [shared.data] + [leaf.grad for leaf in leaves]

    chain = both(lambda xs, ys: sum(x * y for x, y in zip(xs, ys)))
    assert both(script.dot) == pytest.approx(chain, rel=1e-9)
    xs, ys = [script.Value(x) for x in numbers[:n]], [script.Value(x) for x in numbers[n:]]
    assert list(script.dot(xs, ys)._children) == xs + ys


def test_the_examples_of_the_text(Value):
    says("Take `a * b + a` at a = 2 and b = 3. It is 8; at a = 2.001 it is 8.004. The derivative")
    says("is 4, since `a` acts in two ways: through the product, with slope 3, and directly, with")
    says("slope 1.")
    a, b = Value(2.0), Value(3.0)
    loss = a * b + a
    loss.backward()
    assert (loss.data, repr(a), loss._local_grads) == (8, "Value(data=2.0, grad=4.0)", (1, 1))
    assert loss._children[0]._local_grads[0] == 3
    assert 2.001 * 3 + 2.001 == pytest.approx(8.004)

    says("`x**n` n * x**(n-1) times, `exp(x)` exp(x) times, `log(x)` 1 / x times.")
    says("with c = 2 * a, loss = c + c * c and a = 1, c first collects 1 + 4, then a gets 2 * 5.")
    a = Value(1.0)
    c = 2 * a
    (c + c * c).backward()
    assert (c.grad, a.grad) == (1 + 4, 2 * 5)

    says("x1 * y1 + x2 * y2 + ... With a node for each `*` and `+`, 16 pairs would take 31.")
    nodes = {sum(Value(1.0) * Value(1.0) for _ in range(16))}
    for _ in range(16):
        nodes |= {child for node in nodes for child in node._children if child._children}
    plus_zero = 1  # sum() begins with 0 + the first product
    assert len(nodes) - plus_zero == 31


def test_paths_are_added_without_being_walked_one_by_one(Value):
    x = Value(1.0)
    doubled = x
    for _ in range(60):
        doubled = doubled + doubled
    doubled.backward()  # 2**60 paths: none who walks them one by one comes back
    assert x.grad == doubled.data == 2.0**60


def test_backward_from_two_outputs_adds_both_gradients(Value):
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


def test_backward_again_adds_the_same_again_and_leaves_other_graphs_alone(Value):
    x = Value(2.0)
    middle = x * x
    other = middle * 3
    other.backward()
    (x * 5).backward()
    assert (middle.grad, other.grad, x.grad) == (3, 1, 12 + 5)
    other.backward()
    assert x.grad == 12 + 5 + 12


def test_a_chain_of_200_000_nodes(Value):
    x = Value(0.5)
    y = x
    for _ in range(100_000):
        y = -y + 0.25
    y.backward()
    assert (x.grad, y.data) == (1, 0.5)


def test_the_graph_has_no_reference_cycles(Value):
    says("CPython's garbage collector only looks for reference cycles, and the graph has none.")
    gc.collect()
    a = Value(1.0)
    result = exp(a) * a
    result.backward()
    del a, result
    assert not gc.collect(), "garbage that only the collector finds"


def test_the_garbage_collector_is_off_on_cpython_and_on_elsewhere():
    """PyPy frees all memory by collecting it."""
    seen = ("temperature = 0.5\n", "temperature = 0.5\ncollecting = gc.isenabled()\n")
    script = load(["ab"], changes=[seen], num_steps=0, n_embd=1, n_head=1)
    assert script.collecting == (script.sys.implementation.name != "cpython")
