# Guess the next letter. See how wrong you were. Change a little. Do it again.
#
# That is how a GPT, a *generative pre-trained transformer*, learns to write. This is a
# complete one, in plain Python and nothing else. It starts as random numbers, learns
# from a thousand names, then makes up its own.

import math
import random
from operator import mul
from pathlib import Path
from urllib.request import urlopen

random.seed(42)

### 1. Data set ########################################################################
# Language models learn from *documents*: web pages, books or, here, names.
path = Path("input.txt")
names_url = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"
if not path.exists():
    path.write_bytes(urlopen(names_url).read())
docs = [doc.strip() for doc in path.read_text("utf-8-sig").split("\n") if doc.strip()]
assert docs, "input.txt is empty"
random.shuffle(docs)
print(f"num docs: {len(docs)}")

### 2. Tokenizer #######################################################################
# A model works with numbers, so text becomes *tokens*: here, one per character (in
# large models, pieces of words). A special one, `BOS` (*beginning of sequence*), opens
# a document, so that its first letter can be guessed, and closes it, so that the model
# can stop. "emma" becomes [26, 4, 12, 12, 0, 26].
uchars = sorted(set("".join(docs)))
BOS = len(uchars)
vocab_size = len(uchars) + 1
print(f"vocab size: {vocab_size}")

def encode(doc): return [BOS] + [uchars.index(char) for char in doc] + [BOS]

### 3. Autograd ########################################################################
# The *loss* says how wrong the guesses are, and learning lowers it. If nudging a
# *parameter* of the model up by 0.001 moves the loss up by 0.004, the slope is 4, so
# the parameter should go down. These slopes form the *gradient*.
class Value:
    """A `Value` is a node of a *computation graph*: a number and where it came from."""
    __slots__ = ("_slopes", "_sources", "data", "grad")

    def __init__(self, data, sources=(), slopes=()):
        self.data = data  # the number
        self.grad = 0.0  # slope (*derivative*) of the loss with respect to it
        self._sources = sources  # the nodes it was computed from
        self._slopes = slopes  # its slope with respect to each source

    # Each operation knows its slopes: if x moves, x + y moves as far, and x * y moves y
    # times as far. At a = 2 and b = 3, `a * b + a` is 8, and at a = 2.001 it is 8.004.
    # It moves 4 times as far as `a`: 3 through the product, 1 directly. That is the
    # *chain rule*: multiply the slopes along each path, and add up the paths.
    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    # `x**n` has slope `n * x**(n - 1)`, log(x) has 1 / x, and exp(x) is its own slope.
    def __pow__(self, n): return Value(self.data**n, (self,), (n * self.data**(n - 1),))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def log(self): return Value(math.log(self.data), (self,), (1 / self.data,))
    def relu(self): return self if self.data > 0 else Value(0.0)  # no sources: slope 0
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other**-1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self**-1 * other

    # Nudging each parameter would take thousands of runs. *Backpropagation* finds all
    # slopes in one *backward pass*. A node passes `slope * grad` to each source once
    # its own `grad` is complete, so we go through a *topological order* (sources first)
    # backwards. *Leaves* have no sources, so they pass nothing on.
    def backward(self):  # once per graph: inner grads are not reset
        order, stack = {}, [self]  # {} as an ordered set
        while stack:
            waiting = [s for s in stack[-1]._sources if s._sources and s not in order]
            if waiting:
                stack += waiting
            else:
                order[stack.pop()] = True
        self.grad = 1.0
        for node in reversed(order):
            for source, slope in zip(node._sources, node._slopes):
                source.grad += slope * node.grad

# The dot product of [1, 2] and [3, 4] is 1 * 3 + 2 * 4 = 11. One node does it, not
# three: its slope with respect to each factor is the other factor.
def dot(xs, ys):  # [n], [n] -> node ([n] is a list of n nodes)
    assert len(xs) == len(ys), f"a dot product of {len(xs)} numbers with {len(ys)}"
    x_data, y_data = [x.data for x in xs], [y.data for y in ys]
    return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)

