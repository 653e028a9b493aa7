# A GPT, a *generative pre-trained transformer*, reads the beginning of a text and says how likely
# each token is to come next. Here is a complete one in plain Python: it starts out knowing nothing,
# learns from a thousand names, and then makes up new ones. A large language model is the same idea
# at a vast scale. (In the comments `[n]` is a list of n numbers, `[m][n]` a list of m such lists.)

import gc
import math
import random
import sys
from contextlib import suppress
from operator import mul
from pathlib import Path

random.seed(42)  # the same random numbers, and so the same names, in every run

# For speed: CPython's garbage collector only looks for reference cycles, and the graph has none.
if sys.implementation.name == "cpython":
    gc.disable()

# 1. Data set
# -----------
# A language model learns from *documents*. Here they are the lines of `input.txt`, first names; for
# a large model they are web pages and books. Any other text will do, with one document per line;
# whatever is longer than `block_size` is cut off there.
names_url = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"

if not Path("input.txt").exists():
    from urllib.request import urlopen

    try:
        Path("input.txt").write_bytes(urlopen(names_url, timeout=10).read())
    except OSError as error:
        sys.exit(f"no input.txt here, and fetching {names_url} failed: {error}")
lines = Path("input.txt").read_text(encoding="utf-8-sig").split("\n")  # -sig: no byte order mark
docs = [line.strip() for line in lines if line.strip()]
assert docs, "input.txt is empty"
random.shuffle(docs)  # or training would see only the top of the list
print(f"num docs: {len(docs)}")

# 2. Tokenizer
# ------------
# A model computes with numbers, so text becomes a list of *tokens*, integers. Here each distinct
# character is one; large models use pieces of words, found by *byte-pair encoding*. One more, `BOS`
# (*beginning of sequence*), opens each document, so that the first letter can be guessed, and
# closes it, so that the model can learn to stop. All of them form the *vocabulary*.
uchars = sorted(set("".join(docs)))  # a character's token is its index in this list
BOS = len(uchars)
vocab_size = len(uchars) + 1
print(f"vocab size: {vocab_size}")


def encode(doc):  # "emma" -> [26, 4, 12, 12, 0, 26]
    return [BOS] + [uchars.index(char) for char in doc] + [BOS]


# 3. Autograd
# -----------
# Training makes one number smaller, the *loss*, which says how wrong the model's guesses are. It
# needs the slope of the loss along each parameter: nudge the parameter a little, and the
# *derivative* says how many times as far the loss moves. All derivatives together form the
# *gradient*.
#
# Take `a * b + a` at a = 2 and b = 3. It is 8; at a = 2.001 it is 8.004. The derivative is 4, since
# `a` acts in two ways: through the product, with slope 3, and directly, with slope 1. This is the
# *chain rule*: multiply the slopes along each path, and add up the paths.

class Value:
    """A number that remembers what it was computed from: a node of the *computation graph*.

    `grad` is the derivative of the loss with respect to it; in a *leaf*, such as a parameter, it
    adds up until it is cleared. `_children` are the nodes that this one was computed *from* (a leaf
    has none), `_local_grads` its derivatives with respect to them.
    """

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self._children = children
        self._local_grads = local_grads

    # Each operation knows its slopes. If x moves, `x + y` moves as far, `x * y` y times as far,
    # `x**n` n * x**(n-1) times, `exp(x)` exp(x) times, `log(x)` 1 / x times. Constants stay put.
    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __pow__(self, n): return Value(self.data**n, (self,), (n * self.data ** (n - 1),))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    def log(self): return Value(math.log(self.data), (self,), (1 / self.data,))
    def relu(self): return self if self.data > 0 else Value(0.0)
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other**-1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self**-1 * other
    def __repr__(self): return f"Value(data={self.data}, grad={self.grad})"

    # The *forward pass* computes the loss and leaves the graph behind. The *backward pass* walks it
    # once and finds all 4,192 derivatives; nudging each parameter in turn would take 4,192 more
    # forward passes. This is *backpropagation*, or reverse-mode automatic differentiation.
    #
    # A node passes its gradient on once everything computed from it has contributed: with
    # c = 2 * a, loss = c + c * c and a = 1, c first collects 1 + 4, then a gets 2 * 5. So nodes are
    # listed in *topological order*, children first, and visited in reverse. (A stack works at any
    # depth; recursion in a deep model would not.)
    def backward(self):
        order, stack = {}, [self]  # a dict is quick to search, and keeps its order
        while stack:
            node = stack[-1]
            for child in node._children:
                if child._children and child not in order:
                    stack.append(child)
            if stack[-1] is node:  # nothing to wait for
                order[stack.pop()] = True
                node.grad = 0.0  # forgets an earlier call
        self.grad = 1.0
        for node in reversed(order):
            for child, local_grad in zip(node._children, node._local_grads):
                child.grad += local_grad * node.grad


