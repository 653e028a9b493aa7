"""Whatever a learner tries: a last line that says what is wrong, and nothing broken."""

import os
import socket
import threading

import pytest
from harness import put_input, run, turned

QUICK = {"num_steps": 2, "n_embd": 4, "n_head": 2, "block_size": 4}

def refused(folder, *words, left=("input.txt", "microgpt.py"), **kwargs):
    """The script ends with exit code 1 and a last line that holds these words."""
    finished = run(folder, **{**QUICK, **kwargs})
    assert finished.returncode == 1, finished.stdout
    for word in words:
        assert word in finished.stderr.rstrip("\n").split("\n")[-1]
    assert sorted(os.listdir(folder)) == sorted(left)
    return finished.stderr

NAMES = "emma\r\nZoë\r\nava\n".encode() * 5000  # more than one packet

def server(answer):
    """Answer one request on a port of this machine with these bytes; return its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listening.accept()
        with listening, connection:
            while not connection.recv(65536).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/names.txt"

def http(status, body, length=None):
    return f"HTTP/1.1 {status}\r\nContent-Length: {length or len(body)}\r\n\r\n".encode() + body

def test_without_an_input_txt_the_published_names_are_fetched(tmp_path, script):
    published = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"
    assert script.names_url == published
    finished = run(tmp_path, names_url=server(http("200 OK", NAMES)), **QUICK)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["input.txt", "microgpt.py"]
    assert (tmp_path / "input.txt").read_bytes() == NAMES

def test_an_input_txt_that_is_there_is_used_as_it_is(tmp_path):
    put_input(tmp_path, ["ab", "c"])
    finished = run(tmp_path, names_url="http://127.0.0.1:9/none", **QUICK)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert (tmp_path / "input.txt").read_bytes() == b"ab\nc\n"

@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("404 Not Found", b"no such page"), "404"),
        (http("200 OK", NAMES[: len(NAMES) // 2], len(NAMES)), "IncompleteRead"),
        (b"", "closed connection"),
    ],
)
def test_half_a_list_does_not_become_input_txt(tmp_path, answer, words):
    refused(tmp_path, words, left=["microgpt.py"], names_url=server(answer))
    refused(tmp_path, "urlopen error", left=["microgpt.py"], names_url="http://no-such-host.invalid/")

NOTHING = [b"", b"\n\n\r\n", b"  \n\t\n", b"\xef\xbb\xbf\n"]
LATIN = "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xeb in position 2"

@pytest.mark.parametrize(
    ("content", "words"),
    [*[(nothing, "AssertionError: input.txt is empty") for nothing in NOTHING], (b"Zo\xeb\n", LATIN)],
)
def test_an_input_txt_without_documents_or_in_another_encoding(tmp_path, content, words):
    put_input(tmp_path, content)
    refused(tmp_path, words)
    assert (tmp_path / "input.txt").read_bytes() == content

def test_a_slip_is_shown_where_it_is(tmp_path):
    put_input(tmp_path, ["ab"])
    slips = [
        ("hidden = [h.relu() for", "hidden = [h.rlu() for", "AttributeError: "),
        ("losses.append(cross_entropy(", "losses.apend(cross_entropy(", "AttributeError: "),
        ("linear(query[head], [", "linear(query, [", "AssertionError: a dot product"),
        ("linear(weights, columns[head])", "linear(weights, columns[0])", "TypeError: "),
    ]
    for old, new, *words in slips:
        text = turned(QUICK, [(old, new)])
        assert new in refused(tmp_path, *words, text=text), "the traceback shows the line"

def test_heads_that_do_not_divide_the_width(tmp_path):
    put_input(tmp_path, ["ab"])
    refused(tmp_path, "AssertionError: n_embd must be a multiple of n_head", n_head=3)
