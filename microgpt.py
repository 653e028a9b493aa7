# Guess the next letter. See how wrong you were. Change a little. Do it again.
#
# That is how a GPT, a *generative pre-trained transformer*, learns to write. Here is
# one in full. It starts as random numbers, learns from a thousand names, and then
# writes names.
#
# (`[n]` is a list of n numbers, `[m][n]` a list of m such lists.)

import math
import random
from operator import mul
from pathlib import Path
from urllib.request import urlopen

random.seed(42)

### 1. Data set ########################################################################
# Language models learn from *documents*: web pages, books or, here, names.
docs_file = Path("input.txt")
names_url = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"
if not docs_file.exists():
    docs_file.write_bytes(urlopen(names_url).read())
with docs_file.open(encoding="utf-8-sig") as lines:
    docs = [line.strip() for line in lines if line.strip()]
assert docs, "input.txt is empty"
random.shuffle(docs)
print(f"num docs: {len(docs)}")

### 2. Tokenizer #######################################################################
# A model works with numbers, so text becomes *tokens*: here, one per character (in
# large models, pieces of words). `BOS` (*beginning of sequence*) opens a document, so
# that its first letter can be guessed, and closes it, so that the model can stop.
uchars = sorted(set("".join(docs)))
BOS = len(uchars)
vocab_size = len(uchars) + 1
print(f"vocab size: {vocab_size}")

def encode(doc):  # "emma" -> [26, 4, 12, 12, 0, 26]
    return [BOS] + [uchars.index(char) for char in doc] + [BOS]

### 3. Autograd ########################################################################
# Learning lowers the *loss*, which says how wrong the guesses are. If nudging a
# *parameter* of the model up by 0.001 moves the loss up by 0.004, the slope is 4, so
# nudge it down. The slopes form the *gradient*.
class Value:
    """A number that remembers how it was computed: a node of the *computation graph*.

    `grad` is the *derivative* (slope) of the loss with respect to it. `_slopes` are its
    derivatives with respect to its `_sources`, the nodes it came from.
    """
    __slots__ = ("_slopes", "_sources", "data", "grad")

    def __init__(self, data, sources=(), slopes=()):
        self.data, self.grad = data, 0.0
        self._sources, self._slopes = sources, slopes

    # Each operation knows its slopes: if x moves, x + y moves as far, and x * y moves y
    # times as far. Take `a * b + a` at a = 2 and b = 3. It is 8, and at a = 2.001 it is
    # 8.004, so it moves 4 times as far: 3 through the product, 1 directly. That is the
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
    def relu(self): return self if self.data > 0 else Value(0.0)  # slope 1 or 0
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other**-1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self**-1 * other

    # Nudging thousands of parameters takes thousands of *forward passes*.
    # *Backpropagation* finds all slopes in one *backward pass*. A node passes
    # `slope * grad` to each source once its own `grad` is complete: if the loss is
    # c * c + c, and c = 2 * a, then c collects 2 * c + 1 before `a` gets 2 times that.
    def backward(self):  # once per graph, as inner grads stay
        order, stack = {}, [self]  # *topological order*: sources first
        while stack:
            node, ready = stack[-1], True
            for source in node._sources:
                if source._sources and source not in order:  # *leaves* pass nothing on
                    stack.append(source)
                    ready = False
            if ready:
                order[stack.pop()] = True
        self.grad = 1.0
        for node in reversed(order):
            grad = node.grad
            for source, slope in zip(node._sources, node._slopes):
                source.grad += slope * grad

# A dot product of 16 pairs would take 31 nodes. One is enough: its slope for each
# factor is the other factor.
def dot(xs, ys):  # [n], [n] -> scalar
    assert len(xs) == len(ys), f"a dot product of {len(xs)} numbers with {len(ys)}"
    x_data, y_data = [x.data for x in xs], [y.data for y in ys]
    return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)

### 4. Parameters ######################################################################
# Parameters start random: if all were equal, many would get equal gradients, and stay
# equal. We choose the *hyperparameters*:
n_layer = 1  # stacked layers
n_embd = 16  # length of a token's vector
block_size = 16  # *context length*
n_head = 4  # attention heads
assert n_embd % n_head == 0, "n_embd must be a multiple of n_head"
head_dim = n_embd // n_head

