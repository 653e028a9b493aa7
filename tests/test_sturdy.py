"""Whatever a learner tries: a clear line and nothing broken."""

import contextlib
import math
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import load, losses_of, names_of, put_input, run, write_script

QUICK = {"num_steps": 2, "n_embd": 4, "n_head": 2, "block_size": 4}


def refused(folder, *words, left=("microgpt.py",), **knobs):
    """The script ends with one line that holds these words, and leaves nothing behind."""
    finished = run(folder, env={"no_proxy": "*"}, **{**QUICK, **knobs})
    assert finished.returncode == 1, finished.stdout
    assert finished.stderr.count("\n") == 1, finished.stderr
    for word in words:
        assert word in finished.stderr
    assert sorted(os.listdir(folder)) == sorted(left)
    return finished


def works(folder, **kwargs):
    """The script runs to its end without a word on standard error."""
    finished = run(folder, **{**QUICK, **kwargs})
    assert (finished.returncode, finished.stderr) == (0, "")
    assert len(names_of(finished.stdout)) == 20
    return finished.stdout


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
        finished = run(tmp_path, env={"no_proxy": "*"}, names_url=url, **QUICK)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert sorted(os.listdir(tmp_path)) == ["input.txt", "microgpt.py"]
    assert (tmp_path / "input.txt").read_bytes() == NAMES


def test_input_txt_is_not_fetched_when_there_is_one(tmp_path):
    put_input(tmp_path, ["ab", "c"])
    works(tmp_path, names_url="http://127.0.0.1:9/none")
    assert (tmp_path / "input.txt").read_bytes() == b"ab\nc\n"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n" + NAMES[:5000]


@pytest.mark.parametrize(
    "answer",
    [
        http("404 Not Found", b"no such page"),
        http("500 Internal Server Error", b""),
        http("200 OK", NAMES[: len(NAMES) // 2], len(NAMES)),
        http("200 OK", b"", 1000),
        CHUNKED,
        b"",
        b"this is no web server",
    ],
    ids=["404", "500", "half", "none of it", "half a chunk", "closed", "nonsense"],
)
def test_a_download_that_fails(tmp_path, answer):
    with server(answer) as url:
        refused(tmp_path, "input.txt", url, "save any text", names_url=url)


def test_a_server_that_never_answers(tmp_path):
    started = time.monotonic()
    with server(None) as url:
        refused(tmp_path, "input.txt", url, "timed out", names_url=url)
    assert time.monotonic() - started < 30


def test_no_network(tmp_path):
    with server(b"") as url:
        pass  # nobody listens there any more
    refused(tmp_path, "input.txt", url, names_url=url)
    refused(tmp_path, "input.txt", "no-such-host", names_url="https://no-such-host.invalid/")


# An input.txt that cannot be used.

INPUT_STAYS = ("input.txt", "microgpt.py")


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("content", [b"", b"\n\n\r\n", b"  \n\t\n", BOM, BOM + b"\n"])
def test_no_documents(tmp_path, content):
    put_input(tmp_path, content)
    refused(tmp_path, "input.txt is empty", left=INPUT_STAYS)
    assert (tmp_path / "input.txt").read_bytes() == content


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_not_utf_8(tmp_path, encoding):
    put_input(tmp_path, "Zoë\nJosé\n".encode(encoding))
    refused(tmp_path, "input.txt", "UTF-8", left=INPUT_STAYS)


def test_input_txt_is_a_folder(tmp_path):
    (tmp_path / "input.txt").mkdir()
    refused(tmp_path, "input.txt", "directory", left=INPUT_STAYS)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_input_txt_cannot_be_read(tmp_path):
    (tmp_path / "input.txt").symlink_to("/proc/self/mem")  # not even root reads its first byte
    refused(tmp_path, "input.txt", "readable", left=INPUT_STAYS)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file"
)
def test_input_txt_may_not_be_read(tmp_path):
    put_input(tmp_path, ["ab"])
    (tmp_path / "input.txt").chmod(0)
    refused(tmp_path, "input.txt", "readable", left=INPUT_STAYS)


# Text of every kind.


def test_windows_line_ends_and_a_byte_order_mark_are_not_letters():
    plain = load(["anna", "bob", "eve"], **QUICK)
    assert plain.uchars == list("abenov")
    for content in (
        b"anna\r\nbob\r\neve\r\n",
        b"\xef\xbb\xbfanna\nbob\neve",
        b"\xef\xbb\xbf\r\n  anna \r\n\r\nbob\t\r\neve\r\n\r\n",
    ):
        assert load(content, **QUICK).printed == plain.printed


ALPHABETS = {
    "Greek": ["ἀγάπη", "λόγος"],
    "Cyrillic": ["Ольга", "Пётр"],
    "Hebrew": ["שרה", "דוד"],
    "Devanagari": ["अनिल", "सीता"],
    "Chinese": ["李明", "王芳"],
    "emoji": ["🐍🙂", "🙂"],
    "a space inside": ["ann lee", "bo li"],
}


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_any_writing_of_the_world(alphabet):
    docs = ALPHABETS[alphabet]
    script = load(docs, num_steps=30, n_embd=8, n_head=2, learning_rate=0.05, temperature=0.1)
    assert script.uchars == sorted(set("".join(docs)))
    assert set(names_of(script.printed)) <= set(docs)


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": ""},
        {"LC_ALL": "C", "PYTHONIOENCODING": "", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
    ],
)
def test_a_console_that_cannot_show_the_letters(tmp_path, locale):
    put_input(tmp_path, ["Ольга"])
    printed = works(tmp_path, env=locale, num_steps=30, learning_rate=0.05, temperature=0.1)
    assert set(names_of(printed)) in ({"Ольг"}, {"\\u041e\\u043b\\u044c\\u0433"})


