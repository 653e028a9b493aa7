"""The whole script: what it prints, and the 1,000 losses and 20 names that seed 42 gives.

Sums may be taken in another order from one Python to the next, so the last printed decimal may
round the other way. The names may not differ.
"""

import hashlib
import io
import os
import re
import shutil
import tokenize
from pathlib import Path

import pytest
from harness import INPUT, ROOT, SCRIPT, load, losses_of, names_of, own_names, recorded, run

NAMES = os.environ.get("MICROGPT_NAMES")


def reproduce(folder, data_set, recording):
    expected = recorded(recording)
    assert hashlib.sha256(Path(data_set).read_bytes()).hexdigest() == expected["sha256"]
    shutil.copyfile(data_set, folder / "input.txt")
    code, printed, errors = run(folder)
    assert (code, errors) == (0, "")
    assert printed.split("\n")[:3] == [
        f"num docs: {expected['num_docs']}",
        f"vocab size: {expected['vocab_size']}",
        f"num params: {expected['num_params']}",
    ]
    losses = losses_of(printed)
    assert len(losses) == len(expected["losses"]) == 1000
    assert losses == pytest.approx(expected["losses"], rel=0, abs=1.01e-4)
    assert names_of(printed) == expected["names"]


def test_the_recorded_run(tmp_path):
    own_names()
    reproduce(tmp_path, INPUT, "input.json")


@pytest.mark.skipif(
    not NAMES, reason="MICROGPT_NAMES is not set to a copy of the names that the script downloads"
)
def test_the_published_run_on_the_classic_names(tmp_path):
    reproduce(tmp_path, NAMES, "names.json")


def test_what_is_printed():
    script = load(["abca", "cab", "bb"], num_steps=2, n_embd=4, n_head=2)
    lines = re.sub(r"\d\.\d{4}$|(?<=: )[abc]*$", "*", script.printed, flags=re.MULTILINE)
    assert lines.split("\n") == [
        "num docs: 3",
        "vocab size: 4",
        f"num params: {len(script.params)}",
        "step    1 /    2 | loss *",
        "step    2 /    2 | loss *",
        "",
        "--- inference (new, hallucinated names) ---",
        *[f"sample {i:2d}: *" for i in range(1, 21)],
        "",
    ]


def test_every_number_in_the_prose_is_tested():
    """Without what the tests repeat, only zeros, sizes and references are left of the comments."""
    tests = "".join(path.read_text("utf-8") for path in sorted(ROOT.glob("tests/test_[1-9]*.py")))
    source = io.StringIO(SCRIPT.read_text(encoding="utf-8"))
    comments = [t.string for t in tokenize.generate_tokens(source.readline) if t.type == tokenize.COMMENT]
    prose = " ".join(" ".join(comments).replace("#", " ").split())
    said = [sentence for _, sentence in re.findall(r"""says\((["'])(.*)\1\)""", tests)]
    for sentence in sorted(said, key=len, reverse=True):
        prose = prose.replace(sentence, "")
    references = r"(al\.|&) \w*( \w+)? ?\d{4}|(eq\.|algorithm) \d|\d\. [A-Z][ \w]+ -----|4 \* n_embd|[ (]0\b"
    assert re.findall(r"\d\S*", re.sub(references, "", prose)) == []
