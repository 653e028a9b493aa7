"""The whole script against its recorded runs: the 1,000 losses and the 20 names that seed 42 gives.

Sums may be taken in another order from one Python to the next, so the last printed decimal may
round the other way. The names may not differ.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from harness import INPUT, losses_of, names_of, run

RECORDED = Path(__file__).parent / "recorded"
NAMES = os.environ.get("MICROGPT_NAMES")


def reproduce(folder, data_set, recording):
    expected = json.loads((RECORDED / recording).read_text(encoding="utf-8"))
    assert hashlib.sha256(Path(data_set).read_bytes()).hexdigest() == expected["sha256"]
    shutil.copyfile(data_set, folder / "input.txt")
    finished = run(folder)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.split("\n")[:3] == [
        f"num docs: {expected['num_docs']}",
        f"vocab size: {expected['vocab_size']}",
        f"num params: {expected['num_params']}",
    ]
    losses = losses_of(finished.stdout)
    assert len(losses) == len(expected["losses"]) == 1000
    assert losses == pytest.approx(expected["losses"], rel=0, abs=1.01e-4)
    assert names_of(finished.stdout) == expected["names"]


def test_the_recorded_run(tmp_path):
    reproduce(tmp_path, INPUT, "input.json")


@pytest.mark.skipif(
    not NAMES, reason="MICROGPT_NAMES names no file: see 'The published run' in README.md for it"
)
def test_the_published_run_on_the_classic_names(tmp_path):
    reproduce(tmp_path, NAMES, "names.json")
