"""Load or run microgpt.py with settings turned: each `name=value` replaces the one line `name = ...` of its text.

What a test does not turn has the published value: facts stay true where somebody has changed a setting.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "microgpt.py"
INPUT = ROOT / "input.txt"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LOOK = [snippet for snippet in SNIPPETS if "json" not in snippet and "sums" not in snippet]
ADAM = {"num_steps": 1000, "learning_rate": 0.01, "beta1": 0.85, "beta2": 0.99, "eps_adam": 1e-8}
PUBLISHED = {"n_layer": 1, "n_embd": 16, "block_size": 16, "n_head": 4, **ADAM, "temperature": 0.5}
LETTERS = ["nopqrstuvwxyz", "abcdefghijklm"]  # two documents, and the vocabulary of the names

def recorded(name): return json.loads((ROOT / "tests/recorded" / name).read_text(encoding="utf-8"))

def own_names():
    """Return the names of the project's own input.txt, in the order of the file."""
    content = INPUT.read_bytes()
    known = hashlib.sha256(content).hexdigest() == recorded("input.json")["sha256"]
    assert known, "input.txt is not the project's own: 'git checkout input.txt' brings that back"
    return content.decode().split()

def turned(settings, changes=(), base=PUBLISHED):
    """Return the text of the script with these settings, and (old, new) pieces changed."""
    text = SCRIPT.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"microgpt.py has {text.count(old)} places that read {old!r}"
        text = text.replace(old, new)
    for name, value in {**base, **settings}.items():
        text, hits = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", text, flags=re.MULTILINE)
        assert hits == 1, f"microgpt.py has {hits} lines '{name} = ...'"
    return text

def put_input(folder, docs):
    """Write the documents (None: the project's own names; or bytes) to the folder's input.txt."""
    docs = own_names() if docs is None else docs
    content = docs if isinstance(docs, bytes) else ("\n".join(docs) + "\n").encode()
    Path(folder, "input.txt").write_bytes(content)

def load(docs=None, changes=(), base=PUBLISHED, show=None, **settings):
    """Run the script here, from another folder than its own; return it as a module with what it `printed`."""
    printed, before = io.StringIO(), os.getcwd()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as elsewhere:
        put_input(folder, docs)
        path = Path(elsewhere, "microgpt.py")
        path.write_text(turned(settings, changes, base), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("microgpt", path)
        module = importlib.util.module_from_spec(spec)
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(show or printed):
                spec.loader.exec_module(module)
        finally:
            os.chdir(before)
    module.printed = printed.getvalue()
    return module

def training_loop(script, **names):
    """Run the loop over `num_steps` alone, with these names for the script's own; return what it printed."""
    (loop,) = re.findall(r"^for step in range\(num_steps\):\n(?:(?: .*)?\n)+", turned({}), re.MULTILINE)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(loop, {**vars(script), **names})  # noqa: S102
    return printed.getvalue()

def run(folder, text=None, look=None, **settings):
    """Run the script (or this text) or `look` beside it as a person would; return the finished process."""
    text = turned(settings) if text is None else text
    Path(folder, "microgpt.py").write_text(text, encoding="utf-8")
    if look:
        Path(folder, "look.py").write_text(look, encoding="utf-8")
    command = [sys.executable, "look.py" if look else "microgpt.py"]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "no_proxy": "*"}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, encoding="utf-8", timeout=300, check=False
    )

def losses_of(printed): return [float(x) for x in re.findall(r"step +\d+ / +\d+ \| loss ([^\s]+)", printed)]
def names_of(printed): return re.findall(r"^sample +\d+: (.*)$", printed, re.MULTILINE)
def nodes(script, numbers): return [script.Value(x) for x in numbers]
def data(values): return [value.data for value in values]

def run_gpt(script, tokens):
    """Feed the tokens one by one to a fresh cache; return the logits at every position."""
    cache = script.new_cache()
    return [script.gpt(token, t, cache) for t, token in enumerate(tokens)]

def numeric_gradient(function, point, step=1e-5):
    """Return the derivatives of a function of plain numbers by central finite differences."""
    def at(i, x): return function(*point[:i], x, *point[i + 1 :])
    return [(at(i, x + step) - at(i, x - step)) / (2 * step) for i, x in enumerate(point)]
