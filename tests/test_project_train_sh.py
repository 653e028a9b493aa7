"""train.sh finds the fastest way, with stand-ins for the programs that it calls."""

import os
import re
import shutil
import subprocess

import pytest
from harness import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("sh"), reason="train.sh needs a POSIX shell")

RUNS = 'echo "$(basename "$0") runs $1 in $PWD with [$2]"; exit 7'
FAILS = "exit 1"
PYPY3 = f'[ "$1" = -c ] && exit 0; {RUNS}'
OLD_PYPY3 = f'[ "$1" = -c ] && exit 1; {RUNS}'
# it knows a PyPy, and would put a new one where it belongs
UV = """
[ "$1" = --version ] && exit 0
[ "$UV_PYTHON_INSTALL_DIR" = "$PWD/.uv/python" ] && echo "$(dirname "$0")/managed"
"""
# `-m venv` makes an environment whose pip installs a uv
PYTHON3 = f"""
[ "$1" = -m ] || {{ {RUNS}; }}
mkdir -p .uv/bin
printf '#!/bin/sh\\ncp "%s/uv.later" .uv/bin/uv\\n' "$(dirname "$0")" > .uv/bin/pip
chmod +x .uv/bin/pip
"""


def train(folder, **programs):
    """Run a copy of train.sh from elsewhere, with nothing on the PATH but these programs.

    Return which of them ran the script, and what was said on standard error.
    """
    project, path = folder / "a project", folder / "bin"
    project.mkdir()
    path.mkdir()
    shutil.copy(ROOT / "train.sh", project)
    for tool in ("sh", "dirname", "basename", "mkdir", "chmod", "cp"):
        (path / tool).symlink_to(shutil.which(tool))
    for name, text in programs.items():
        (path / name.replace("_", ".")).write_text(f"#!/bin/sh\n{text}\n")
        (path / name.replace("_", ".")).chmod(0o755)
    finished = subprocess.run(
        ["sh", "../a project/train.sh", "two words"],
        cwd=path,
        env={"PATH": str(path), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 7, "the exit code is that of the script"
    runs = re.fullmatch(r"(\S+) runs microgpt.py in (.*) with \[two words\]\n", finished.stdout)
    assert os.path.samefile(runs.group(2), project)
    assert sorted(os.listdir(folder)) == ["a project", "bin"]
    assert set(os.listdir(project)) <= {"train.sh", ".uv"}
    return runs.group(1), finished.stderr


def test_train_takes_the_pypy_that_is_there(tmp_path):
    assert train(tmp_path, pypy3=PYPY3, uv=FAILS, python3=FAILS) == ("pypy3", "")


def test_train_takes_pypy_through_uv(tmp_path):
    for i, pypy3 in enumerate([{}, {"pypy3": OLD_PYPY3}]):
        folder = tmp_path / str(i)
        folder.mkdir()
        ran, said = train(folder, **pypy3, uv=UV, managed=RUNS, python3=FAILS)
        assert ran == "managed"
        assert said.count("\n") == 1


def test_train_installs_uv_into_the_project(tmp_path):
    later = UV.replace('$(dirname "$0")/managed', "managed")
    ran, said = train(tmp_path, uv_later=later, managed=RUNS, python3=PYTHON3)
    assert ran == "managed"
    assert said.count("\n") == 1


@pytest.mark.parametrize("uv", [{}, {"uv": FAILS}, {"uv": '[ "$1" = --version ]'}])
def test_train_falls_back_on_python3(tmp_path, uv):
    python3 = f'[ "$1" = -m ] && exit 1; {RUNS}'
    ran, said = train(tmp_path, **uv, python3=python3)
    assert ran == "python3"
    assert said.split("\n")[1].startswith("train.sh: no PyPy")
    assert said.count("\n") == 2
