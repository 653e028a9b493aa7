"""What the script gains by its two measures for speed: time a training step with and without them.

    python tests/benchmark.py [--steps 60] [--rounds 3]

Three programs take turns, so that a machine that slows down slows all of them: the script as it is;
the script with its wide operation, the dot product, replaced by the chain of + and * that it stands
for; and that again with CPython's garbage collector left on, which is the plain graph of scalars.
Printed is the median over the rounds: milliseconds of processor time for one training step (the
cost of many steps less that of a few, without start-up and sampling), and the peak memory. Use the
interpreter that you want to know about: `pypy3 tests/benchmark.py --steps 600`.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import put_input, turned

WIDE = """\
    x_data = [x.data for x in xs]
    y_data = [y.data for y in ys]
    return Value(sum(map(mul, x_data, y_data)), [*xs, *ys], y_data + x_data)
"""
CHAIN = """\
    total = xs[0] * ys[0]
    for x, y in zip(xs[1:], ys[1:]):
        total = total + x * y
    return total
"""
PROGRAMS = {
    "as it is": [],
    "with + and *": [(WIDE, CHAIN)],
    "plain graph": [(WIDE, CHAIN), ("    gc.disable()\n", "    pass\n")],
}


def program(changes, num_steps):
    """Return the text of the script with these changes made and for so many steps."""
    text = turned({"num_steps": num_steps})
    for old, new in changes:
        assert text.count(old) == 1, f"microgpt.py has {text.count(old)} places that read:\n{old}"
        text = text.replace(old, new)
    return text


def cost(folder, text):
    """Run a script; return its seconds of processor time and its peak memory in MiB."""
    (folder / "script.py").write_text(text, encoding="utf-8")
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen([sys.executable, "script.py"], cwd=folder, stdout=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the script failed")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    warm_up = 60 if platform.python_implementation() == "PyPy" else 5  # let a compiler do its work
    milliseconds = {name: [] for name in PROGRAMS}
    peak = dict.fromkeys(PROGRAMS, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        put_input(Path(scratch), None)
        for _ in range(args.rounds):
            for name, changes in PROGRAMS.items():
                few, _ = cost(Path(scratch), program(changes, warm_up))
                many, memory = cost(Path(scratch), program(changes, warm_up + args.steps))
                milliseconds[name].append((many - few) / args.steps * 1000)
                peak[name] = max(peak[name], memory)
    print(f"{platform.python_implementation()} {platform.python_version()}")
    for name, times in milliseconds.items():
        ratio = statistics.median(t / ours for t, ours in zip(times, milliseconds["as it is"]))
        middle = statistics.median(times)
        print(f"{name:13s} {middle:8.2f} ms/step {ratio:6.2f} times   peak {peak[name]:6.1f} MiB")


if __name__ == "__main__":
    main()
