"""The whole script: what it prints, and the 1,000 losses and 20 names that seed 42 gives.

From one Python to the next, the last printed decimal may differ. The names may not.
"""

import ast
import hashlib
import io
import os
import re
import shutil
import tokenize
from pathlib import Path

import pytest
from harness import ROOT, SCRIPT, load, losses_of, names_of, recorded, run

NAMES = os.environ.get("MICROGPT_NAMES")

def is_recorded(printed, recording):
    expected = recorded(recording)
    assert printed.split("\n")[:3] == [
        f"num docs: {expected['num_docs']}",
        f"vocab size: {expected['vocab_size']}",
        f"num params: {expected['num_params']}",
    ]
    losses = losses_of(printed)
    assert len(losses) == len(expected["losses"]) == 1000
    assert losses == pytest.approx(expected["losses"], rel=0, abs=1.01e-4)
    assert names_of(printed) == expected["names"]

def test_the_recorded_run(the_run):
    is_recorded(the_run.stdout, "input.json")

@pytest.mark.skipif(not NAMES, reason="MICROGPT_NAMES names no copy of the classic names")
def test_the_published_run_on_the_classic_names(tmp_path):
    assert hashlib.sha256(Path(NAMES).read_bytes()).hexdigest() == recorded("names.json")["sha256"]
    shutil.copyfile(NAMES, tmp_path / "input.txt")
    finished = run(tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    is_recorded(finished.stdout, "names.json")

def test_a_run_prints_its_counts_its_losses_and_twenty_samples():
    script = load(["abca", "cab", "bb"], num_steps=2, n_embd=4, n_head=2)
    printed = re.sub(r"\d\.\d{4}(?=\r)|(?<=: )[abc]*$", "*", script.printed, flags=re.MULTILINE)
    title = "\n--- inference (new, hallucinated names) ---\n"
    assert printed == (
        f"num docs: 3\nvocab size: 4\nnum params: {len(script.params)}\n"
        f"step    1 /    2 | loss *\rstep    2 /    2 | loss *\r{title}"
        + "".join(f"sample {i:2d}: *\n" for i in range(1, 21))
    )

def test_every_number_in_the_prose_is_tested():
    """Without what the tests repeat, only sizes, years and section numbers are left of it."""
    tests = "".join(path.read_text("utf-8") for path in sorted(ROOT.glob("tests/test_[1-9]*.py")))
    calls = [n for n in ast.walk(ast.parse(tests)) if getattr(n, "func", None)]
    said = [arg.value for n in calls if getattr(n.func, "id", "") == "says" for arg in n.args]
    text = SCRIPT.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    prose = [token.string for token in tokens if token.type == tokenize.COMMENT]
    prose += [ast.get_docstring(n) for n in ast.parse(text).body if isinstance(n, ast.ClassDef)]
    prose = " ".join(" ".join(prose).replace("#", " ").split())
    for sentence in sorted(said, key=len, reverse=True):
        prose = prose.replace(sentence, "")
    known = r"(al\.|&) \w*( \w+)? ?\d{4}|\d\. [A-Z][a-z]+( set)? |slope 1 or 0"
    assert re.findall(r"\d\S*", re.sub(known, "", prose)) == []
