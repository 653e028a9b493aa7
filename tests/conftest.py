"""What several tests share: untrained scripts of several sizes."""

import random

import pytest
from harness import LETTERS, LOOK, SCRIPT, SIZES, load, put_input, run

# Nothing in this table is the default: what holds for all of these holds for any size.
NAMES = ["docs", *SIZES, "learning_rate", "beta1", "beta2", "eps_adam", "temperature"]
TABLE = {
    "two layers of three heads, 27 tokens": [LETTERS, 2, 9, 20, 3, 0.003, 0.7, 0.95, 1e-4, 5.0],
    "three layers, a head for each number": [["abc", "bb"], 3, 5, 20, 5, 0.5, 0.5, 0.9, 0.1, 1.3],
    "one head, a context of 120 tokens": [["ab", "caab"], 1, 6, 120, 1, 1e-4, 0.95, 0.999, 1e-12, 0.05],
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
def default(script):
    """The published size, with large parameters."""
    return spread(script, 0.3)

@pytest.fixture
def Value(script):
    return script.Value

@pytest.fixture(scope="session", params=TABLE)
def size(request):
    return dict(zip(NAMES, TABLE[request.param]))

@pytest.fixture(scope="session")
def loaded_of_size(size):
    return spread(load(num_steps=0, **size), 0.5)

@pytest.fixture
def sized(loaded_of_size):
    yield from lent(loaded_of_size)

@pytest.fixture(scope="session")
def the_run(tmp_path_factory):
    """What the script prints as it stands, and then what the README's snippets print."""
    folder = tmp_path_factory.mktemp("run")
    put_input(folder, None)
    return run(folder, text=SCRIPT.read_text(encoding="utf-8"), look="\n".join(LOOK)).stdout

def pytest_terminal_summary(terminalreporter):
    """Tell a learner what red tests mean after a change that was meant."""
    red = {report.nodeid for report in terminalreporter.getreports("failed")}
    if red and all("as_published" in name for name in red):
        terminalreporter.line("All facts hold. What is red holds the script and the README as published:")
        terminalreporter.line("after a change of your own that is to be expected.")
