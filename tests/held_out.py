"""Train the script on most of its documents, then measure it on some that it has never seen.

    python3 tests/held_out.py n_embd=32 n_layer=2 num_steps=20000 learning_rate=0.00125

The settings are those of microgpt.py, but for those given here. With `--without-positions`, every token
gets the vector of the first position.
"""

import argparse
import ast
import math
import random
import sys
import time
from collections import Counter

from harness import INPUT, PUBLISHED, load

WITHOUT_POSITIONS = [('state_dict["wpe"][pos_id]', 'state_dict["wpe"][0]')]

def split(docs):
    """Return the documents to train on and to test with (500 more were for choosing the settings)."""
    docs = list(docs)
    random.Random(0).shuffle(docs)
    return docs[1500:], docs[:1000]

def loss_per_character(script, docs):
    """Return the mean loss over the characters of all docs, the end of each being one more."""
    counts = [min(script.block_size, len(doc) + 1) for doc in docs]
    return sum(script.loss_of(doc).data * n for doc, n in zip(docs, counts)) / sum(counts)

def pair_loss(train, docs):
    """Return the same for a table of how often one character follows another, each count one more."""
    pairs = Counter(pair for doc in train for pair in zip("." + doc, doc + "."))
    firsts = Counter(char for doc in train for char in "." + doc)
    vocabulary = len(set("".join(train))) + 1
    tested = [pair for doc in docs for pair in zip("." + doc, doc + ".")]
    probabilities = [(pairs[pair] + 1) / (firsts[pair[0]] + vocabulary) for pair in tested]
    return -sum(map(math.log, probabilities)) / len(tested)

def setting(text):
    """Return (name, value) of a text like n_head=1."""
    name, value = (part.strip() for part in text.split("="))
    if name not in PUBLISHED:
        raise ValueError
    return name, ast.literal_eval(value)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", type=setting)
    parser.add_argument("--without-positions", action="store_true")
    args = parser.parse_intermixed_args()
    docs = [line.strip() for line in INPUT.read_text("utf-8-sig").split("\n") if line.strip()]
    train, test = split(docs)
    if not train:
        sys.exit(f"input.txt has {len(docs)} documents, and 1,500 are kept from the training")
    started = time.process_time()
    changes = WITHOUT_POSITIONS if args.without_positions else []
    script = load(train, changes, base={}, show=sys.stderr, **dict(args.settings))
    print("settings:", *[f"{name}={getattr(script, name)}" for name in PUBLISHED])
    print(f"seconds: {time.process_time() - started:.1f}\nparameters: {len(script.params)}")
    print(f"loss on new names: {loss_per_character(script, test):.4f}")
    print(f"letter pairs, counted on the first 1,000 names: {pair_loss(script.docs[:1000], test):.4f}")
    names, known = [script.sample() for _ in range(500)], set(docs)
    print(f"of 500 names, {len(set(names))} are different, and {sum(n in known for n in names)} in the list")
    print("not in the list:", *[name for name in names if name not in known][:5])

if __name__ == "__main__":
    main()