# Nearly all the work is dot products: x1 * y1 + x2 * y2 + ... With a node for each `*` and `+`, 16
# pairs would take 31. But a node may have any number of children, and the derivative of a product
# with respect to one factor is the other, so one node is enough.
def dot(xs, ys):  # [n], [n] -> scalar
    x_data = [x.data for x in xs]
    y_data = [y.data for y in ys]
    return Value(sum(map(mul, x_data, y_data)), (*xs, *ys), y_data + x_data)


# 4. Parameters
# -------------
# All that the model learns is in its *parameters*. They start random: units of a layer that start
# equal would compute the same, get the same gradient, and stay equal. The numbers that we choose
# are the *hyperparameters*.
n_layer = 1  # layers, one after the other
n_embd = 16  # length of the vector that represents a token
block_size = 16  # context length: the most tokens that the model can look back on
n_head = 4  # attention heads in each layer, which share the vector

assert n_embd % n_head == 0, "n_embd must be a multiple of n_head"
head_dim = n_embd // n_head


def matrix(n_out, n_in):  # -> [n_out][n_in]
    return [[Value(random.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]


state_dict = {}
state_dict["wte"] = matrix(vocab_size, n_embd)  # weights of the token embedding
state_dict["wpe"] = matrix(block_size, n_embd)  # weights of the position embedding
state_dict["lm_head"] = matrix(vocab_size, n_embd)  # language-model head, for the output
for i in range(n_layer):
    for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):  # query, key, value, output
        state_dict[f"layer{i}.{name}"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.mlp_fc1"] = matrix(4 * n_embd, n_embd)  # fully connected
    state_dict[f"layer{i}.mlp_fc2"] = matrix(n_embd, 4 * n_embd)

params = [p for rows in state_dict.values() for row in rows for p in row]
print(f"num params: {len(params)}")


# 5. Model
# --------
# The model is a *transformer*: a few small functions, put together in `gpt`.
def add(x, y):  # [n], [n] -> [n]
    return [xi + yi for xi, yi in zip(x, y)]


# Each row of `w` asks a learned question about `x`: the dot product is large if `x` points in the
# row's direction. For x = [1, 2] and rows [3, 4] and [0, -1], that makes [11, -2].
def linear(x, w):  # [n_in], [n_out][n_in] -> [n_out]
    return [dot(row, x) for row in w]


# *Softmax* turns scores into probabilities: `exp` makes them positive, division makes them
# sum to 1. [2, 1, 0] gives [0.67, 0.24, 0.09]; so does [1002, 1001, 1000], as subtracting the
# highest avoids overflow.
def softmax(logits):  # [n] -> [n]
    highest = max(logit.data for logit in logits)
    exps = [(logit - highest).exp() for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


# *RMSNorm* (Zhang & Sennrich 2019, eq. 4 without gain) gives each layer input of the same scale. It
# sets a vector's length and keeps its direction: [3, 4] and [300, 400] both become about
# [0.85, 1.13]. The 1e-5 avoids a division by 0.
def rmsnorm(x):  # [n] -> [n]
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


# In *causal self-attention* (Vaswani et al. 2017, eq. 1) each position gathers what it needs from
# itself and those before. It has a *query* (what am I looking for?), a *key* (what can I be found
# by?) and a *value* (what do I have to give?). The dot product of its query with each key is a
# score, and softmax turns scores into *attention weights*: 2, 1 and 0 into 0.67, 0.24 and 0.09. So
# weighted, the values 10, 20 and 30 sum to 14.2.
#
# Keys and values stay in the *KV cache*. Later ones are not in it yet, so no position sees the
# future that it has to guess; computing all positions at once, as is usual in training, needs a
# *mask*. In *multi-head* attention, each slice of the vectors has its own attention weights. Longer
# dot products vary more, so one position would take nearly all: scores of 4 and 0 give 0.98 and
# 0.02, but divided by the root of `head_dim`, 0.88 and 0.12.
def attention(x, layer, keys, values):  # [n_embd], str, [t][n_embd], [t][n_embd] -> [n_embd]
    query = linear(x, state_dict[f"{layer}.attn_wq"])
    keys.append(linear(x, state_dict[f"{layer}.attn_wk"]))
    values.append(linear(x, state_dict[f"{layer}.attn_wv"]))
    gathered = []
    for start in range(0, n_embd, head_dim):
        head = slice(start, start + head_dim)
        weights = softmax([dot(query[head], key[head]) / head_dim**0.5 for key in keys])
        for channel in range(start, start + head_dim):
            gathered.append(dot(weights, [value[channel] for value in values]))
    return linear(gathered, state_dict[f"{layer}.attn_wo"])


# The *MLP* (multi-layer perceptron, or *feed-forward network*) works on each position by itself, in
# a *hidden layer* four times as wide. Its *activation function*, relu, sets negative numbers to 0;
# without it, the two matrices could be one, as 2 * (3 * x) is just 6 * x.
def mlp(x, layer):  # [n_embd], str -> [n_embd]
    hidden = [h.relu() for h in linear(x, state_dict[f"{layer}.mlp_fc1"])]  # [4 * n_embd]
    return linear(hidden, state_dict[f"{layer}.mlp_fc2"])


# A token is only a number: 12, "m", is not three times 4, "e". So `gpt` looks up a learned vector,
# its *embedding*, and adds one for the position, since attention alone (in one layer) does not
# notice the order of what came before.
#
# The sum, normalized, starts the *residual stream* `x`. Attention and MLP each read a normalized
# copy (*pre-norm*) and add what they find, a *skip connection* (He et al. 2015). Ten layers of
# slope 0.1 would shrink a gradient to 1e-10; with the skip each has slope 1.1, and 1.1 to the 10th
# is 2.6. Finally, each token in the vocabulary gets a score, its *logit*.
def gpt(token_id, pos_id, keys, values):  # two caches [n_layer][t][n_embd] -> [vocab_size]
    x = rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))
    for i in range(n_layer):
        x = add(x, attention(rmsnorm(x), f"layer{i}", keys[i], values[i]))
        x = add(x, mlp(rmsnorm(x), f"layer{i}"))
    return linear(x, state_dict["lm_head"])


# 6. Training
# -----------
# A guess costs its *cross-entropy*: minus the natural logarithm of the probability it gave to the
# real next token. Here 0.9 costs 0.11, 0.5 costs 0.69, 0.01 costs 4.61 (*nats*), and a blind guess
# among 27 tokens costs log(27) = 3.30. A loss of 2.3 is a *perplexity* of exp(2.3) = 10: as if
# there were ten equally likely tokens. As log(a / b) = log(a) - log(b), no log(0) can occur.
def cross_entropy(logits, target_id):  # [vocab_size], int -> scalar
    highest = max(logit.data for logit in logits)
    total = sum((logit - highest).exp() for logit in logits)
    return total.log() + highest - logits[target_id]


# The text supplies its own answers: the right guess is simply the next token. "emma" gives five
# lessons: BOS -> e, BOS e -> m, BOS em -> m, BOS emm -> a, BOS emma -> BOS. The next input is the
# real token, whatever the guess was (*teacher forcing*).
def loss_of(doc):  # str -> scalar
    tokens = encode(doc)[: block_size + 1]
    keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]
    losses = []
    for pos_id in range(len(tokens) - 1):
        logits = gpt(tokens[pos_id], pos_id, keys, values)
        losses.append(cross_entropy(logits, tokens[pos_id + 1]))
    return sum(losses) / len(losses)


