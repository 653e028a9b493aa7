"""Train the script on most of its names, then measure it on names that it has never seen.

    python tests/held_out.py n_embd=32 n_layer=2 num_steps=20000 learning_rate=0.00125

turns these knobs and prints what the README's tables say about them. Use PyPy; a row takes from a
few seconds to half an hour. 1,500 of the names are kept from the training: 1,000 are the test that
is reported, and 500 (`--validation`) are for choosing a learning rate. Those in the README are the
best of two to four that were tried, halving each time; for `n_embd=64 n_layer=2` in runs of 2,000
steps (2.42 at 0.01, 2.40 at 0.005, 2.36 at 0.0025, 2.35 at 0.00125). Peak memory on PyPy follows
the size of the processor's cache unless it is fixed: PYPY_GC_NURSERY=4MB.
"""

import argparse
import ast
import math
import random
import re
import sys
import time
from collections import Counter

from harness import load, own_names


def split():
    """Return the names to train on, to validate and to test with."""
    names = own_names()
    random.Random(0).shuffle(names)
    return names[1500:], names[1000:1500], names[:1000]


def loss_per_character(script, docs):
    """Return the mean loss over the characters of all docs, the end of each being one more."""
    counts = [min(script.block_size, len(doc) + 1) for doc in docs]
    return sum(script.loss_of(doc).data * n for doc, n in zip(docs, counts)) / sum(counts)


def frequency_loss(train, docs, context):
    """Return the same for a table of how often a character follows the `context` (0 or 1) before.

    Each count starts at 1, so that what the training names never show is not impossible.
    """
    counts, totals = Counter(), Counter()
    for doc in train:
        for before, char in zip("." + doc, doc + "."):
            counts[before * context, char] += 1
            totals[before * context] += 1
    vocabulary = len(set("".join(train))) + 1
    losses = [
        -math.log((counts[before * context, char] + 1) / (totals[before * context] + vocabulary))
        for doc in docs
        for before, char in zip("." + doc, doc + ".")
    ]
    return sum(losses) / len(losses)


def peak_mebibytes():
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(train, docs, samples=500, **knobs):
    """Train with these knobs; return what the tables say about it."""
    started = time.process_time()
    script = load(train, **knobs)
    seconds = time.process_time() - started
    real = set(own_names())
    names = [script.sample() for _ in range(samples)]
    return {
        "parameters": len(script.params),
        "seconds": seconds,
        "ms per step": seconds / script.num_steps * 1000,
        "peak MiB": peak_mebibytes(),
        "held-out loss": loss_per_character(script, docs),
        "real names": sum(name in real for name in names) / len(names),
        "new names": [name for name in names if name not in real][:5],
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("knobs", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--validation", action="store_true", help="measure on the 500 names")
    args = parser.parse_args()
    if not all(re.fullmatch(r"\w+=[-+.\w]+", knob) for knob in args.knobs):
        parser.error("a knob is turned like this: n_embd=32")
    knobs = {name: ast.literal_eval(value) for name, value in (k.split("=") for k in args.knobs)}
    train, validation, test = split()
    docs = validation if args.validation else test
    print(f"training on {len(train)} names, measuring on {len(docs)} others")
    print(f"loss per character by letter frequencies:      {frequency_loss(train, docs, 0):.4f}")
    print(f"loss per character by letter-pair frequencies: {frequency_loss(train, docs, 1):.4f}")
    for name, result in measure(train, docs, **knobs).items():
        if isinstance(result, list):
            result = ", ".join(result)
        elif isinstance(result, float):
            result = f"{result:.4f}"
        print(f"{name + ':':15s}{result}")


if __name__ == "__main__":
    main()
