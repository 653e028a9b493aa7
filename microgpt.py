# Guess the next letter. See how wrong you were. Change a little. Do it again.
#
# That is how a GPT, a generative pre-trained transformer, learns to write. This is a
# complete one in plain Python: big ones differ mostly in size and speed. It starts as
# random numbers, reads a thousand names from a list, then makes up anlen, ayava, marma.

import math
import random
from itertools import count
from pathlib import Path
from urllib.request import urlopen

random.seed(42)

### 1. Data set ########################################################################
# Language models learn from documents: web pages, books or, here, names.
path = Path("input.txt")
names_url = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"
if not path.exists():
    path.write_bytes(urlopen(names_url).read())
docs = [doc.strip() for doc in path.read_text("utf-8-sig").split("\n") if doc.strip()]
assert docs, "input.txt is empty"
random.shuffle(docs)
print(f"num docs: {len(docs)}")

### 2. Tokenizer #######################################################################
# A model works with numbers, so text becomes tokens: here, one per character (in large
# models, pieces of words). A special one, `BOS` (beginning of sequence), opens and
# closes a document, so that its first letter and its end can be guessed. "emma" becomes
# [26, 4, 12, 12, 0, 26].
uchars = sorted(set("".join(docs)))
BOS = len(uchars)
vocab_size = len(uchars) + 1
def encode(doc): return [BOS] + [uchars.index(char) for char in doc] + [BOS]
print(f"vocab size: {vocab_size}")

### 3. Autograd ########################################################################
# The loss says how wrong the guesses are, and learning lowers it. If nudging a
# parameter (one of the model's numbers) up by 0.001 moves the loss up by 0.004, the
# slope is about 4, so the number should go down. These slopes form the gradient.
class Value:
    """A number and where it came from: a node of a computation graph."""
    __slots__ = ("data", "grad", "_sources", "_slopes", "_serial")  # saves memory
    _serials = count()

    def __init__(self, data, sources=(), slopes=()):
        self.data = data
        self.grad = 0.0  # slope (derivative) of the loss with respect to data
        self._sources = sources  # the nodes it was computed from
        self._slopes = slopes  # its slope with respect to each source
        self._serial = next(self._serials)  # higher if newer

    # Each operation knows its slopes: if x moves, x + y moves as far, and x * y moves y
    # times as far. With a = 2 and b = 3, `5 * (a * b + a)` is 40; with a = 2.001, it is
    # 40.02. That is 20 times as far: 5 * 3 through `a * b` and 5 * 1 through `+ a`.
    # This is the chain rule: multiply the slopes along each path, and add up the paths.
    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __pow__(self, n): return Value(self.data**n, (self,), (n * self.data**(n - 1),))
    def log(self): return Value(math.log(self.data), (self,), (1 / self.data,))
    def exp(self): return Value(math.exp(self.data), (self,), (math.exp(self.data),))
    # relu keeps positive numbers (slope 1) and makes others 0 (slope 0).
    def relu(self): return self if self.data > 0 else Value(0.0)
    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other**-1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other  # last three: for your own formulas
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self**-1 * other

    # In backpropagation, a node passes slope * grad to its (older) sources. The newest
    # goes first (topological order), so each grad is complete before it is passed on.
    def backward(self):  # once per graph: grads add up
        nodes, stack = {self._serial: self}, [self]
        while stack:  # collect what has something to pass on
            for source in stack.pop()._sources:
                if source._sources and source._serial not in nodes:
                    nodes[source._serial] = source
                    stack.append(source)
        self.grad = 1.0
        for serial in sorted(nodes, reverse=True):
            node = nodes[serial]
            for source, slope in zip(node._sources, node._slopes):
                source.grad += slope * node.grad

