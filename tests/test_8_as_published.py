"""What holds the script as published: its settings, its sentences, and the run that seed 42 gives.

Whoever changes a setting or a comment finds these red, and these alone. From one Python to the
next, the last printed decimal of a loss may differ. The names may not.
"""

import hashlib
import io
import os
import re
import shutil
import tokenize
from pathlib import Path

import pytest
from harness import PUBLISHED, ROOT, SCRIPT, load, losses_of, names_of, recorded, run

NAMES = os.environ.get("MICROGPT_NAMES")
CHANGED = "microgpt.py is not as published, which is fine if you changed it"
TEXT = SCRIPT.read_text(encoding="utf-8")

def is_recorded(printed, recording):
    expected = recorded(recording)
    counts = [f"{name.replace('_', ' ')}: {expected[name]}" for name in ("num_docs", "vocab_size", "num_params")]
    assert printed.split("\n")[:3] == counts, CHANGED
    losses = losses_of(printed)
    assert len(losses) == len(expected["losses"]) == 1000, CHANGED
    assert losses == pytest.approx(expected["losses"], rel=0, abs=1.01e-4), CHANGED
    assert names_of(printed) == expected["names"], CHANGED

def test_the_settings_have_their_published_values():
    settings = {name: re.findall(rf"^{name} = (\S+)", TEXT, re.MULTILINE) for name in PUBLISHED}
    assert {name: [*map(float, found)] for name, found in settings.items()} == {
        name: [value] for name, value in PUBLISHED.items()
    }, CHANGED

def test_the_run_on_the_names_of_this_project_is_the_recorded_one(the_run):
    is_recorded(the_run, "input.json")

@pytest.mark.skipif(not NAMES, reason="MICROGPT_NAMES names no copy of the classic names")
def test_the_run_on_the_classic_names_is_the_published_one(tmp_path):
    assert hashlib.sha256(Path(NAMES).read_bytes()).hexdigest() == recorded("names.json")["sha256"]
    shutil.copyfile(NAMES, tmp_path / "input.txt")
    finished = run(tmp_path, text=TEXT)
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

def prose():
    """Return the sentences of the script: those of its paragraphs, and the comments beside its code."""
    comments = [t for t in tokenize.generate_tokens(io.StringIO(TEXT).readline) if t.type == tokenize.COMMENT]
    beside = [t.string[1:].strip() for t in comments if t.line.strip()[0] != "#"]
    docstrings = re.findall(r'"""(.*?)"""', TEXT, re.DOTALL)
    paragraphs = docstrings + re.findall(r"^ *# (.*(?:\n *# .*)*)", TEXT, re.MULTILINE)
    words = [" ".join(re.sub(r"\n *#", " ", paragraph).split()) for paragraph in paragraphs]
    return beside + re.split(r"\n|(?<=[.?!]) +(?=[A-Z`*\"(])", "\n".join(words))

def said():
    """Return (test, sentence) of all that sentences.txt says is checked."""
    text = (ROOT / "tests/sentences.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"^(test_\w+)\n((?:    .*\n)+)", text, re.MULTILINE)
    return [(test, line.strip()) for test, lines in blocks for line in lines.splitlines()]

def test_what_the_lesson_checks_is_what_the_script_says():
    tests = "".join(path.read_text("utf-8") for path in ROOT.glob("tests/test_[1-7]*.py"))
    assert [test for test, _ in said() if f"def {test}(" not in tests] == []
    script_says = prose()
    assert [sentence for _, sentence in said() if sentence not in script_says] == [], CHANGED

def test_every_number_in_the_prose_is_checked():
    """Besides, there are only years, names, and the shapes of vectors and matrices."""
    checked = [sentence for _, sentence in said()]
    known = r"\(?(\w+|He et al\.|\w+ & \w+|al\.),? \d{4}\)|GPT-2"
    others = [re.sub(known, "", sentence) for sentence in prose() if sentence not in checked]
    assert [sentence for sentence in others if re.search(r"\d", sentence)] == [], CHANGED
