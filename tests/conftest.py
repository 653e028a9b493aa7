"""One untrained script of the default size, which every test gets as it was when it was loaded."""

import pytest
from harness import LETTERS, load


@pytest.fixture(scope="session")
def loaded():
    script = load(LETTERS, num_steps=0)
    script.num_steps = 1000
    return script


@pytest.fixture
def script(loaded):
    before = [p.data for p in loaded.params]
    yield loaded
    for p, x in zip(loaded.params, before):
        p.data, p.grad = x, 0.0
    loaded.m[:] = loaded.v[:] = [0.0] * len(before)


@pytest.fixture
def Value(script):
    return script.Value
