"""Train the script on most of its names, then measure it on names that it has never seen.

    python tests/held_out.py n_embd=32 n_layer=2 num_steps=20000 learning_rate=0.00125

turns these settings and prints what the README says about them; `--without-positions` gives every
token the first position. 1,000 names are the test, and 500 (`--validation`) for choosing settings.
"""

import argparse
import ast
import math
import random
import time
from collections import Counter

from harness import load, own_names

WITHOUT_POSITIONS = [('state_dict["wpe"][pos_id]', 'state_dict["wpe"][0]')]

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

def measure(train, docs, samples=500, changes=(), **settings):
    """Train with these settings; return what the README says about it."""
    started = time.process_time()
    script = load(train, changes, **settings)
    seconds = time.process_time() - started
    names, real = [script.sample() for _ in range(samples)], set(own_names())
    return {
        "parameters": len(script.params),
        "seconds": seconds,
        "held-out loss": loss_per_character(script, docs),
        "names in the data": sum(name in real for name in names) / len(names),
        "different names": len(set(names)),
        "new names": ", ".join([name for name in names if name not in real][:5]),
    }

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--without-positions", action="store_true")
    args = parser.parse_args()
    settings = {name: ast.literal_eval(x) for name, x in (s.split("=") for s in args.settings)}
    train, validation, test = split()
    docs = validation if args.validation else test
    changes = WITHOUT_POSITIONS if args.without_positions else []
    few = load(train, num_steps=0).docs[:1000]
    print("letter pairs, of 1,000 names and of all:", *[frequency_loss(t, docs, 1) for t in (few, train)])
    for name, result in measure(train, docs, changes=changes, **settings).items():
        print(f"{name}: {result}")

if __name__ == "__main__":
    main()
