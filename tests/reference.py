"""The model once more, from the papers, on plain numbers: no autograd, no cache. `state` has floats for nodes."""

import math

import pytest

def exactly(expected, rel):
    """Compare by the relative error alone: 0 passes for 0 only, however small the numbers are."""
    return pytest.approx(expected, rel=rel, abs=0)

def numbers(script):
    """Return the script's matrices with floats for nodes."""
    return {name: [[p.data for p in row] for row in rows] for name, rows in script.state_dict.items()}

def matvec(matrix, vector): return [math.fsum(a * b for a, b in zip(row, vector)) for row in matrix]
def plus(a, b): return [x + y for x, y in zip(a, b)]

def normed(vector):
    mean_square = math.fsum(a * a for a in vector) / len(vector)
    return [a / math.sqrt(mean_square + 1e-5) for a in vector]

def probabilities(logits, temperature=1):
    exps = [math.exp((a - max(logits)) / temperature) for a in logits]
    return [e / math.fsum(exps) for e in exps]

def attend(xs, state, layer, n_head):
    """Causal multi-head attention for a list of positions (Vaswani et al. 2017, section 3.2)."""
    queries, keys, values = [[matvec(state[f"{layer}.attn_w{letter}"], x) for x in xs] for letter in "qkv"]
    width = len(xs[0]) // n_head
    outputs = []
    for t in range(len(xs)):
        mixed = []
        for lo in range(0, len(xs[0]), width):
            head = range(lo, lo + width)
            products = [math.fsum(queries[t][c] * keys[s][c] for c in head) for s in range(t + 1)]
            weights = probabilities([product / math.sqrt(width) for product in products])
            mixed += [math.fsum(weights[s] * values[s][c] for s in range(t + 1)) for c in head]
        outputs.append(matvec(state[f"{layer}.attn_wo"], mixed))
    return outputs

def logits_of(tokens, state, n_head):
    """Return the logits at every position of the tokens."""
    xs = [normed(plus(state["wte"][token], state["wpe"][t])) for t, token in enumerate(tokens)]
    layer = 0
    while f"layer{layer}.attn_wq" in state:
        name = f"layer{layer}"
        xs = [plus(x, y) for x, y in zip(xs, attend([normed(x) for x in xs], state, name, n_head))]
        hidden = [[max(a, 0.0) for a in matvec(state[f"{name}.mlp_fc1"], normed(x))] for x in xs]
        xs = [plus(x, matvec(state[f"{name}.mlp_fc2"], h)) for x, h in zip(xs, hidden)]
        layer += 1
    return [matvec(state["lm_head"], x) for x in xs]

def adam(parameters, gradients, num_steps, learning_rate, beta1, beta2, eps_adam):
    """Return the parameters after each of the steps (Kingma & Ba 2015, algorithm 1)."""
    theta, trained = list(parameters), []
    m, v = [0.0] * len(theta), [0.0] * len(theta)
    for t, gradient in enumerate(gradients, start=1):
        rate = learning_rate * (1 - (t - 1) / num_steps)
        for i, g in enumerate(gradient):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g * g
            unbiased = m[i] / (1 - beta1**t), v[i] / (1 - beta2**t)
            theta[i] -= rate * unbiased[0] / (math.sqrt(unbiased[1]) + eps_adam)
        trained.append(list(theta))
    return trained
