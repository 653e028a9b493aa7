"""Break the script on purpose, one line at a time, and see that the tests notice.

    python tests/mutants.py

Each mutant is a copy of the project with one change in microgpt.py. The tests run on it without the
recorded runs: what is wrong must be caught for a reason, and not only because the numbers differ.
Prints which test caught each, and how many of how many were caught; exits with 1 if one survived.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = [
    "test_autograd.py",
    "test_training.py",
    "test_model.py",
    "test_inference.py",
    "test_sturdy.py",
]

MUTANTS = [
    # room 1 and 2
    ("a byte order mark is a letter", '"utf-8-sig"', '"utf-8"'),
    ("documents keep their blanks", "docs = [line.strip() for", 'docs = [line.strip("\\r\\n") for'),
    ("documents in the order of the file", "random.shuffle(docs)\n", "\n"),
    ("BOS is the last letter", "BOS = len(uchars)\n", "BOS = len(uchars) - 1\n"),
    # room 3
    ("+ forgets one side", "(self, other), (1.0, 1.0)", "(self, other), (1.0, 0.0)"),
    ("* with its factors swapped", "(other.data, self.data)", "(self.data, other.data)"),
    ("* by a number passes 1 on", "(self,), (other,)", "(self,), (1.0,)"),
    ("** without its exponent", "(exponent * self.data **", "(self.data **"),
    ("** with the same exponent", "** (exponent - 1)", "** exponent"),
    (
        "exp passes on its argument",
        "Value(result, (self,), (result,))",
        "Value(result, (self,), (self.data,))",
    ),
    ("log passes on its argument", "(1 / self.data,)", "(self.data,)"),
    ("relu leaks", "if self.data > 0 else Value(0.0)", "if self.data > -0.1 else Value(0.0)"),
    ("a - b is a + b", "return self + -other", "return self + other"),
    ("1 - x is x - 1", "return -self + other", "return self + -other"),
    ("1 / x is x", "return self**-1 * other", "return self * other"),
    ("a gradient replaces the last", "child.grad += local_grad", "child.grad = local_grad"),
    ("from the leaves up", "sorted(nodes, reverse=True)", "sorted(nodes)"),
    ("in the order of discovery", "sorted(nodes, reverse=True)", "nodes"),
    (
        "an earlier backward is counted again",
        "            node.grad = 0.0\n            for",
        "            for",
    ),
    ("backward starts with 0", "        self.grad = 1.0\n", ""),
    ("dot gives each factor its own", "y_data + x_data)", "x_data + y_data)"),
    # room 4
    ("a wider start", "random.gauss(0, 0.08)", "random.gauss(0, 0.8)"),
    ("a narrower start", "random.gauss(0, 0.08)", "random.gauss(0, 0.07)"),
    (
        "matrices transposed",
        "for _ in range(n_in)] for _ in range(n_out)",
        "for _ in range(n_out)] for _ in range(n_in)",
    ),
    (
        "one matrix drawn before another",
        '"wpe": matrix(block_size, n_embd),\n    "lm_head": matrix(vocab_size, n_embd)',
        '"lm_head": matrix(vocab_size, n_embd),\n    "wpe": matrix(block_size, n_embd)',
    ),
    # room 5
    ("softmax without its shift", "exps = [(logit - highest).exp()", "exps = [logit.exp()"),
    ("rmsnorm by the sum of squares", "dot(x, x) / len(x)", "dot(x, x)"),
    ("rmsnorm without the root", "+ 1e-5) ** -0.5", "+ 1e-5) ** -1"),
    ("another epsilon", "+ 1e-5)", "+ 1e-3)"),
    (
        "keys from the query's matrix",
        'keys.append(linear(x, state_dict[f"{layer}.attn_wk"',
        'keys.append(linear(x, state_dict[f"{layer}.attn_wq"',
    ),
    ("scores not divided", "score / head_dim**0.5", "score"),
    ("scores divided by the width", "head_dim**0.5", "n_embd**0.5"),
    ("every head reads the first slice of the keys", "key[head] for key", "key[:head_dim] for key"),
    (
        "every head reads the first slice of the values",
        "value[head] for value",
        "value[:head_dim] for value",
    ),
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
    # room 6
    (
        "cross-entropy of the wrong sign",
        "+ highest - logits[target_id]",
        "+ highest + logits[target_id]",
    ),
    (
        "cross-entropy without its shift",
        "(logit - highest).exp() for logit in logits).log() + highest",
        "logit.exp() for logit in logits).log()",
    ),
    ("no linear decay", "learning_rate * (1 - step / num_steps)", "learning_rate"),
    ("the decay one step early", "1 - step / num_steps", "1 - (step + 1) / num_steps"),
    ("beta1 for beta2", "beta2 * v[i] + (1 - beta2)", "beta1 * v[i] + (1 - beta1)"),
    ("beta2 for beta1", "beta1 * m[i] + (1 - beta1)", "beta2 * m[i] + (1 - beta2)"),
    ("other betas", "beta1 = 0.85", "beta1 = 0.9"),
    ("no correction of m", "m_hat = m[i] / m_correction", "m_hat = m[i]"),
    ("no correction of v", "v_hat = v[i] / v_correction", "v_hat = v[i]"),
    (
        "corrections one step late",
        "m_correction = 1 - beta1 ** (step + 1)",
        "m_correction = 1 - beta1 ** (step + 2)",
    ),
    ("epsilon under the root", "math.sqrt(v_hat) + eps_adam", "math.sqrt(v_hat + eps_adam)"),
    ("up the hill", "p.data -= lr_t", "p.data += lr_t"),
    ("gradients are kept", "        p.grad = 0.0\n", ""),
    ("always the first document", "docs[step % len(docs)]", "docs[0]"),
    ("no BOS at the end", "for char in doc] + [BOS]", "for char in doc]"),
    ("no BOS at the beginning", "tokens = [BOS] + [", "tokens = ["),
    ("the target is the input", "tokens[pos_id + 1]))", "tokens[pos_id]))"),
    ("the sum of the losses", "sum(losses) / n", "sum(losses)"),
    ("longer than the context", "n = min(block_size, len(tokens) - 1)", "n = len(tokens) - 1"),
    ("nan is a loss", "if not math.isfinite(loss.data):", "if False:"),
    # room 7
    ("no temperature", "[logit / max(temperature, 1e-9) for", "[logit for"),
    (
        "temperature the wrong way",
        "logit / max(temperature, 1e-9)",
        "logit * max(temperature, 1e-9)",
    ),
    (
        "one cache for all names",
        (
            "for i in range(20):\n"
            "    keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]\n"
        ),
        (
            "keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]\n"
            "for i in range(20):\n"
        ),
    ),
    ("every character as likely", "weights=[p.data for p in probs]", "weights=[1 for p in probs]"),
    (
        "never stops",
        "        if token_id == BOS:\n            break\n",
        "        token_id %= BOS\n",
    ),
    (
        "a character too many",
        "range(block_size):\n        logits",
        "range(block_size + 1):\n        logits",
    ),
]


def tests_on(text):
    """Run the tests on a copy of the project with this script; return the finished process."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        ignored = shutil.ignore_patterns(".*", "__pycache__", "recorded")
        shutil.copytree(ROOT, copy, ignore=ignored)
        (copy / "microgpt.py").write_text(text, encoding="utf-8")
        tests = [f"tests/{name}" for name in TESTS]
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=copy,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def main():
    source = (ROOT / "microgpt.py").read_text(encoding="utf-8")
    healthy = tests_on(source)
    if healthy.returncode:
        sys.exit(f"the script as it is fails its tests:\n{healthy.stdout}")
    survivors = []
    for name, old, new in MUTANTS:
        if source.count(old) != 1:
            sys.exit(f"mutant '{name}': {source.count(old)} places read {old!r}, there must be one")
        result = tests_on(source.replace(old, new))
        caught = re.search(r"^(?:FAILED|ERROR) tests/(\S+)", result.stdout, re.MULTILINE)
        if result.returncode not in (0, 1, 2) or (result.returncode and not caught):
            sys.exit(f"mutant '{name}': pytest ended with {result.returncode}:\n{result.stdout}")
        print(f"{name}: {caught.group(1) if caught else 'SURVIVED'}", flush=True)
        if not caught:
            survivors.append(name)
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants caught")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
