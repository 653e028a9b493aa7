"""Sections 1 and 2: how a text becomes documents, and a document becomes tokens."""

import random

import pytest
from harness import load

QUICK = {"num_steps": 2, "n_embd": 4, "n_head": 2, "block_size": 4}

def test_the_documents_are_all_the_lines_of_a_file_in_the_order_of_the_seed():
    draw = random.Random(0)
    lines = ["".join(draw.choices("zyxabc", k=draw.randrange(1, 5))) for _ in range(50_000)]
    order = list(range(50_000))
    random.seed(42)
    random.shuffle(order)
    lines[order[-1]] = "late" * 1000  # letters that only the last document has
    script = load(lines, **QUICK)
    same = script.docs == [lines[i] for i in order]  # outside of assert, which would print both
    assert same
    assert script.printed.startswith("num docs: 50000\nvocab size: 10\n")

def test_a_token_is_the_place_of_a_character_among_all_that_occur():
    alphabet = [chr(code) for code in range(ord("А"), ord("я"))]
    script = load(["".join(reversed(alphabet)), "aa", "b c", "B"], **QUICK)
    assert script.uchars == [" ", "B", "a", "b", "c", *alphabet]
    assert (script.BOS, script.vocab_size) == (len(alphabet) + 5, len(alphabet) + 6)
    assert script.encode("cba " * 50) == [script.BOS, *[4, 3, 2, 0] * 50, script.BOS]

def test_emma_is_four_letters_between_two_bos(script):
    """"emma" becomes [26, 4, 12, 12, 0, 26].
    A token id is only a label: m (12) is not three times e (4)."""
    assert script.encode("emma") == [26, 4, 12, 12, 0, 26]
    assert script.uchars[12] + script.uchars[4] == "me"
    with pytest.raises(ValueError, match="'É' is not in list"):
        script.encode("É")

BOM = b"\xef\xbb\xbf"
FILES = {
    "Windows": b"anna\r\nbob\r\neve\r\n",
    "old Macs": b"anna\rbob\reve",
    "a byte order mark": BOM + b"anna\nbob\neve",
    "blanks and empty lines": BOM + b"\r\n  anna \r\n\r\nbob\t\r\neve ",
    "blanks of other scripts": "\u00a0anna\nbob\u3000\n\u2003eve".encode(),
}

@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_line_ends_blanks_and_a_byte_order_mark_are_not_letters(content):
    assert load(content, **QUICK).printed == load(["anna", "bob", "eve"], **QUICK).printed

def test_whatever_stands_within_a_line_is_a_character():
    docs = ["ἀγάπη", "שרה", "李明", "🐍🙂", "an\ufeffna", "no\u2028end", "soft\u00adhyphen", "a.b."]
    docs += ["zero\u200bwidth", "e\u0301 \u00e9", "tab\there", "Ann-Lee", "nul\0", "twice", "twice"]
    script = load(docs, **QUICK)
    assert sorted(script.docs) == sorted(docs)
    for doc in docs:
        assert [script.uchars[token_id] for token_id in script.encode(doc)[1:-1]] == list(doc)
