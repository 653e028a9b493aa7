"""Load or run microgpt.py as it is, with some of its knobs turned.

The script runs from top to bottom when it is loaded; there is no switch in it for the tests' sake.
So a knob is turned in its text: each `name=value` replaces the one top-level statement
`name = ...`.
"""

import ast
import contextlib
import gc
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "microgpt.py"
INPUT = ROOT / "input.txt"


def turned(knobs, path=SCRIPT):
    """Return the text of the script with these knobs turned."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    for name, value in knobs.items():
        hits = [
            statement
            for statement in ast.parse(text).body
            if isinstance(statement, ast.Assign)
            and [ast.dump(target) for target in statement.targets]
            == [ast.dump(ast.Name(name, ast.Store()))]
        ]
        assert len(hits) == 1, f"{path.name} has {len(hits)} top-level statements '{name} = ...'"
        assert hits[0].lineno == hits[0].end_lineno, f"'{name} = ...' takes more than one line"
        lines[hits[0].lineno - 1] = f"{name} = {value!r}"
    return "\n".join(lines)


def put_input(folder, docs):
    """Write the documents (None: the project's own) to the folder's input.txt."""
    if docs is None:
        shutil.copy(INPUT, folder / "input.txt")
    elif isinstance(docs, bytes):
        (folder / "input.txt").write_bytes(docs)
    else:
        (folder / "input.txt").write_text("\n".join(docs) + "\n", encoding="utf-8")


def write_script(folder, **knobs):
    """Write the script, with these knobs turned, into the folder; return its path."""
    path = Path(folder, "microgpt.py")
    path.write_text(turned(knobs), encoding="utf-8")
    return path


def load(docs=None, **knobs):
    """Run the script in this process, in a scratch folder; return it as a module.

    Its globals are the module's attributes; `printed` is what it printed.
    """
    printed = io.StringIO()
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        put_input(Path(folder), docs)
        spec = importlib.util.spec_from_file_location("microgpt", write_script(folder, **knobs))
        module = importlib.util.module_from_spec(spec)
        os.chdir(folder)
        try:
            spec.loader.exec_module(module)
        finally:
            os.chdir(before)
            gc.enable()
    module.printed = printed.getvalue()
    return module


def run(folder, env=None, **knobs):
    """Run the script as a person would, in the folder as it is; return the finished process."""
    write_script(folder, **knobs)
    return subprocess.run(
        [sys.executable, "microgpt.py"],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def losses_of(printed):
    found = re.findall(r"^step +\d+ / +\d+ \| loss (\S+)$", printed, re.MULTILINE)
    return [float(loss) for loss in found]


def names_of(printed):
    return re.findall(r"^sample +\d+: (.*)$", printed, re.MULTILINE)


def numeric_gradient(function, point, step=1e-5):
    """Return the derivatives of a function of plain numbers by central finite differences."""
    gradient = []
    for i, x in enumerate(point):
        above = function(*point[:i], x + step, *point[i + 1 :])
        below = function(*point[:i], x - step, *point[i + 1 :])
        gradient.append((above - below) / (2 * step))
    return gradient
