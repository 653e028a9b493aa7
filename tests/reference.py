"""The model once more, on plain numbers: no autograd, no cache, all positions again for each one.

Written from the papers, to compare the script with; `state` is its `state_dict` with floats.
"""

import math

def numbers(script, parameters=None):
    """Return the script's matrices with floats for nodes: its own, or these in the order of `params`."""
    draw = iter(parameters or [p.data for p in script.params])
    return {name: [[next(draw) for _ in row] for row in m] for name, m in script.state_dict.items()}

def matvec(matrix, vector):
    return [math.fsum(a * b for a, b in zip(row, vector)) for row in matrix]

def normed(vector):
    mean_square = math.fsum(a * a for a in vector) / len(vector)
    return [a / math.sqrt(mean_square + 1e-5) for a in vector]

def probabilities(logits, temperature=1):
    exps = [math.exp((a - max(logits)) / temperature) for a in logits]
    return [e / math.fsum(exps) for e in exps]

def plus(a, b):
    return [x + y for x, y in zip(a, b)]

def attend(xs, state, layer, n_head):
    """Causal multi-head attention for a list of positions (Vaswani et al. 2017, section 3.2)."""
    queries, keys, values = [
        [matvec(state[f"{layer}.attn_w{letter}"], x) for x in xs] for letter in "qkv"
    ]
    width = len(xs[0]) // n_head
    outputs = []
    for t in range(len(xs)):
        mixed = []
        for lo in range(0, len(xs[0]), width):
            scores = [
                math.fsum(queries[t][c] * keys[s][c] for c in range(lo, lo + width))
                / math.sqrt(width)
                for s in range(t + 1)
            ]
            weights = probabilities(scores)
            for c in range(lo, lo + width):
                mixed.append(math.fsum(weights[s] * values[s][c] for s in range(t + 1)))
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

def loss_of(tokens, state, n_head, block_size):
    """Return the mean over the positions of minus the logarithm of the next token's probability."""
    n = min(block_size, len(tokens) - 1)
    logits = logits_of(tokens[:n], state, n_head)
    return -math.fsum(math.log(probabilities(logits[t])[tokens[t + 1]]) for t in range(n)) / n

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