# The dot product of [1, 2] and [3, 4] is 1 * 3 + 2 * 4 = 11. Each number's slope is the
# number it is multiplied by. One `Value` instead of many saves time.
def dot(xs, ys):  # [n], [n] -> node ([n] is a list of n nodes)
    assert len(xs) == len(ys), f"a dot product of lengths {len(xs)} and {len(ys)}"
    x_data, y_data = [x.data for x in xs], [y.data for y in ys]
    total = sum(x * y for x, y in zip(x_data, y_data))
    return Value(total, (*xs, *ys), y_data + x_data)

### 4. Parameters ######################################################################
# A token id is only a label: m (12) is not three times e (4). So each token gets a
# learned vector, its embedding. Each position gets one, too, so that order counts.
# Sizes are hyperparameters: chosen, not learned.
n_layer = 1  # layers of attention and MLP (section 5)
n_embd = 16  # numbers in a vector
block_size = 16  # context length, in tokens
n_head = 4  # attention heads per layer
assert n_embd % n_head == 0, "n_embd must be a multiple of n_head"
head_dim = n_embd // n_head

def matrix(n_out, n_in):  # -> [n_out][n_in]
    # Random: if all were equal, each row would get equal slopes and stay equal.
    return [[Value(random.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]

state_dict = {
    "wte": matrix(vocab_size, n_embd),  # token embedding weights
    "wpe": matrix(block_size, n_embd),  # position embedding weights
    "lm_head": matrix(vocab_size, n_embd),  # vector to scores
}
for layer in range(n_layer):
    for name in "attn_wq", "attn_wk", "attn_wv", "attn_wo":  # query, key, value, output
        state_dict[f"layer{layer}.{name}"] = matrix(n_embd, n_embd)
    state_dict[f"layer{layer}.mlp_fc1"] = matrix(4 * n_embd, n_embd)  # MLP: wider
    state_dict[f"layer{layer}.mlp_fc2"] = matrix(n_embd, 4 * n_embd)  # and back
params = [p for rows in state_dict.values() for row in rows for p in row]
print(f"num params: {len(params)}")

### 5. Model ###########################################################################
# `linear`: each output is a weighted sum of all inputs.
def linear(x, w): return [dot(row, x) for row in w]  # [n_in], [n_out][n_in] -> [n_out]
def add(x, y): return [xi + yi for xi, yi in zip(x, y)]  # [n], [n] -> [n]

# Softmax turns scores into probabilities: exp makes them positive, and dividing by
# their total makes them sum to 1. [2, 1, 0] becomes [0.67, 0.24, 0.09]. As exp(1000)
# overflows, the highest is first subtracted from all, which changes no probability.
def minus_highest(scores):  # [n] -> [n]
    highest = max(score.data for score in scores)
    return [score - highest for score in scores]

def softmax(scores):  # [n] -> [n]
    exps = [score.exp() for score in minus_highest(scores)]
    total = sum(exps)
    return [e / total for e in exps]

# RMSNorm (Zhang & Sennrich 2019) scales a vector to a root mean square of 1, so that
# layers read vectors of one size: [3, 4] and [300, 400] both become [0.85, 1.13].
def rmsnorm(x):  # [n] -> [n]
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5  # 1e-5 avoids 1 / 0
    return [xi * scale for xi in x]

# In causal attention (Vaswani et al. 2017), a token gathers what it needs from itself
# and those before it. Learned matrices give each a query (what am I looking for?), a
# key (what do I contain?) and a value (what can I give?). The larger the dot product of
# its query and a key, the more of that key's value it gathers. A KV cache keeps keys
# and values. Later tokens are not in it yet, so none sees what it has to guess.
def new_cache(): return [([], []) for _ in range(n_layer)]  # (keys, values) per layer

def attention(x, layer, cache):  # [n_embd], int, cache -> [n_embd]
    query = linear(x, state_dict[f"layer{layer}.attn_wq"])
    keys, values = cache[layer]
    keys.append(linear(x, state_dict[f"layer{layer}.attn_wk"]))
    values.append(linear(x, state_dict[f"layer{layer}.attn_wv"]))
    gathered = []
    for start in range(0, n_embd, head_dim):  # each head looks for its own thing
        end = start + head_dim
        # Dot products grow like the root of the width. Dividing by it evens that out.
        scores = [dot(query[start:end], key[start:end]) / head_dim**0.5 for key in keys]
        weights = softmax(scores)
        for j in range(start, end):  # the weighted sum of values, number by number
            gathered.append(dot(weights, [value[j] for value in values]))
    return linear(gathered, state_dict[f"layer{layer}.attn_wo"])  # mixes the heads

# The MLP (multi-layer perceptron) then works on each token alone. Without relu, its two
# matrices could be one, as 2 * (3 * x) is 6 * x.
def mlp(x, layer):  # [n_embd], int -> [n_embd]
    hidden = [h.relu() for h in linear(x, state_dict[f"layer{layer}.mlp_fc1"])]
    return linear(hidden, state_dict[f"layer{layer}.mlp_fc2"])

# Attention and MLP add to x instead of replacing it: + passes gradients on unchanged.
def gpt(token_id, pos_id, cache):  # int, int, cache -> [vocab_size]
    x = rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))
    for layer in range(n_layer):
        x = add(x, attention(rmsnorm(x), layer, cache))  # reads a normed copy
        x = add(x, mlp(rmsnorm(x), layer))  # residual connections (He et al. 2015)
    return linear(x, state_dict["lm_head"])  # logits: scores of possible next tokens

