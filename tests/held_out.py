"""Train the script on most of its names, then measure it on names that it has never seen.

    python tests/held_out.py n_embd=32 n_layer=2 num_steps=20000 learning_rate=0.00125

turns these settings and prints what the README says about them; `--without-positions` gives every
token the first position.
"""

import argparse
import ast
import math
import random
import time
from collections import Counter

from harness import PUBLISHED, load, own_names

WITHOUT_POSITIONS = [('state_dict["wpe"][pos_id]', 'state_dict["wpe"][0]')]

def split():
    """Return the names to train on and to test with (500 more were for choosing the settings)."""
    names = own_names()
    random.Random(0).shuffle(names)
    return names[1500:], names[:1000]

def loss_per_character(script, docs):
    """Return the mean loss over the characters of all docs, the end of each being one more."""
    counts = [min(script.block_size, len(doc) + 1) for doc in docs]
    return sum(script.loss_of(doc).data * n for doc, n in zip(docs, counts)) / sum(counts)

def pair_loss(train, docs):
    """Return the same for a table of how often one character follows another.

    Each count starts at 1, so that what the training names never show is not impossible.
    """
    pairs = Counter(pair for doc in train for pair in zip("." + doc, doc + "."))
    firsts = Counter(char for doc in train for char in "." + doc)
    vocabulary = len(set("".join(train))) + 1
    tested = [pair for doc in docs for pair in zip("." + doc, doc + ".")]
    probabilities = [(pairs[pair] + 1) / (firsts[pair[0]] + vocabulary) for pair in tested]
    return -sum(map(math.log, probabilities)) / len(tested)

def setting(text):
    """Return (name, value) of a text like n_head=1."""
    name, _, value = (part.strip() for part in text.partition("="))
    if name not in PUBLISHED:
        raise argparse.ArgumentTypeError(f"no setting {name!r}; there are {', '.join(PUBLISHED)}")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} gives {name} no number") from None

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", type=setting)
    parser.add_argument("--without-positions", action="store_true")
    args = parser.parse_intermixed_args()
    train, test = split()
    started = time.process_time()
    script = load(train, WITHOUT_POSITIONS if args.without_positions else [], **dict(args.settings))
    print(f"seconds: {time.process_time() - started:.1f}")
    print(f"parameters: {len(script.params)}")
    print(f"loss on new names: {loss_per_character(script, test):.4f}")
    print(f"letter pairs, counted on the first 1,000 names: {pair_loss(script.docs[:1000], test):.4f}")
    names, known = [script.sample() for _ in range(500)], {*own_names()}
    print(f"different names, of 500: {len(set(names))}")
    print("names that are in no list:", *[name for name in names if name not in known][:5])

if __name__ == "__main__":
    main()
