"""Break the script on purpose, one line at a time, and see that the tests notice.

    python tests/mutants.py [WORDS ...]

Each mutant is a copy of the project with one change in microgpt.py. The tests run on it without the
recorded runs: what is wrong must be caught for a reason, and not only because the numbers differ.
Prints what caught each, and how many of how many were caught; exits with 1 if one survived. With
words, only mutants whose names contain one of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 60  # seconds; a mutant that hangs is caught by the clock
SAID = ["--deselect", "tests/test_8_whole_run.py::test_every_number_in_the_prose_is_tested"]
RECORDED = ["-k", "not recorded_run and not published_run"]

MUTANTS = [
    # section 1
    ("half a list becomes input.txt", "urlopen(names_url).read()", "urlopen(names_url).read(1000)"),
    (
        "a download opens the file first",
        "    docs_file.write_bytes(",
        '    docs_file.write_bytes(b"")\n    docs_file.write_bytes(',
    ),
    ("an old input.txt is overwritten", "if not docs_file.exists():", "if True:"),
    ("another list of names", "988aa59", "master"),
    ("a byte order mark is a letter", '"utf-8-sig"', '"utf-8"'),
    ("in another encoding", 'encoding="utf-8-sig"', 'encoding="latin-1"'),
    ("documents keep their blanks", "[line.strip() for", "[line for"),
    ("documents end at their first blank", "[line.strip() for", "[line.split()[0] for"),
    ("empty lines are documents", "for line in lines if line.strip()]", "for line in lines]"),
    ("an empty file is fine", 'assert docs, "input.txt is empty"\n', 'docs = docs or ["a"]\n'),
    ("documents sorted before", "random.shuffle(docs)", "docs.sort()\nrandom.shuffle(docs)"),
    ("documents in the order of the file", "random.shuffle(docs)", "random.shuffle(list(docs))"),
    (
        "documents once each",
        "[line.strip() for line in lines if line.strip()]",
        "[*dict.fromkeys(line.strip() for line in lines if line.strip())]",
    ),
    (
        "no more than 40,000 documents",
        "random.shuffle(docs)",
        "docs = docs[:40_000]\nrandom.shuffle(docs)",
    ),
    ("no document above 100 letters", "[line.strip() for", "[line.strip()[:100] for"),
    (
        "letters and accents made one",
        "[line.strip() for",
        '[__import__("unicodedata").normalize("NFC", line.strip()) for',
    ),
    ("another seed", "random.seed(42)", "random.seed(43)"),
    # section 2
    ("BOS is the last letter", "BOS = len(uchars)\n", "BOS = len(uchars) - 1\n"),
    ("26 characters", 'sorted(set("".join(docs)))', 'sorted(set("".join(docs)))[:26]'),
    ("characters of the first 30,000", '"".join(docs)', '"".join(docs[:30_000])'),
    ("characters in any case", 'set("".join(docs))', 'set("".join(docs).lower())'),
    (
        "characters in the order of their appearance",
        'sorted(set("".join(docs)))',
        'list(dict.fromkeys("".join(docs)))',
    ),
    ("no BOS at the end", "for char in doc] + [BOS]", "for char in doc]"),
    ("no BOS at the beginning", "return [BOS] + [", "return ["),
    # section 3
    ("+ forgets one side", "(self, other), (1.0, 1.0)", "(self, other), (1.0, 0.0)"),
    ("+ of a number has slope 0", "(self,), (1.0,)", "(self,), (0.0,)"),
    ("* with its factors swapped", "(other.data, self.data)", "(self.data, other.data)"),
    ("* by a number passes 1 on", "(self,), (other,)", "(self,), (1.0,)"),
    ("log passes on its argument", "(1 / self.data,)", "(self.data,)"),
    ("relu leaks", "if self.data > 0 else Value(0.0)", "if self.data > -0.1 else Value(0.0)"),
    ("a - b is a + b", "return self + -other", "return self + other"),
    ("1 - x is x - 1", "return -self + other", "return self + -other"),
    ("1 / x is x", "return self**-1 * other", "return self * other"),
    ("a / b is b / a", "return self * other**-1", "return self**-1 * other"),
    ("a gradient replaces the last", "source.grad += slope", "source.grad = slope"),
    ("backward starts with 0", "        self.grad = 1.0\n", ""),
    ("backward starts with 2", "        self.grad = 1.0\n", "        self.grad = 2.0\n"),
    ("** without its exponent", "(n * self.data**", "(self.data**"),
    ("** with the same exponent", "self.data**(n - 1)", "self.data**n"),
    ("exp passes on its argument", "(math.exp(self.data),))", "(self.data,))"),
    ("exp of at most 500", "Value(math.exp(self.data)", "Value(math.exp(min(self.data, 500))"),
    ("exp of at least -500", "Value(math.exp(self.data)", "Value(math.exp(max(self.data, -500))"),
    (
        "gradients of at most 1,000",
        "            grad = node.grad\n",
        "            grad = max(-1e3, min(1e3, node.grad))\n",
    ),
    (
        "a dot product of chained nodes",
        "    return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)",
        "    return sum(x * y for x, y in zip(xs, ys))",
    ),
    ("dot gives each factor its own", "y_data + x_data)", "x_data + y_data)"),
    ("dot of unequal lengths", "    assert len(xs) == len(ys), ", "    assert True, "),
    ("from the leaves up", "reversed(order)", "order"),
    (
        "in the order of discovery",
        "            if ready:\n                order[stack.pop()] = True\n",
        "            order[node] = True\n            if ready:\n                stack.pop()\n",
    ),
    (
        "a node does not wait for its last source",
        "            for source in node._sources:\n",
        "            for source in node._sources[:-1] or node._sources:\n",
    ),
    ("nodes are searched without end", " and source not in order", ""),
    (
        "leaves forget what they had",
        "                if source._sources and",
        "                source.grad = 0.0\n                if source._sources and",
    ),
    ("relu is a constant", "self if self.data > 0", "Value(self.data) if self.data > 0"),
    # section 4
    ("a wider start", "random.gauss(0, 0.08)", "random.gauss(0, 0.8)"),
    ("a narrower start", "random.gauss(0, 0.08)", "random.gauss(0, 0.07)"),
    (
        "matrices transposed",
        "for _ in range(n_in)] for _ in range(n_out)",
        "for _ in range(n_out)] for _ in range(n_in)",
    ),
    (
        "lm_head is wte",
        "print(f\"num params",
        'state_dict["lm_head"] = state_dict["wte"]\nprint(f"num params',
    ),
    (
        "one matrix drawn before another",
        '"attn_wq", "attn_wk", "attn_wv", "attn_wo":',
        '"attn_wk", "attn_wq", "attn_wv", "attn_wo":',
    ),
    ("a narrower hidden layer", "matrix(4 * n_embd, n_embd)", "matrix(3 * n_embd, n_embd)"),
    ("any number of heads", "assert n_embd % n_head == 0", "assert True"),
    ("at most 64 positions", "matrix(block_size, n_embd)", "matrix(min(block_size, 64), n_embd)"),
    ("two layers", "n_layer = 1 ", "n_layer = 2 "),
    ("a wider embedding", "n_embd = 16 ", "n_embd = 32 "),
    ("a longer context", "block_size = 16 ", "block_size = 17 "),
    ("more heads", "n_head = 4 ", "n_head = 8 "),
    # section 5
    ("rmsnorm by the sum of squares", "dot(x, x) / len(x)", "dot(x, x)"),
    ("rmsnorm without the root", "+ 1e-5) ** -0.5", "+ 1e-5) ** -1"),
    ("another epsilon", "+ 1e-5)", "+ 1e-3)"),
    (
        "keys from the query's matrix",
        'keys.append(linear(x, state_dict[f"{prefix}.attn_wk"',
        'keys.append(linear(x, state_dict[f"{prefix}.attn_wq"',
    ),
    ("scores divided by the width", "head_dim**0.5", "n_embd**0.5"),
    (
        "no output matrix",
        'return linear(gathered, state_dict[f"{prefix}.attn_wo"])',
        "return gathered",
    ),
    ("no relu", "[h.relu() for h in", "[h for h in"),
    (
        "no position",
        'rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))',
        'rmsnorm(state_dict["wte"][token_id])',
    ),
    (
        "no first norm",
        'rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))',
        'add(state_dict["wte"][token_id], state_dict["wpe"][pos_id])',
    ),
    ("attention without its residual", "x = add(x, attention(", "x = list(attention("),
    (
        "mlp without its residual",
        'x = add(x, mlp(rmsnorm(x), f"layer{i}"))',
        'x = mlp(rmsnorm(x), f"layer{i}")',
    ),
    ("attention without its norm", "attention(rmsnorm(x),", "attention(x,"),
    ("mlp without its norm", "mlp(rmsnorm(x),", "mlp(x,"),
    ("a cache that is not passed on", 'f"layer{i}", keys, values)', 'f"layer{i}", [], [])'),
    ("keys for values", 'f"layer{i}", keys, values)', 'f"layer{i}", keys, keys)'),
    (
        "a norm before the logits",
        'return linear(x, state_dict["lm_head"])',
        'return linear(rmsnorm(x), state_dict["lm_head"])',
    ),
    ("logits from the embedding", 'linear(x, state_dict["lm_head"])', 'linear(x, state_dict["wte"])'),
    ("exp without its shift", "sum((score - highest).exp()", "sum((score - 0).exp()"),
    ("the highest is not put back", ".log() + highest", ".log()"),
    ("probabilities of at least 1e-9", "(score - log_sum).exp()", "(score - log_sum).exp() + 1e-9"),
    ("scores not divided", "score / head_dim**0.5 for", "score for"),
    ("the first slice of the keys", "[key[head] for", "[key[:head_dim] for"),
    ("the first slice of the values", "[value[head] for", "[value[:head_dim] for"),
    ("the first slice of the query", "linear(query[head]", "linear(query[:head_dim]"),
    (
        "a window of eight positions",
        "    gathered = []\n",
        "    gathered = []\n    keys, values = keys[-8:], values[-8:]\n",
    ),
    ("a position never above 7", '"wpe"][pos_id]', '"wpe"][min(pos_id, 7)]'),
    ("a position never above 62", '"wpe"][pos_id]', '"wpe"][min(pos_id, 62)]'),
    ("only the first layer", "in enumerate(cache):", "in enumerate(cache[:1]):"),
    ("all layers are the first", 'attention(rmsnorm(x), f"layer{i}"', 'attention(rmsnorm(x), "layer0"'),
    ("all MLPs are the first", 'mlp(rmsnorm(x), f"layer{i}"', 'mlp(rmsnorm(x), "layer0"'),
    (
        "no gradient through the cache",
        '    keys.append(linear(x, state_dict[f"{prefix}.attn_wk"]))',
        '    keys.append([Value(k.data) for k in linear(x, state_dict[f"{prefix}.attn_wk"])])',
    ),
    # section 6
    ("no linear decay", "learning_rate * (1 - step / num_steps)", "learning_rate"),
    ("the decay one step early", "1 - step / num_steps", "1 - (step + 1) / num_steps"),
    ("a decay that ends at a tenth", "(1 - step / num_steps)", "max(0.1, 1 - step / num_steps)"),
    ("beta2 for beta1", "beta1 * m[i] + (1 - beta1)", "beta2 * m[i] + (1 - beta2)"),
    ("no correction of m", "(m[i] / m_correction)", "m[i]"),
    ("no correction of v", "v[i] / v_correction", "v[i]"),
    ("up the hill", "p.data -= lr_t", "p.data += lr_t"),
    ("gradients are kept", "        p.grad = 0.0\n", ""),
    (
        "gradients of at most 1",
        "        m[i] = beta1",
        "        p.grad = max(-1, min(1, p.grad))\n        m[i] = beta1",
    ),
    (
        "parameters of at most 10",
        "        p.grad = 0.0\n",
        "        p.data = max(-10, min(10, p.data))\n        p.grad = 0.0\n",
    ),
    ("a cost of the wrong sign", ") - logits[target_id])", ") + logits[target_id])"),
    (
        "the logarithm of a probability that may be 0",
        "log_sum_exp(logits) - logits[target_id]",
        "-softmax(logits)[target_id].log()",
    ),
    ("the target is the input", "enumerate(tokens[1:])", "enumerate(tokens[:-1])"),
    (
        "the model reads its own guesses",
        "        logits = gpt(tokens[pos_id], pos_id, cache)\n        losses",
        "        logits = gpt(tokens[pos_id], pos_id, cache)\n        tokens[pos_id + 1] = max(range(vocab_size), key=lambda j: logits[j].data)\n        losses",
    ),
    ("the sum of the losses", "sum(losses) / len(losses)", "sum(losses)"),
    ("longer than the context", "encode(doc)[: block_size + 1]", "encode(doc)"),
    ("shorter than the context", "encode(doc)[: block_size + 1]", "encode(doc)[:block_size]"),
    (
        "one cache for all layers in training",
        "    cache = [([], []) for _ in range(n_layer)]\n    losses",
        "    cache = [([], [])] * n_layer\n    losses",
    ),
    ("beta1 for beta2", "v[i] = beta2 * v[i] + (1 - beta2)", "v[i] = beta1 * v[i] + (1 - beta1)"),
    ("another beta1", "beta1 = 0.85", "beta1 = 0.9"),
    ("another beta2", "beta2 = 0.99", "beta2 = 0.999"),
    ("another epsilon of Adam", "eps_adam = 1e-8", "eps_adam = 1e-5"),
    ("another learning rate", "learning_rate = 0.01", "learning_rate = 0.02"),
    ("fewer steps", "num_steps = 1000", "num_steps = 999"),
    ("m corrected one step late", "1 - beta1 ** (step + 1)", "1 - beta1 ** (step + 2)"),
    ("v corrected one step late", "1 - beta2 ** (step + 1)", "1 - beta2 ** (step + 2)"),
    (
        "epsilon under the root",
        "((v[i] / v_correction)**0.5 + eps_adam)",
        "(v[i] / v_correction + eps_adam)**0.5",
    ),
    ("always the first document", "docs[step % len(docs)]", "docs[0]"),
    ("the last document over and over", "docs[step % len(docs)]", "docs[min(step, len(docs) - 1)]"),
    ("no document beyond the thousandth", "docs[step % len(docs)]", "docs[step % min(len(docs), 1000)]"),
    ("no step beyond 1,500", "for step in range(num_steps)", "for step in range(min(num_steps, 1500))"),
    (
        "it ends when it knows all",
        "    adam(step)\n",
        "    if loss.data < 0.001:\n        break\n    adam(step)\n",
    ),
    (
        "the last step does not learn",
        "    adam(step)\n",
        "    if step < num_steps - 1:\n        adam(step)\n",
    ),
    ("the first step does not learn", "    adam(step)\n", "    if step:\n        adam(step)\n"),
    (
        "Adam forgets after each epoch",
        "    adam(step)\n",
        "    if step % len(docs) == 0:\n        m[:] = v[:] = [0.0] * len(params)\n    adam(step)\n",
    ),
    (
        "the documents are shuffled after each epoch",
        "    adam(step)\n",
        "    if step % len(docs) == len(docs) - 1:\n        random.shuffle(docs)\n    adam(step)\n",
    ),
    ("some parameters do not learn", "in enumerate(params):", "in enumerate(params[:-1]):"),
    ("a line for each step", 'end="\\r"', 'end="\\n"'),
    # section 7
    ("no temperature", "[logit / temperature for", "[logit for"),
    ("temperature the wrong way", "logit / temperature", "logit * temperature"),
    ("another temperature", "temperature = 0.5", "temperature = 0.6"),
    (
        "one cache for all layers in inference",
        "    cache = [([], []) for _ in range(n_layer)]\n    for pos_id in range",
        "    cache = [([], [])] * n_layer\n    for pos_id in range",
    ),
    ("every character as likely", "[p.data for p in probs]", "[1 for p in probs]"),
    ("no unlikely characters", "[p.data for p in probs]", "[p.data * (p.data > 0.001) for p in probs]"),
    ("probabilities rounded", "[p.data for p in probs]", "[round(p.data, 3) for p in probs]"),
    (
        "always the likeliest",
        "random.choices(range(vocab_size), [p.data for p in probs])",
        "[max(range(vocab_size), key=lambda j: probs[j].data)]",
    ),
    ("never stops", "            if tokens[-1] == BOS:\n                break\n", "            tokens[-1] %= BOS\n"),
    (
        "no name of one letter",
        "            if tokens[-1] == BOS:\n",
        "            if tokens[-1] == BOS and pos_id != 1:\n",
    ),
    (
        "a character too few",
        "    for pos_id in range(block_size):\n",
        "    for pos_id in range(block_size - 1):\n",
    ),
    (
        "the model always reads BOS",
        "    for pos_id in range(block_size):\n        logits = gpt(tokens[pos_id]",
        "    for pos_id in range(block_size):\n        logits = gpt(BOS",
    ),
    ("the beginning is not read", "tokens = encode(text)[:-1]", "tokens = encode(text)[:1]"),
    ("a draw for each letter", "if pos_id == len(tokens) - 1:", "if random.random() < 2 and pos_id == len(tokens) - 1:"),
    (
        "parameters change in inference",
        '    return "".join(uchars',
        '    params[0].data += 1e-9\n    return "".join(uchars',
    ),
    (
        "gradients change in inference",
        "            if tokens[-1] == BOS:\n",
        "            probs[0].backward()\n            if tokens[-1] == BOS:\n",
    ),
    ("nineteen names", "for i in range(20)", "for i in range(19)"),
]


def tests_of(section):
    """Return the file of tests for this section: the one with its number in the name."""
    (file,) = [p.name for p in sorted(ROOT.glob("tests/test_[1-9]*.py")) if section in p.name[4:9]]
    return file


def run_tests(folder, *chosen):
    """Run these tests in a copy of the project; return what failed first, or None."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *chosen]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{LIMIT} seconds"
    if done.returncode == 0:
        return None
    caught = re.search(r"^(?:FAILED|ERROR) tests/(\S+)(.*)", done.stdout, re.MULTILINE)
    assert done.returncode in (1, 2) and caught, done.stdout
    return f"{caught.group(1)}{caught.group(2)}"


