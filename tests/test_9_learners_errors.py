"""Whatever a learner tries: a last line that says what is wrong, and nothing broken."""

import os
import re
import socket
import threading

from harness import put_input, run, turned

QUICK = {"num_steps": 2, "n_embd": 4, "n_head": 2, "block_size": 4}
NAMES = "emma\r\nZoë\r\nava\n".encode() * 5000  # more than one packet

def refused(folder, words, left=("input.txt", "microgpt.py"), **kwargs):
    """The script ends with exit code 1 and a last line that holds these words."""
    finished = run(folder, **{**QUICK, **kwargs})
    assert finished.returncode == 1, finished.stdout
    assert words in finished.stderr.rstrip("\n").split("\n")[-1]
    assert sorted(os.listdir(folder)) == sorted(left)
    return finished.stderr

def server(status, body, length):
    """Answer one request on a port of this machine; return its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listening.accept()
        with listening, connection:
            while not connection.recv(65536).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/names.txt"

def test_without_an_input_txt_the_published_names_are_fetched_and_then_used_as_they_are(tmp_path, script):
    assert script.names_url == "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"
    for address in (server("200 OK", NAMES, len(NAMES)), "http://127.0.0.1:9/none"):
        finished = run(tmp_path, names_url=address, **QUICK)
        assert (finished.returncode, finished.stderr) == (0, "")
        assert sorted(os.listdir(tmp_path)) == ["input.txt", "microgpt.py"]
        assert (tmp_path / "input.txt").read_bytes() == NAMES

def test_half_a_list_does_not_become_input_txt(tmp_path):
    for address, words in (
        (server("404 Not Found", b"no such page", 12), "404"),
        (server("200 OK", NAMES[: len(NAMES) // 2], len(NAMES)), "IncompleteRead"),
        ("http://no-such-host.invalid/", "urlopen error"),
    ):
        refused(tmp_path, words, left=["microgpt.py"], names_url=address)

def test_an_input_txt_without_documents_or_in_another_encoding(tmp_path):
    nothing = [b"", b"\n\n\r\n", b"  \n\t\n", b"\xef\xbb\xbf\n"]
    latin = "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xeb in position 2"
    for content, words in [*((file, "AssertionError: input.txt is empty") for file in nothing), (b"Zo\xeb\n", latin)]:
        put_input(tmp_path, content)
        refused(tmp_path, words)
        assert (tmp_path / "input.txt").read_bytes() == content

def test_a_slip_is_shown_where_it_is(tmp_path):
    put_input(tmp_path, ["ab", "ab"])
    for function, slip, words in (
        ("mlp", "x = x.relu()", "AttributeError: 'list' object has no attribute 'relu'"),
        ("loss_of", "doc.apend(1)", "AttributeError: 'str' object has no attribute 'apend'"),
        ("attention", "dot(x[1:], x)", "AssertionError: a dot product of lengths 3 and 4"),
        ("sample", "new_cache()[1]", "IndexError: list index out of range"),
    ):
        text = re.sub(rf"^def {function}\(.*\n", rf"\g<0>    {slip}\n", turned(QUICK), flags=re.MULTILINE)
        assert slip in refused(tmp_path, words, text=text), "the traceback shows the line"

def test_heads_that_do_not_divide_the_width(tmp_path):
    put_input(tmp_path, ["ab", "ab"])
    refused(tmp_path, "AssertionError: n_embd must be a multiple of n_head", n_head=3)