### 4. Parameters ######################################################################
# Parameters start random: if equal, many would get equal slopes, and stay equal.
n_layer = 1  # layers (these four are *hyperparameters*: we choose them)
n_embd = 16  # numbers in a token's vector
block_size = 16  # *context length*: the most tokens read
n_head = 4  # attention heads per layer
assert n_embd % n_head == 0, "n_embd must be a multiple of n_head"
head_dim = n_embd // n_head

def matrix(n_out, n_in):  # -> [n_out][n_in], n_out lists of n_in
    return [[Value(random.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]

# A token id is only a label: m (12) is not three times e (4). So each token gets a
# learned vector, its *embedding*. Each position gets one, too, since a single layer of
# attention ignores the order of earlier tokens.
state_dict = {
    "wte": matrix(vocab_size, n_embd),  # token embedding weights
    "wpe": matrix(block_size, n_embd),  # position embedding weights
    "lm_head": matrix(vocab_size, n_embd),  # *language-model head*: vector to scores
}
for i in range(n_layer):
    for name in "attn_wq", "attn_wk", "attn_wv", "attn_wo":  # query, key, value, output
        state_dict[f"layer{i}.{name}"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.mlp_fc1"] = matrix(4 * n_embd, n_embd)  # *fully connected*
    state_dict[f"layer{i}.mlp_fc2"] = matrix(n_embd, 4 * n_embd)
params = [p for rows in state_dict.values() for row in rows for p in row]
print(f"num params: {len(params)}")

### 5. Model ###########################################################################
# Each row of `w` gives one output, its dot product with `x`.
def linear(x, w): return [dot(row, x) for row in w]  # [n_in], [n_out][n_in] -> [n_out]
def add(x, y): return [xi + yi for xi, yi in zip(x, y)]  # [n], [n] -> [n]

# *Softmax* turns scores into probabilities: exp makes them positive, and dividing by
# their total makes them sum to 1. [2, 1, 0] becomes [0.67, 0.24, 0.09].
def softmax(scores):  # [n] -> [n]
    exps = [score.exp() for score in shift(scores)]  # the shift cancels in e / total
    total = sum(exps)
    return [e / total for e in exps]

def shift(scores):  # [n] -> [n], with the highest at 0, since exp(1000) overflows
    highest = max(score.data for score in scores)
    return [score - highest for score in scores]

# *RMSNorm* makes the root mean square 1: [3, 4] and [300, 400] both give [0.85, 1.13].
def rmsnorm(x):  # [n] -> [n] (Zhang & Sennrich 2019)
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5  # 1e-5 avoids 1 / 0
    return [xi * scale for xi in x]

# In *causal attention* (Vaswani et al. 2017), a token gathers what it needs from itself
# and those before it. The dot product of its *query* (what am I looking for?) and a
# *key* (what can I be found by?) is a score. Softmax turns scores into weights for a
# sum of *values* (what do I have to give?): 0.67 * 10 + 0.24 * 20 + 0.09 * 30 = 14.2.
def attention(x, i, keys, values):  # [n_embd], int, two lists of [n_embd] -> [n_embd]
    query = linear(x, state_dict[f"layer{i}.attn_wq"])
    # Later tokens are not in the *KV cache* yet, so no token sees what it has to guess.
    keys.append(linear(x, state_dict[f"layer{i}.attn_wk"]))
    values.append(linear(x, state_dict[f"layer{i}.attn_wv"]))
    columns = list(zip(*values))  # transposed
    gathered = []
    for start in range(0, n_embd, head_dim):
        head = slice(start, start + head_dim)  # each *head* asks its own question
        scores = linear(query[head], [key[head] for key in keys])
        # Wide heads tend to large scores, so one token wins: [4, 0] gives [0.98, 0.02].
        weights = softmax([score / head_dim**0.5 for score in scores])
        gathered += linear(weights, columns[head])  # weighted sums
    return linear(gathered, state_dict[f"layer{i}.attn_wo"])  # mixes the heads

# The *MLP* (multi-layer perceptron) works on each token separately. Without relu, which
# sets negative numbers to 0, its two matrices could be one, as 2 * (3 * x) is 6 * x.
def mlp(x, i):  # [n_embd], int -> [n_embd]
    hidden = [h.relu() for h in linear(x, state_dict[f"layer{i}.mlp_fc1"])]
    return linear(hidden, state_dict[f"layer{i}.mlp_fc2"])

# In goes a token, out comes a score (*logit*) for each possible next one. Attention and
# MLP add to `x` (*residual connections*, He et al. 2015), so each layer's slope has 1
# added, and gradients fade less. (GPT-2 has LayerNorm, GELU, biases, dropout, a last
# norm instead of the first, and `wte` as `lm_head`.)
def gpt(token_id, pos_id, cache):  # int, int, (keys, values) per layer -> [vocab_size]
    x = rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))
    for i, (keys, values) in enumerate(cache):
        x = add(x, attention(rmsnorm(x), i, keys, values))
        x = add(x, mlp(rmsnorm(x), i))
    return linear(x, state_dict["lm_head"])

### 6. Training ########################################################################
# A guess costs its *cross-entropy*, -log(p), where p is the probability it gave the
# right token: 0.9 costs 0.11, and a blind guess among 27 costs log(27) = 3.30.
def cross_entropy(logits, target_id):  # [vocab_size], int -> node (never log(0))
    logits = shift(logits)
    return sum(logit.exp() for logit in logits).log() - logits[target_id]  # -log(p)

# The text supplies its own answers: "emma" is five lessons, BOS -> e, BOS e -> m, ...,
# BOS emma -> BOS.
def loss_of(doc):  # str -> node
    tokens = encode(doc)[: block_size + 1]  # cut to the context
    cache = [([], []) for _ in range(n_layer)]
    losses = []
    for pos_id in range(len(tokens) - 1):
        logits = gpt(tokens[pos_id], pos_id, cache)
        losses.append(cross_entropy(logits, tokens[pos_id + 1]))
    return sum(losses) / len(losses)

# One name's gradient is noisy, so *Adam* keeps running averages, `m` of gradients and
# `v` of their squares. Both start at 0; `m_hat` and `v_hat` make up for that (*bias
# correction*). A parameter moves against m_hat / sqrt(v_hat), which is near 1 or -1
# where gradients agree, however tiny, and small where they cancel.
num_steps = 1000
learning_rate = 0.01  # at first; falls towards 0
beta1 = 0.85  # share of m kept each step
beta2 = 0.99  # share of v
eps_adam = 1e-8  # avoids 0 / 0
m, v = [0.0] * len(params), [0.0] * len(params)

def adam(step):  # (Kingma & Ba 2015)
    lr_t = learning_rate * (1 - step / num_steps)
    m_correction, v_correction = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
    for i, p in enumerate(params):
        m[i] = beta1 * m[i] + (1 - beta1) * p.grad
        v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
        m_hat, v_hat = m[i] / m_correction, v[i] / v_correction
        p.data -= lr_t * m_hat / (v_hat**0.5 + eps_adam)
        p.grad = 0.0  # `backward` only adds

# Guess. See how wrong you were. Change a little. Do it again.
for step in range(num_steps):
    loss = loss_of(docs[step % len(docs)])
    loss.backward()
    adam(step)
    print(f"step {step + 1:4d} / {num_steps:4d} | loss {loss.data:.4f}", end="\r")

### 7. Inference #######################################################################
# Each token drawn is fed back in, until `BOS` is drawn or the context is full.
temperature = 0.5  # low is safe, high is bold: [2, 1, 0] now gives [0.87, 0.12, 0.02]

def sample():
    token_id, doc = BOS, ""
    cache = [([], []) for _ in range(n_layer)]
    for pos_id in range(block_size):
        logits = gpt(token_id, pos_id, cache)
        probs = softmax([logit / temperature for logit in logits])
        token_id = random.choices(range(vocab_size), [prob.data for prob in probs])[0]
        if token_id == BOS:
            break
        doc += uchars[token_id]
    return doc

print("\n--- inference (new, hallucinated names) ---")
for i in range(20):
    print(f"sample {i + 1:2d}: {sample()}")

# Nobody told it what a vowel is. All it knows is in `params`, and you have read all the
# code that put it there.