def matrix(n_out, n_in):  # -> [n_out][n_in]
    return [[Value(random.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]

# A token is only a label: m (12) is not three times e (4). So it gets a learned vector,
# its *embedding*. Its position gets one, too, as a layer of attention ignores the order
# of earlier tokens.
state_dict = {
    "wte": matrix(vocab_size, n_embd),  # token embedding
    "wpe": matrix(block_size, n_embd),  # position embedding
    "lm_head": matrix(vocab_size, n_embd),  # *language-model head*
}
for i in range(n_layer):
    for name in "attn_wq", "attn_wk", "attn_wv", "attn_wo":  # query, key, value, output
        state_dict[f"layer{i}.{name}"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.mlp_fc1"] = matrix(4 * n_embd, n_embd)
    state_dict[f"layer{i}.mlp_fc2"] = matrix(n_embd, 4 * n_embd)
params = [p for rows in state_dict.values() for row in rows for p in row]
print(f"num params: {len(params)}")

### 5. Model ###########################################################################
# Each row of `w` is a pattern: for x = [1, 2], row [3, 4] scores 3 * 1 + 4 * 2 = 11.
def linear(x, w):  # [n_in], [n_out][n_in] -> [n_out]
    return [dot(row, x) for row in w]

def add(x, y):  # [n], [n] -> [n]
    return [xi + yi for xi, yi in zip(x, y)]

# *Softmax* turns scores into probabilities: exp makes them positive, and dividing by
# their total makes them sum to 1. [2, 1, 0] becomes [0.67, 0.24, 0.09].
def softmax(scores):  # [n] -> [n]
    log_sum = log_sum_exp(scores)
    return [(score - log_sum).exp() for score in scores]  # exp(a - log b) = exp(a) / b

# The log of the sum of exps. exp(1000) overflows, so the highest is subtracted first.
def log_sum_exp(scores):  # [n] -> scalar
    highest = max(score.data for score in scores)
    return sum((score - highest).exp() for score in scores).log() + highest

# *RMSNorm* (Zhang & Sennrich 2019) keeps vectors at one scale: [3, 4] and [300, 400]
# both become about [0.85, 1.13].
def rmsnorm(x):  # [n] -> [n]
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5  # 1e-5 avoids 1 / 0
    return [xi * scale for xi in x]

# In *causal attention* (Vaswani et al. 2017), a token gathers what it needs from itself
# and those before it. The dot product of its *query* (what am I looking for?) and a
# *key* (what can I be found by?) is a score. Softmax turns scores into weights for a
# sum of *values* (what do I have to give?): with scores 2, 1, 0, values 10, 20, 30 give
# 14.2.
def attention(x, prefix, keys, values):  # [n_embd], str, [t][n_embd] twice -> [n_embd]
    query = linear(x, state_dict[f"{prefix}.attn_wq"])
    # Later tokens are not in the *KV cache* yet, so no token sees what it has to guess.
    keys.append(linear(x, state_dict[f"{prefix}.attn_wk"]))
    values.append(linear(x, state_dict[f"{prefix}.attn_wv"]))
    gathered = []
    for start in range(0, n_embd, head_dim):
        head = slice(start, start + head_dim)  # each *head* asks its own question
        scores = linear(query[head], [key[head] for key in keys])
        # Wider heads tend to have larger scores, and then one token takes nearly all: 4
        # against 0 gets 0.98. Divided by 2, the root of `head_dim`, it gets 0.88.
        weights = softmax([score / head_dim**0.5 for score in scores])
        columns = zip(*[value[head] for value in values])  # transposed
        gathered += linear(weights, columns)  # weighted sums
    return linear(gathered, state_dict[f"{prefix}.attn_wo"])  # mixes the heads

# The *MLP* (multi-layer perceptron) works on each token alone. Without relu, which sets
# negative numbers to 0, its two matrices could be one, as 2 * (3 * x) is 6 * x.
def mlp(x, prefix):  # [n_embd], str -> [n_embd]
    hidden = [h.relu() for h in linear(x, state_dict[f"{prefix}.mlp_fc1"])]
    return linear(hidden, state_dict[f"{prefix}.mlp_fc2"])

# Attention and MLP only add to `x` (*residual connections*, He et al. 2015). Ten layers
# of slope 0.1 would shrink a gradient to 1e-10, but `x` adds 1 to each slope, and
# 1.1**10 is 2.6.
def gpt(token_id, pos_id, cache):  # two ints, (keys, values) per layer -> [vocab_size]
    x = rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))
    for i, (keys, values) in enumerate(cache):
        x = add(x, attention(rmsnorm(x), f"layer{i}", keys, values))
        x = add(x, mlp(rmsnorm(x), f"layer{i}"))
    return linear(x, state_dict["lm_head"])  # a *logit* (score) for each token

### 6. Training ########################################################################
# The text supplies its own answers: "emma" is five lessons, BOS -> e, BOS e -> m, ...,
# BOS emma -> BOS. A guess costs its *cross-entropy*, minus the natural log of the right
# token's probability: 0.9 costs 0.11, and a blind guess among 27 costs log(27) = 3.30.
def loss_of(doc):  # str -> scalar
    tokens = encode(doc)[: block_size + 1]  # cut to the context
    cache = [([], []) for _ in range(n_layer)]
    losses = []
    for pos_id, target_id in enumerate(tokens[1:]):
        logits = gpt(tokens[pos_id], pos_id, cache)
        losses.append(log_sum_exp(logits) - logits[target_id])  # -log(softmax)
    return sum(losses) / len(losses)

# One name's gradient is noisy, so *Adam* (Kingma & Ba 2015) keeps moving averages, `m`
# of gradients and `v` of their squares. After *bias correction* for their start at 0,
# m / sqrt(v) is near 1 or -1 if gradients agree, at any scale, and small if they
# cancel. Each step subtracts `lr_t` times that.
num_steps = 1000
learning_rate = 0.01  # at first; falls towards 0
beta1 = 0.85  # part of m kept each step
beta2 = 0.99  # part of v
eps_adam = 1e-8  # avoids 0 / 0
m, v = [0.0] * len(params), [0.0] * len(params)

def adam(step):
    lr_t = learning_rate * (1 - step / num_steps)
    m_correction, v_correction = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
    for i, p in enumerate(params):
        m[i] = beta1 * m[i] + (1 - beta1) * p.grad
        v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
        p.data -= lr_t * (m[i] / m_correction) / ((v[i] / v_correction)**0.5 + eps_adam)
        p.grad = 0.0

# Guess. See how wrong you were. Change a little. Do it again.
for step in range(num_steps):
    loss = loss_of(docs[step % len(docs)])
    loss.backward()
    adam(step)
    print(f"step {step + 1:4d} / {num_steps:4d} | loss {loss.data:.4f}", end="\r")

### 7. Inference #######################################################################
# Now the model writes: each token drawn is fed back in, until `BOS` is drawn or the
# context is full. Logits are divided by a *temperature*: a low one plays safe, a high
# one is bold.
temperature = 0.5  # [2, 1, 0] gives [0.87, 0.12, 0.02], not [0.67, 0.24, 0.09]

def sample(text=""):  # continues: "mar" -> "maria", perhaps
    tokens = encode(text)[:-1]
    cache = [([], []) for _ in range(n_layer)]
    for pos_id in range(block_size):
        logits = gpt(tokens[pos_id], pos_id, cache)
        if pos_id == len(tokens) - 1:  # nothing left to read
            probs = softmax([logit / temperature for logit in logits])
            tokens += random.choices(range(vocab_size), [p.data for p in probs])
            if tokens[-1] == BOS:
                break
    return "".join(uchars[token_id] for token_id in tokens if token_id != BOS)

print("\n--- inference (new, hallucinated names) ---")
for i in range(20):
    print(f"sample {i + 1:2d}: {sample()}")

# Nobody told it what a vowel is. All it knows is in `params`, and you have read all the
# code that put it there.