### 6. Training ########################################################################
# A guess costs its cross-entropy, -log(p), where p is the probability given to the
# right token: 0.9 costs 0.11, and a blind guess among 27 costs log(27) = 3.30.
def cross_entropy(logits, target_id):  # [vocab_size], int -> node
    logits = minus_highest(logits)  # as in softmax
    total = sum(logit.exp() for logit in logits)
    return total.log() - logits[target_id]  # -log(exp(logit) / total) = -log(p)

# "emma" is five lessons: BOS -> e, BOS e -> m, ..., BOS e m m a -> BOS.
def loss_of(doc):  # str -> node
    tokens = encode(doc)[: block_size + 1]  # the last is only a target
    cache, losses = new_cache(), []
    for pos_id in range(len(tokens) - 1):
        logits = gpt(tokens[pos_id], pos_id, cache)
        losses.append(cross_entropy(logits, tokens[pos_id + 1]))
    return sum(losses) / len(losses)

# The plain step is p.data -= learning_rate * p.grad. But one name's gradient is noisy,
# so Adam (Kingma & Ba 2015) puts m / sqrt(v) in its place: m averages gradients, v
# their squares. The ratio is near 1 or -1 where they agree, small where they cancel.
num_steps = 1000  # the average loss falls to 2.4
learning_rate = 0.01  # falls towards 0
beta1 = 0.85  # how much of m is kept
beta2 = 0.99  # how much of v
eps_adam = 1e-8  # avoids 0 / 0
m, v = [0.0] * len(params), [0.0] * len(params)

def adam(step):
    lr_t = learning_rate * (1 - step / num_steps)
    # m and v start at 0, so they are too small at first.
    m_correction, v_correction = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
    for i, p in enumerate(params):
        m[i] = beta1 * m[i] + (1 - beta1) * p.grad
        v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
        m_hat, v_hat = m[i] / m_correction, v[i] / v_correction
        p.data -= lr_t * m_hat / (v_hat**0.5 + eps_adam)
        p.grad = 0.0

# Guess. See how wrong you were. Change a little. Do it again.
for step in range(num_steps):
    loss = loss_of(docs[step % len(docs)])
    loss.backward()
    adam(step)
    print(f"step {step + 1:4d} / {num_steps:4d} | loss {loss.data:.4f}", end="\r")

### 7. Inference #######################################################################
# Each token drawn becomes the next input.
temperature = 0.5  # low is safe, high is bold: of [2, 1, 0], the 2 gets 0.87, not 0.67

def sample():
    token_id, doc, cache = BOS, "", new_cache()
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
