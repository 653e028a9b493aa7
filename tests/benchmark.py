"""What the script gains by its two measures for speed: time a training step with and without them.

    python tests/benchmark.py [--steps 60] [--rounds 3]

Three programs take turns, so that a machine that slows down slows all of them: the script as it is;
the script with its wide operation, the dot product, replaced by the chain of + and * that it stands
for; and that again with CPython's garbage collector left on, which is the plain graph of scalars.
Printed is the median over the rounds: milliseconds of processor time for one training step, after
some for warming up. It takes a minute or two. Use the interpreter that you want to know about:
`pypy3 tests/benchmark.py --steps 600`.
"""

import argparse
import platform
import statistics
import tempfile
from pathlib import Path

from harness import put_input, run

WIDE = """\
    x_data = [x.data for x in xs]
    y_data = [y.data for y in ys]
    return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)
"""
CHAIN = """\
    return sum(x * y for x, y in zip(xs, ys))
"""
PROGRAMS = {
    "as it is": [],
    "with + and *": [(WIDE, CHAIN)],
    "plain graph": [(WIDE, CHAIN), ("    gc.disable()\n", "    pass\n")],
}
LOOP = "    for step in range(num_steps):\n"
CLOCK = LOOP + "        if step == {}:\n            started = __import__('time').process_time()\n"
SAMPLES = "temperature = 0.5\n"
RESULT = "sys.exit(str(__import__('time').process_time() - started))\n"


def cost(folder, changes, warm_up, steps):
    """Return the milliseconds of processor time for a training step of the changed script."""
    timed = [*changes, (LOOP, CLOCK.format(warm_up)), (SAMPLES, RESULT)]
    _, _, seconds = run(folder, changes=timed, num_steps=warm_up + steps)
    return float(seconds) / steps * 1000


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if min(args.steps, args.rounds) < 1:
        parser.error("there must be at least one step and one round")
    warm_up = 60 if platform.python_implementation() == "PyPy" else 5  # let a compiler do its work
    milliseconds = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as scratch:
        put_input(Path(scratch), None)
        for _ in range(args.rounds):
            for name, changes in PROGRAMS.items():
                milliseconds[name].append(cost(scratch, changes, warm_up, args.steps))
    print(f"{platform.python_implementation()} {platform.python_version()}")
    for name, times in milliseconds.items():
        ratio = statistics.median(t / ours for t, ours in zip(times, milliseconds["as it is"]))
        print(f"{name:13s} {statistics.median(times):8.2f} ms/step {ratio:6.2f} times")


if __name__ == "__main__":
    main()
