"""Break the script on purpose, one line at a time, and see that the tests notice.

    python tests/mutants.py [WORDS ...]

Each mutant is a copy of the project with one change in microgpt.py. The tests run on it without the
recorded runs: what is wrong must be caught for a reason, and not only because the numbers differ.
A mutant that hangs is caught by the clock. Prints what caught each, and how many of how many were
caught; exits with 1 if one survived. With words, only mutants whose names contain one of them. It
takes some ten minutes.
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
DEFAULTS = "test_the_settings_are_those_that_the_readme_measures"
LIMIT = 120  # seconds; the whole of the tests takes some twenty

MUTANTS = [
    # section 1
    (
        "half a list becomes input.txt",
        '        Path("input.txt").write_bytes(urlopen(names_url, timeout=10).read())',
        '        Path("input.txt").write_bytes(urlopen(names_url, timeout=10).read(1000))',
    ),
    (
        "a download opens the file first",
        '        Path("input.txt").write_bytes(urlopen',
        '        open("input.txt", "wb").close()\n        Path("input.txt").write_bytes(urlopen',
    ),
    ("a failed download is forty lines", "except OSError as error", "except EOFError as error"),
    ("an old input.txt is overwritten", 'if not Path("input.txt").exists()', "if True"),
    ("a server is waited for without end", "timeout=10", "timeout=None"),
    ("a byte order mark is a letter", '"utf-8-sig"', '"utf-8"'),
    ("in another encoding", 'encoding="utf-8-sig"', 'encoding="latin-1"'),
    ("documents keep their blanks", "[line.strip() for", "[line for"),
    ("empty lines are documents", "for line in lines if line.strip()]", "for line in lines]"),
    ("an empty file is fine", 'assert docs, "input.txt is empty"\n', 'docs = docs or ["a"]\n'),
    (
        "documents sorted before the shuffle",
        "random.shuffle(docs)",
        "docs.sort()\nrandom.shuffle(docs)",
    ),
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
    ("another seed", "random.seed(42)", "random.seed(43)"),
    ("the collector stays on", "    gc.disable()\n", "    pass\n"),
    # section 2
    ("BOS is the last letter", "BOS = len(uchars)\n", "BOS = len(uchars) - 1\n"),
    (
        "no more than 26 characters",
        'uchars = sorted(set("".join(docs)))',
        'uchars = sorted(set("".join(docs)))[:26]',
    ),
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
    ("* with its factors swapped", "(other.data, self.data)", "(self.data, other.data)"),
    ("* by a number passes 1 on", "(self,), (other,)", "(self,), (1.0,)"),
    ("log passes on its argument", "(1 / self.data,)", "(self.data,)"),
    ("relu leaks", "if self.data > 0 else Value(0.0)", "if self.data > -0.1 else Value(0.0)"),
    ("a - b is a + b", "return self + -other", "return self + other"),
    ("1 - x is x - 1", "return -self + other", "return self + -other"),
    ("1 / x is x", "return self**-1 * other", "return self * other"),
    ("a gradient replaces the last", "child.grad += local_grad", "child.grad = local_grad"),
    ("backward starts with 0", "        self.grad = 1.0\n", ""),
    ("** without its exponent", "(n * self.data **", "(self.data **"),
    ("** with the same exponent", "** (n - 1)", "** n"),
    ("exp passes on its argument", "(math.exp(self.data),))", "(self.data,))"),
    (
        "a dot product of chained nodes",
        "    return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)",
        "    return sum(x * y for x, y in zip(xs, ys))",
    ),
    ("dot gives each factor its own", "y_data + x_data)", "x_data + y_data)"),
    ("from the leaves up", "reversed(order)", "order"),
    (
        "in the order of discovery",
        "                order[stack.pop()] = True\n",
        "                stack.pop()\n            order[node] = True\n",
    ),
    (
        "a node does not wait for its children",
        "                    stack.append(child)\n",
        "                    stack.append(child)\n                    order.setdefault(node)\n",
    ),
    ("nodes are searched without end", " and child not in order", ""),
    (
        "an earlier backward is counted again",
        "                node.grad = 0.0  # forgets an earlier call\n",
        "",
    ),
    (
        "a leaf forgets earlier calls",
        "                if child._children and",
        "                child.grad = 0.0\n                if child._children and",
    ),
    ("a node shows nothing", 'f"Value(data={self.data}, grad={self.grad})"', '"Value"'),
    ("relu is a constant", "self if self.data > 0", "Value(self.data) if self.data > 0"),
    (
        "a circle of references",
        "        self._local_grads = local_grads\n",
        "        self._local_grads = [*local_grads, self]\n",
    ),
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
        'state_dict["lm_head"] = matrix(vocab_size, n_embd)',
        'state_dict["lm_head"] = state_dict["wte"]',
    ),
    (
        "one matrix drawn before another",
        '("attn_wq", "attn_wk", "attn_wv", "attn_wo")',
        '("attn_wk", "attn_wq", "attn_wv", "attn_wo")',
    ),
    ("a narrower hidden layer", "matrix(4 * n_embd, n_embd)", "matrix(3 * n_embd, n_embd)"),
    (
        "any number of heads",
        'assert n_embd % n_head == 0, "n_embd must be a multiple of n_head"\n',
        "\n",
    ),
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
        'keys.append(linear(x, state_dict[f"{layer}.attn_wk"',
        'keys.append(linear(x, state_dict[f"{layer}.attn_wq"',
    ),
    ("scores divided by the width", "head_dim**0.5", "n_embd**0.5"),
    (
        "no output matrix",
        'return linear(gathered, state_dict[f"{layer}.attn_wo"])',
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
    ("attention without its residual", "x = add(x, attention(", "x = add([], attention("),
    (
        "mlp without its residual",
        'x = add(x, mlp(rmsnorm(x), f"layer{i}"))',
        'x = mlp(rmsnorm(x), f"layer{i}")',
    ),
    ("mlp without its norm", "mlp(rmsnorm(x),", "mlp(x,"),
    ("one cache for all layers", "keys[i], values[i]))", "keys[0], values[0]))"),
    ("a cache that is not passed on", "keys[i], values[i]))", "[], []))"),
    ("keys for values", "keys[i], values[i]))", "keys[i], keys[i]))"),
    (
        "a norm before the logits",
        'return linear(x, state_dict["lm_head"])',
        'return linear(rmsnorm(x), state_dict["lm_head"])',
    ),
    (
        "logits from the embedding",
        'linear(x, state_dict["lm_head"])',
        'linear(x, state_dict["wte"])',
    ),
    ("softmax without its shift", "exps = [(logit - highest).exp()", "exps = [logit.exp()"),
    ("scores not divided", "/ head_dim**0.5 for", " for"),
    ("every head reads the first slice of the keys", "key[head]) /", "key[:head_dim]) /"),
    (
        "every head reads the first slice of the values",
        "[value[channel] for",
        "[value[channel % head_dim] for",
    ),
    (
        "a window of eight positions",
        "for key in keys])\n",
        "for key in keys[-8:]])\n        values = values[-8:]\n",
    ),
    (
        "a position never above seven",
        'state_dict["wpe"][pos_id]',
        'state_dict["wpe"][min(pos_id, 7)]',
    ),
    (
        "the last position is the one before",
        'state_dict["wpe"][pos_id]',
        'state_dict["wpe"][min(pos_id, 14)]',
    ),
    (
        "only the first layer",
        "    for i in range(n_layer):\n        x = add",
        "    for i in range(n_layer)[:1]:\n        x = add",
    ),
    (
        "all layers are the first",
        'attention(rmsnorm(x), f"layer{i}"',
        'attention(rmsnorm(x), "layer0"',
    ),
    ("all MLPs are the first", 'mlp(rmsnorm(x), f"layer{i}"', 'mlp(rmsnorm(x), "layer0"'),
    (
        "no gradient through the cache",
        '    keys.append(linear(x, state_dict[f"{layer}.attn_wk"]))',
        '    keys.append([Value(k.data) for k in linear(x, state_dict[f"{layer}.attn_wk"])])',
    ),
    # section 6
    ("no linear decay", "learning_rate * (1 - step / num_steps)", "learning_rate"),
    ("the decay one step early", "1 - step / num_steps", "1 - (step + 1) / num_steps"),
    ("beta2 for beta1", "beta1 * m[i] + (1 - beta1)", "beta2 * m[i] + (1 - beta2)"),
    ("no correction of m", "m_hat = m[i] / m_correction", "m_hat = m[i]"),
    ("no correction of v", "v_hat = v[i] / v_correction", "v_hat = v[i]"),
    ("up the hill", "p.data -= lr_t", "p.data += lr_t"),
    ("gradients are kept", "        p.grad = 0.0\n", ""),
    (
        "cross-entropy of the wrong sign",
        "+ highest - logits[target_id]",
        "+ highest + logits[target_id]",
    ),
    (
        "cross-entropy without its shift",
        "    total = sum((logit - highest).exp() for logit in logits)\n    return total.log() + highest",
        "    total = sum(logit.exp() for logit in logits)\n    return total.log()",
    ),
    ("the target is the input", "tokens[pos_id + 1]))", "tokens[pos_id]))"),
    (
        "the model reads its own guesses",
        "gpt(tokens[pos_id], pos_id",
        "gpt(tokens[pos_id] if not pos_id else max(range(vocab_size), key=lambda j: logits[j].data), pos_id",
    ),
    ("the sum of the losses", "sum(losses) / len(losses)", "sum(losses)"),
    ("longer than the context", "encode(doc)[: block_size + 1]", "encode(doc)"),
    ("shorter than the context", "encode(doc)[: block_size + 1]", "encode(doc)[:block_size]"),
    (
        "one cache for all layers in training",
        "keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]\n    losses",
        "keys, values = [[]] * n_layer, [[]] * n_layer\n    losses",
    ),
    ("beta1 for beta2", "v[i] = beta2 * v[i] + (1 - beta2)", "v[i] = beta1 * v[i] + (1 - beta1)"),
    ("another beta1", "beta1 = 0.85", "beta1 = 0.9"),
    ("another beta2", "beta2 = 0.99", "beta2 = 0.999"),
    ("another epsilon of Adam", "eps_adam = 1e-8", "eps_adam = 1e-5"),
    ("another learning rate", "learning_rate = 0.01", "learning_rate = 0.02"),
    ("fewer steps", "num_steps = 1000", "num_steps = 999"),
    (
        "m corrected one step late",
        "m_correction = 1 - beta1 ** (step + 1)",
        "m_correction = 1 - beta1 ** (step + 2)",
    ),
    (
        "v corrected one step late",
        "v_correction = 1 - beta2 ** (step + 1)",
        "v_correction = 1 - beta2 ** (step + 2)",
    ),
    ("epsilon under the root", "(v_hat**0.5 + eps_adam)", "(v_hat + eps_adam) ** 0.5"),
    ("always the first document", "docs[step % len(docs)]", "docs[0]"),
    ("the last document over and over", "docs[step % len(docs)]", "docs[min(step, len(docs) - 1)]"),
    (
        "the last step does not learn",
        "        adam(step)\n",
        "        if step < num_steps - 1:\n            adam(step)\n",
    ),
    (
        "the first step does not learn",
        "        adam(step)\n",
        "        if step:\n            adam(step)\n",
    ),
    (
        "Adam forgets after each epoch",
        "        adam(step)\n",
        "        if step % len(docs) == 0:\n            m[:] = v[:] = [0.0] * len(params)\n        adam(step)\n",
    ),
    (
        "the documents are shuffled after each epoch",
        "        adam(step)\n",
        "        if step % len(docs) == len(docs) - 1:\n            random.shuffle(docs)\n        adam(step)\n",
    ),
    ("some parameters do not learn", "in enumerate(params):", "in enumerate(params[:-1]):"),
    ("Ctrl-C ends the script", "suppress(KeyboardInterrupt)", "suppress(EOFError)"),
    (
        "any error ends the training quietly",
        "suppress(KeyboardInterrupt)",
        "suppress(KeyboardInterrupt, Exception)",
    ),
    ("a terminal gets a line for each step", '" \\r" if sys', '"\\n" if sys'),
    ("steps are shown at the end", ", flush=True", ""),
    # section 7
    ("no temperature", "[logit / temperature for", "[logit for"),
    ("temperature the wrong way", "logit / temperature", "logit * temperature"),
    ("another temperature", "temperature = 0.5", "temperature = 0.6"),
    (
        "one cache for all layers in inference",
        "keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]\n    token_id",
        "keys, values = [[]] * n_layer, [[]] * n_layer\n    token_id",
    ),
    (
        "one cache for all names",
        "def sample():  # -> str\n    keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]\n",
        "keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]\n\n\ndef sample():  # -> str\n",
    ),
    ("every character as likely", "[p.data for p in probs]", "[1 for p in probs]"),
    (
        "always the likeliest",
        "random.choices(range(vocab_size), [p.data for p in probs])[0]",
        "max(range(vocab_size), key=lambda j: probs[j].data)",
    ),
    (
        "never stops",
        "        if token_id == BOS:\n            break\n",
        "        token_id %= BOS\n",
    ),
    (
        "a character too few",
        "    for pos_id in range(block_size):\n        logits = gpt(token_id",
        "    for pos_id in range(block_size - 1):\n        logits = gpt(token_id",
    ),
    ("the model always reads BOS", "logits = gpt(token_id, pos_id", "logits = gpt(BOS, pos_id"),
    (
        "parameters change in inference",
        "    return text\n",
        "    params[0].data += 1e-9\n    return text\n",
    ),
    (
        "gradients change in inference",
        "    return text\n",
        "    probs[0].backward()\n    return text\n",
    ),
    ("nineteen names", "for i in range(20)", "for i in range(19)"),
]


def verdict(text, section="1"):
    """Run the tests on a copy of the project with this script; return what caught it, or None.

    Those of the section that was changed come first.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        (copy / "microgpt.py").write_text(text, encoding="utf-8")
        tests = sorted(copy.glob("tests/test_[1-9]*.py"), key=lambda path: section not in path.name)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-k", "not recorded_run and not published_run and not ctrl_c_during"]
        command += [*tests, f"{copy}/tests/test_project_readme.py::{DEFAULTS}"]
        process = subprocess.Popen(
            command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            printed, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"{LIMIT} seconds"
    if process.returncode == 0:
        return None
    caught = re.search(r"^(?:FAILED|ERROR) tests/(\S+)", printed, re.MULTILINE)
    assert process.returncode in (1, 2) and caught, printed
    return caught.group(1)


def main():
    source = (ROOT / "microgpt.py").read_text(encoding="utf-8")
    healthy = verdict(source)
    if healthy:
        sys.exit(f"the script as it is fails its tests: {healthy}")
    mutants = [m for m in MUTANTS if any(word in m[0] for word in sys.argv[1:] or [""])]
    for name, old, _ in mutants:
        if source.count(old) != 1:
            sys.exit(f"mutant '{name}': {source.count(old)} places read {old!r}, there must be one")
    texts = [source.replace(old, new) for _, old, new in mutants]
    sections = [
        re.findall(r"^# (\d)\. ", source[: source.index(old)], re.MULTILINE)
        for _, old, _ in mutants
    ]
    survivors = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        caught_by = pool.map(verdict, texts, [before[-1] if before else "1" for before in sections])
        for (name, _, _), test in zip(mutants, caught_by):
            print(f"{name}: {test or 'SURVIVED'}", flush=True)
            survivors += not test
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants caught")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
