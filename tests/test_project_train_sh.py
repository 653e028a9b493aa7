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
PYTHON3 = f'[ "$1" = -m ] && exit 1; {RUNS}'
# it knows a PyPy, and would put a new one where it belongs
UV = """[ "$1" = --version ] && exit 0
[ "$UV_PYTHON_INSTALL_DIR" = "$PWD/.uv/python" ] && echo {}managed"""
UV_HERE, UV_LATER = UV.format('"$(dirname "$0")"/'), UV.format("")
# `-m venv` makes an environment whose pip installs a uv
PYTHON3_WITH_VENV = f"""[ "$1" = -m ] || {{ {RUNS}; }}
mkdir -p .uv/bin
printf '#!/bin/sh\\ncp "%s/uv.later" .uv/bin/uv\\n' "$(dirname "$0")" > .uv/bin/pip
chmod +x .uv/bin/pip"""


@pytest.mark.parametrize(
    ("programs", "ran", "said"),
    [
        ({"pypy3": PYPY3, "uv": FAILS, "python3": FAILS}, "pypy3", []),
        ({"uv": UV_HERE, "managed": RUNS, "python3": FAILS}, "managed", ["looking"]),
        ({"pypy3": OLD_PYPY3, "uv": UV_HERE, "managed": RUNS}, "managed", ["looking"]),
        (
            {"uv.later": UV_LATER, "managed": RUNS, "python3": PYTHON3_WITH_VENV},
            "managed",
            ["looking"],
        ),
        ({"python3": PYTHON3}, "python3", ["looking", "no PyPy"]),
        ({"uv": FAILS, "python3": PYTHON3}, "python3", ["looking", "no PyPy"]),
        ({"uv": '[ "$1" = --version ]', "python3": PYTHON3}, "python3", ["looking", "no PyPy"]),
    ],
)
def test_train_takes_the_fastest_that_is_there(tmp_path, programs, ran, said):
    """Run from elsewhere, with nothing on the PATH but these programs."""
    project, path = tmp_path / "a project", tmp_path / "bin"
    project.mkdir()
    path.mkdir()
    shutil.copy(ROOT / "train.sh", project)
    for tool in ("sh", "dirname", "basename", "mkdir", "chmod", "cp"):
        (path / tool).symlink_to(shutil.which(tool))
    for name, text in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    finished = subprocess.run(
        ["sh", "../a project/train.sh", "two words"],
        cwd=path,
        env={"PATH": str(path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 7, "the exit code is that of the script"
    runs = re.fullmatch(r"(\S+) runs microgpt.py in (.*) with \[two words\]\n", finished.stdout)
    assert runs.group(1) == ran
    assert os.path.samefile(runs.group(2), project)
    assert re.findall(r"^train.sh: (looking|no PyPy)", finished.stderr, re.MULTILINE) == said
    assert len(finished.stderr.splitlines()) == len(said)
    assert sorted(os.listdir(tmp_path)) == ["a project", "bin"]
    assert set(os.listdir(project)) <= {"train.sh", ".uv"}
