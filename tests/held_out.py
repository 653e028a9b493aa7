"""Train the script on most of its names, then measure it on names that it has never seen.

    python tests/held_out.py n_embd=32 n_layer=2 num_steps=10000 learning_rate=0.005

turns the given knobs and prints one row of the README's table "How far can it go?". Take PyPy for
it (`uv run --python pypy tests/held_out.py ...`). 1,500 of the names are kept from the training:
1,000 are the test that is reported, and 500 (`--validation`) are for choosing a learning rate.
"""

import argparse
import ast
import math
import random
import re
import resource
import sys
import time
from collections import Counter

from harness import INPUT, load


def split():
    """Return the names to train on, to validate and to test with."""
    names = INPUT.read_text(encoding="utf-8").split()
    random.Random(0).shuffle(names)
    return names[1500:], names[1000:1500], names[:1000]


def loss_per_character(script, docs):
    """Return the mean loss over the characters of all docs, the end of each being one more."""
    total, count = 0.0, 0
    for doc in docs:
        tokens = [script.BOS] + [script.uchars.index(char) for char in doc] + [script.BOS]
        keys, values = [[] for _ in range(script.n_layer)], [[] for _ in range(script.n_layer)]
        for pos_id in range(min(script.block_size, len(tokens) - 1)):
            logits = script.gpt(tokens[pos_id], pos_id, keys, values)
            total += script.cross_entropy(logits, tokens[pos_id + 1]).data
            count += 1
    return total / count


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


def sampled(script, count):
    """Return names that the script's model makes up, in the way of its own room 7."""
    names = []
    for _ in range(count):
        keys, values = [[] for _ in range(script.n_layer)], [[] for _ in range(script.n_layer)]
        token_id, name = script.BOS, ""
        for pos_id in range(script.block_size):
            logits = script.gpt(token_id, pos_id, keys, values)
            probs = script.softmax([logit / script.temperature for logit in logits])
            weights = [p.data for p in probs]
            token_id = random.choices(range(script.vocab_size), weights)[0]
            if token_id == script.BOS:
                break
            name += script.uchars[token_id]
        names.append(name)
    return names


def peak_mebibytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(train, docs, samples=500, **knobs):
    """Train with these knobs; return what the table says about it."""
    started = time.process_time()
    script = load(train, **knobs)
    seconds = time.process_time() - started
    known = set(train)
    names = sampled(script, samples)
    return {
        "parameters": len(script.params),
        "seconds": seconds,
        "ms per step": seconds / script.num_steps * 1000,
        "peak MiB": peak_mebibytes(),
        "held-out loss": loss_per_character(script, docs),
        "known": sum(name in known for name in names) / len(names),
        "new names": [name for name in names if name not in known][:5],
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
