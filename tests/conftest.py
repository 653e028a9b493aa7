"""What several tests share: an untrained script of the default size, and the recorded run."""

import pytest
from harness import LETTERS, SNIPPETS, load, put_input, run


@pytest.fixture(scope="session")
def loaded():
    script = load(LETTERS, num_steps=0)
    script.num_steps = 1000
    return script

@pytest.fixture
def script(loaded):
    """The untrained script, as it was when it was loaded."""
    before = [p.data for p in loaded.params]
    yield loaded
    for p, x in zip(loaded.params, before):
        p.data, p.grad = x, 0.0
    loaded.m[:] = loaded.v[:] = [0.0] * len(before)

@pytest.fixture
def Value(script):
    return script.Value

@pytest.fixture(scope="session")
def the_run(tmp_path_factory):
    """The whole run on the project's names, and then the README's snippets at its prompt."""
    folder = tmp_path_factory.mktemp("run")
    put_input(folder, None)
    show = [snippet for snippet in SNIPPETS if "# " in snippet]  # it says what it shows
    return run(folder, "-i", typed="\n".join(show))