@pytest.mark.parametrize("docs", [["a"], ["anna"], ["a", "a"], ["ab"] * 3, ["x" * 500]])
def test_very_little_text(docs):
    script = load(docs, **QUICK)
    assert len(losses_of(script.printed)) == 2
    assert len(names_of(script.printed)) == 20


# Knobs that are turned too far.


@pytest.mark.parametrize(
    "knobs",
    [{"n_head": 3}, {"n_head": 0}, {"n_head": -2}, {"n_head": 8}, {"n_embd": 0}, {"block_size": 0}],
)
def test_sizes_that_do_not_fit(tmp_path, knobs):
    put_input(tmp_path, ["ab"])
    refused(tmp_path, "n_embd", "n_head", "block_size", left=INPUT_STAYS, **knobs)


@pytest.mark.parametrize("learning_rate", [0.0, 1.0, 100.0])
def test_a_high_learning_rate_gives_finite_losses(learning_rate):
    losses = losses_of(load(num_steps=40, learning_rate=learning_rate).printed)
    assert len(losses) == 40
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize(
    "knobs",
    [
        {"learning_rate": 1e100},
        {"learning_rate": 1e300},
        {"beta1": 1.0},
        {"beta2": 1.0},
        {"beta2": -0.9},
        {"eps_adam": 0.0},
    ],
)
def test_a_knob_that_breaks_the_arithmetic(tmp_path, knobs):
    put_input(tmp_path, ["abc", "ca", "b"])
    knobs = {"num_steps": 9, **knobs}
    finished = refused(tmp_path, "step ", *knobs.keys() - {"num_steps"}, left=INPUT_STAYS, **knobs)
    assert "nan" not in finished.stdout
    assert "inf" not in finished.stdout


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-300, 0.01, 100, 1e300])
def test_any_temperature(temperature):
    script = load(["ab", "ba"], **QUICK, temperature=temperature)
    assert len(names_of(script.printed)) == 20


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


def start(folder, **knobs):
    put_input(folder, None)
    write_script(folder, **knobs)
    return subprocess.Popen(
        [sys.executable, "microgpt.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def test_ctrl_c_ends_the_training_and_lets_the_model_speak(tmp_path, foreground):
    with start(tmp_path, num_steps=100_000) as process:
        while "step    3" not in process.stdout.readline():
            pass  # each line comes through the pipe when it is printed
        process.send_signal(signal.SIGINT)
        printed, complaint = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.fullmatch(r"\nstopped in step \d+; Ctrl-C again .*\n", complaint)
    assert len(names_of(printed)) == 20


def test_a_second_ctrl_c_ends_the_script(tmp_path, foreground):
    with start(tmp_path, num_steps=100_000, n_layer=8, n_embd=64) as process:  # slow to speak
        while "step    1" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "\n"
        assert process.stderr.readline().startswith("stopped in step ")
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert complaint == ""


def test_on_a_terminal_one_line_refreshes(tmp_path):
    pty = pytest.importorskip("pty")
    put_input(tmp_path, ["ab", "ba"])
    write_script(tmp_path, **{**QUICK, "num_steps": 30})
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "microgpt.py"], cwd=tmp_path, stdout=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other side has closed
        while True:
            chunk = os.read(ours, 4096)
            if not chunk:
                break
            shown += chunk
    assert process.wait(60) == 0
    os.close(ours)
    *_, progress, title = shown.decode().split("--- inference")[0].split("\r\n")
    assert title == ""
    assert progress.count("\r") == 30
    assert re.fullmatch(r"(step +\d+ /   30 \| loss \d\.\d{4} +\r){30}", progress)
