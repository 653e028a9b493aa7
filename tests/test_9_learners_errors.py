"""Whatever a learner tries: a last line that says what is wrong, and nothing broken."""

import contextlib
import os
import re
import signal
import socketserver
import sys
import threading

import pytest
from harness import load, losses_of, names_of, put_input, run, start

QUICK = {"num_steps": 2, "n_embd": 4, "n_head": 2, "block_size": 4}
WITHOUT_PROXY = {"no_proxy": "*"}


def refused(folder, *words, one_line=False, left=("input.txt", "microgpt.py"), **kwargs):
    """The script ends with exit code 1 and a last line that holds these words."""
    code, printed, errors = run(folder, **{**QUICK, **kwargs})
    assert code == 1, printed
    assert errors.count("\n") == 1 or not one_line, errors
    for word in words:
        assert word in errors.rstrip("\n").split("\n")[-1]
    assert sorted(os.listdir(folder)) == sorted(left)
    return errors


# No input.txt: it is fetched, whole or not at all.

NAMES = b"emma\nolivia\nava\n" * 5000  # more than one packet


@contextlib.contextmanager
def server(answer):
    """Answer each request on a port of this machine by sending these bytes; None: never."""
    stop = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            if answer is None:
                stop.wait(60)
            else:
                self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}/names.txt"
        finally:
            stop.set()
            listening.shutdown()


def http(status, body, length=None):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {length or len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def test_input_txt_is_fetched_when_there_is_none(tmp_path):
    with server(http("200 OK", NAMES)) as url:
        code, _, errors = run(tmp_path, env=WITHOUT_PROXY, names_url=url, **QUICK)
    assert (code, errors) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["input.txt", "microgpt.py"]
    assert (tmp_path / "input.txt").read_bytes() == NAMES


def test_input_txt_is_not_fetched_when_there_is_one(tmp_path):
    put_input(tmp_path, ["ab", "c"])
    code, _, errors = run(tmp_path, names_url="http://127.0.0.1:9/none", **QUICK)
    assert (code, errors) == (0, "")
    assert (tmp_path / "input.txt").read_bytes() == b"ab\nc\n"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n" + NAMES[:5000]


@pytest.mark.parametrize(
    ("answer", "words", "one_line"),
    [
        (http("404 Not Found", b"no such page"), "404", True),
        (http("500 Internal Server Error", b""), "500", True),
        (b"", "closed connection", True),
        (None, "timed out", True),
        (http("200 OK", NAMES[: len(NAMES) // 2], len(NAMES)), "IncompleteRead", False),
        (CHUNKED, "IncompleteRead", False),
        (b"this is no web server", "BadStatusLine", False),
    ],
    ids=["404", "500", "closed", "silent", "half", "half a chunk", "nonsense"],
)
def test_half_a_list_does_not_become_input_txt(tmp_path, answer, words, one_line):
    with server(answer) as url:
        fetch = {"changes": [("timeout=10", "timeout=1")], "env": WITHOUT_PROXY, "names_url": url}
        words = [words, "no input.txt", url] if one_line else [words]
        refused(tmp_path, *words, one_line=one_line, left=["microgpt.py"], **fetch)


def test_no_network_is_one_line(tmp_path):
    nowhere = "http://no-such-host.invalid/"
    fetch = {"left": ["microgpt.py"], "env": WITHOUT_PROXY, "names_url": nowhere}
    refused(tmp_path, "no input.txt", nowhere, one_line=True, **fetch)


# An input.txt that cannot be used is left as it is.


@pytest.mark.parametrize("content", [b"", b"\n\n\r\n", b"  \n\t\n", b"\xef\xbb\xbf\n"])
def test_no_documents(tmp_path, content):
    put_input(tmp_path, content)
    refused(tmp_path, "AssertionError: input.txt is empty")
    assert (tmp_path / "input.txt").read_bytes() == content


def test_input_txt_is_no_text(tmp_path):
    put_input(tmp_path, "Zoë\n".encode("latin-1"))
    refused(tmp_path, "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xeb in position 2")


# Slips and settings: Python's message, at the learner's own line.


def test_a_slip_in_the_model_is_shown_where_it_is(tmp_path):
    put_input(tmp_path, ["ab"])
    slips = [
        ("hidden = [h.relu() for", "hidden = [h.rlu() for", "AttributeError: ", "'rlu'"),
        ("(tokens[pos_id], pos_id, keys", "(tokens[pos_id], pos_id + 9, keys", "IndexError: ", ""),
        ("total.log() + highest", "(total * 0).log() + highest", "ValueError: ", ""),
    ]
    for old, new, *words in slips:
        errors = refused(tmp_path, *words, changes=[(old, new)])
        assert new in errors, "the traceback shows the line"


def test_heads_that_do_not_divide_the_width(tmp_path):
    put_input(tmp_path, ["ab"])
    refused(tmp_path, "AssertionError: n_embd must be a multiple of n_head", n_head=3)


@pytest.mark.parametrize(
    "knobs", [{"n_head": 0}, {"block_size": 0}, {"beta1": 1.0}, {"temperature": 0}]
)
def test_a_setting_that_makes_no_sense_ends_in_a_division_by_zero(tmp_path, knobs):
    put_input(tmp_path, ["ab"])
    refused(tmp_path, "ZeroDivisionError", **knobs)


@pytest.mark.parametrize("temperature", [1e-300, 0.01, 100, 1e300])
def test_any_temperature_above_zero(temperature):
    assert len(names_of(load(["ab", "ba"], **QUICK, temperature=temperature).printed)) == 20


@pytest.mark.parametrize("knobs", [{"num_steps": 0}, {"num_steps": 1}, {"n_layer": 0}])
def test_as_little_as_possible(knobs):
    script = load(["ab", "ba"], **{**QUICK, **knobs})
    assert len(losses_of(script.printed)) == script.num_steps


# Watching, and Ctrl-C.


@pytest.fixture
def foreground():
    """Let Ctrl-C through, as at a terminal, even where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to another process")
def test_ctrl_c_ends_the_training_and_goes_on_to_the_samples(tmp_path, foreground):
    put_input(tmp_path, ["abc", "ca", "b"])
    adam = "        adam(step)\n"
    waits = [(adam, adam + "        if step == 2:\n            __import__('time').sleep(1000)\n")]
    with start(tmp_path, changes=waits, **{**QUICK, "num_steps": 9}) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        # each line comes through the pipe when it is printed
        assert any("step    2" in line for line in process.stdout), process.stderr.read()
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
        watchdog.cancel()
    assert (process.returncode, errors) == (0, "")
    assert len(names_of(printed)) == 20


def test_on_a_terminal_one_line_refreshes(tmp_path):
    pty = pytest.importorskip("pty")
    put_input(tmp_path, ["ab", "ba"])
    ours, theirs = pty.openpty()
    process = start(tmp_path, stdout=theirs, **{**QUICK, "num_steps": 30})
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other side has closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    assert process.wait(60) == 0
    os.close(ours)
    *_, progress, title = shown.decode().split("--- inference")[0].split("\r\n")
    assert title == ""
    assert re.fullmatch(r"(step +\d+ /   30 \| loss \d\.\d{4} \r){30}", progress)