# The gradient from one name is noisy. Plain *stochastic gradient descent* would step against it;
# *Adam* (Kingma & Ba 2015, algorithm 1) averages first: `m`, the *momentum*, is a moving average of
# the gradients, `v` of their squares. So m / sqrt(v) shows how well the gradients agree, whatever
# their scale: for 5, 5, 5, ... it is 1; for 5, -5, 5, -5, ... in the long run about 0.08 or -0.08.
# *Bias correction* offsets the start at 0; a linear *learning-rate schedule* shrinks the steps.
num_steps = 1000
learning_rate = 0.01  # of the first step
beta1 = 0.85  # how much of m is kept at each step
beta2 = 0.99  # and of v
eps_adam = 1e-8  # avoids a division by 0

m = [0.0] * len(params)
v = [0.0] * len(params)


def adam(step):
    lr_t = learning_rate * (1 - step / num_steps)
    m_correction = 1 - beta1 ** (step + 1)
    v_correction = 1 - beta2 ** (step + 1)
    for i, p in enumerate(params):
        m[i] = beta1 * m[i] + (1 - beta1) * p.grad
        v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
        m_hat = m[i] / m_correction
        v_hat = v[i] / v_correction
        p.data -= lr_t * m_hat / (v_hat**0.5 + eps_adam)
        p.grad = 0.0


# Each step learns from one document, a *batch* of one; once through all of them is an *epoch*.
end = " \r" if sys.stdout.isatty() else "\n"  # on a terminal, each line replaces the last

with suppress(KeyboardInterrupt):  # Ctrl-C ends the training, and the model shows what it learned
    for step in range(num_steps):
        loss = loss_of(docs[step % len(docs)])
        loss.backward()
        adam(step)
        print(f"step {step + 1:4d} / {num_steps:4d} | loss {loss.data:.4f}", end=end, flush=True)

# 7. Inference
# ------------
# Now the model writes: each token drawn is the next input, until `BOS` is drawn or the context is
# full. No parameter changes. The *temperature* divides the logits. At 1, logits of 2, 1 and 0 give
# 0.67, 0.24 and 0.09; at 2, a bolder 0.51, 0.31 and 0.19; at 0.5, a safer 0.87, 0.12 and 0.02.
# Towards 0, the likeliest token takes all: *greedy decoding*.
temperature = 0.5


def sample():  # -> str
    keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]
    token_id, text = BOS, ""
    for pos_id in range(block_size):
        logits = gpt(token_id, pos_id, keys, values)
        probs = softmax([logit / temperature for logit in logits])
        token_id = random.choices(range(vocab_size), [p.data for p in probs])[0]
        if token_id == BOS:
            break
        text += uchars[token_id]
    return text


print("\n--- inference (new, hallucinated names) ---")
for i in range(20):
    print(f"sample {i + 1:2d}: {sample()}")