def verdict(text, section):
    """Run the tests on a copy of the project with this script; return what caught it, or None.

    The tests of its section come first, and the others only if those find nothing.
    """
    compile(text, "microgpt.py", "exec")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        (copy / "microgpt.py").write_text(text, encoding="utf-8")
        first = tests_of(section)
        others = [p.name for p in sorted(copy.glob("tests/test_[1-9]*.py")) if p.name != first]
        own = run_tests(copy, f"tests/{first}", *SAID)
        return own or run_tests(copy, *[f"tests/{name}" for name in others], *SAID, *RECORDED)


def main():
    source = (ROOT / "microgpt.py").read_text(encoding="utf-8")
    mutants = [m for m in MUTANTS if any(word in m[0] for word in sys.argv[1:] or [""])]
    texts, sections = [source], ["3"]
    for name, old, new in mutants:
        if source.count(old) != 1:
            sys.exit(f"mutant '{name}': {source.count(old)} places read {old!r}, there must be one")
        texts.append(source.replace(old, new))
        before = re.findall(r"^### (\d)\. ", source[: source.index(old)], re.MULTILINE)
        sections.append(before[-1] if before else "1")
    survivors, by_lesson = [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = pool.map(verdict, texts, sections)
        if healthy := next(verdicts):
            sys.exit(f"the script as it is fails its tests: {healthy}")
        for (name, _, _), caught_by in zip(mutants, verdicts):
            print(f"{name}: {caught_by or 'SURVIVED'}", flush=True)
            survivors += [name] if not caught_by or "places that read" in caught_by else []
            by_lesson += bool(caught_by) and caught_by[5] in "1234567"
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants caught, {by_lesson} by the lesson's files")
    sys.exit(f"not caught: {survivors}" if survivors else 0)


if __name__ == "__main__":
    main()
