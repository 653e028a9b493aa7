"""What several tests share: untrained scripts of several sizes."""

import random

import pytest
from harness import LETTERS, LOOK, SCRIPT, load, put_input, run

# Nothing in this table is the default: what holds for all of these holds for any size.
TABLE = {
    "two layers of three heads, 27 tokens": {"docs": LETTERS, "n_layer": 2, "n_embd": 9, "block_size": 20, "n_head": 3,
        "learning_rate": 0.003, "beta1": 0.7, "beta2": 0.95, "eps_adam": 1e-4, "temperature": 5.0},
    "three layers, a head for each number": {"docs": ["a c", "bb"], "n_layer": 3, "n_embd": 5, "block_size": 20, "n_head": 5,
        "learning_rate": 0.5, "beta1": 0.5, "beta2": 0.9, "eps_adam": 0.1, "temperature": 1.3},
    "one head, a context of 150 tokens": {"docs": ["ab", "caab"], "n_layer": 1, "n_embd": 6, "block_size": 150, "n_head": 1,
        "learning_rate": 1e-4, "beta1": 0.95, "beta2": 0.999, "eps_adam": 1e-12, "temperature": 0.05},
    "no layer, vectors of 70 numbers": {"docs": ["ba"], "n_layer": 0, "n_embd": 70, "block_size": 7, "n_head": 1,
        "learning_rate": 0.02, "beta1": 0.0, "beta2": 0.5, "eps_adam": 1e-3, "temperature": 0.7},
}

def lent(script):
    """Lend the script to one test, and undo what that does to its parameters."""
    before = [p.data for p in script.params]
    yield script
    for p, x in zip(script.params, before):
        p.data, p.grad = x, 0.0
    script.m[:] = script.v[:] = [0.0] * len(before)

def spread(script, deviation):
    """Make the parameters so large that every part of the model matters."""
    draw = random.Random(0)
    for p in script.params:
        p.data = draw.gauss(0, deviation)
    return script

@pytest.fixture(scope="session")
def loaded():
    script = load(LETTERS, num_steps=0)
    script.num_steps = 1000
    return script

@pytest.fixture
def script(loaded):
    """The untrained script of the published size."""
    yield from lent(loaded)

@pytest.fixture
def large(script):
    """The same, with parameters that are not small."""
    return spread(script, 0.3)

@pytest.fixture
def Value(script):
    return script.Value

@pytest.fixture(scope="session", params=TABLE.values(), ids=TABLE)
def size(request):
    return request.param

@pytest.fixture(scope="session")
def loaded_of_size(size):
    return spread(load(num_steps=0, **size), 0.5)

@pytest.fixture
def sized(loaded_of_size):
    """The script of each size in the table, with parameters that are not small."""
    yield from lent(loaded_of_size)

@pytest.fixture(scope="session")
def the_run(tmp_path_factory):
    """What the script prints as it stands, and then what the README's snippets print."""
    folder = tmp_path_factory.mktemp("run")
    put_input(folder, None)
    return run(folder, text=SCRIPT.read_text(encoding="utf-8"), look="\n".join(LOOK)).stdout

def pytest_terminal_summary(terminalreporter):
    """Tell a learner what red tests mean after a setting was changed."""
    red = {report.nodeid for report in terminalreporter.getreports("failed")}
    if red and all("as_published" in name for name in red):
        terminalreporter.line("All facts hold. What is red holds script and README as published, before your change.")
