"""Sections 1 and 2: how a text becomes documents, and a document becomes tokens."""

import random

import pytest
from harness import load, names_of, says

QUICK = {"num_steps": 2, "n_embd": 4, "n_head": 2, "block_size": 4}

def test_the_documents_are_all_the_lines_of_a_file_in_the_order_of_the_seed():
    says("Language models learn from *documents*: web pages, books or, here, names.")
    draw = random.Random(0)
    lines = ["".join(draw.choices("zyxabc", k=draw.randrange(1, 5))) for _ in range(50_000)]
    lines[1639] = "late" * 1000
    script = load(lines, **QUICK)
    random.seed(42)
    random.shuffle(lines)
    assert lines.index("late" * 1000) > 49_000
    same = script.docs == lines  # compared outside of assert, which would print both
    assert same
    assert script.printed.startswith("num docs: 50000\nvocab size: 10\n")

def test_a_token_is_the_place_of_a_character_among_all_that_occur():
    alphabet = [chr(code) for code in range(ord("А"), ord("я"))]
    script = load(["".join(reversed(alphabet)), "aa", "b c"], **QUICK)
    assert script.uchars == [" ", "a", "b", "c", *alphabet]
    assert (script.BOS, script.vocab_size) == (len(alphabet) + 4, len(alphabet) + 5)
    assert script.encode("cba ") == [script.BOS, 3, 2, 1, 0, script.BOS]

def test_emma_is_four_letters_between_two_bos(script):
    says('"emma" -> [26, 4, 12, 12, 0, 26]')
    says("opens a document, so that its first letter can be guessed, and closes it, so that the")
    assert script.encode("emma") == [26, 4, 12, 12, 0, 26]
    says("A token is only a label: m (12) is not three times e (4).")
    assert script.uchars[12] + script.uchars[4] == "me"

BOM = b"\xef\xbb\xbf"

@pytest.mark.parametrize(
    "content",
    [b"anna\r\nbob\r\neve\r\n", BOM + b"anna\nbob\neve", BOM + b"\r\n  anna \r\n\r\nbob\t\r\neve "],
)
def test_line_ends_blanks_and_a_byte_order_mark_are_not_letters(content):
    assert load(content, **QUICK).printed == load(["anna", "bob", "eve"], **QUICK).printed

WRITINGS = "ἀγάπη λόγος|שרה דוד|李明 王芳|🐍🙂 🙂|Ann-Lee bo-li|e\u0301 \u00e9"

@pytest.mark.parametrize("docs", WRITINGS.split("|"))
def test_any_writing_of_the_world_can_be_learned_character_by_character(docs):
    script = load(docs.split(), num_steps=30, n_embd=8, n_head=2, learning_rate=0.05, temperature=0.1)
    assert script.uchars == sorted(set(docs) - {" "})
    assert set(names_of(script.printed)) <= set(docs.split())
