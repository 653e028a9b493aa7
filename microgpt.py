# **microgpt** is a complete GPT, a *generative pre-trained transformer*, in one file that needs
# nothing but Python. A GPT looks at the beginning of a text and says how likely each character is
# to come next. This one starts out knowing nothing, reads a thousand first names, and then invents
# new ones, in about ten seconds.
#
# The file is meant to be read as it runs, from top to bottom. It has seven rooms:
#
# 1. the **data set**, a list of names,
# 2. the **tokenizer**, which turns names into numbers and back,
# 3. **autograd**, numbers that remember how they were computed,
# 4. the **parameters**, the numbers that will be learned,
# 5. the **model**, which turns the characters so far into a guess about the next one,
# 6. **training**, which changes the parameters until the guesses are good,
# 7. **inference**, which lets the model speak.
#
# A large language model is the same idea on a vastly larger scale, and what it learns this way is
# then polished by further training. Comments such as `# [n], [n] -> scalar` give the lengths of the
# lists that a function takes and returns; `[a][b]` is a list of `a` lists of length `b`.

import gc
import math
import os
import random
import signal
import sys
from itertools import count
from operator import mul

# Chance decides the order of the names, the first values of the parameters, and every character
# that is sampled. With a fixed seed, a rerun makes the same choices.
random.seed(42)

# Letters that the console cannot show are printed as escapes like `\u0436`, instead of crashing
# after the training.
if hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(errors="backslashreplace")

# ## 1. Data set
#
# A language model learns from text, cut into *documents*. Here a document is one line of
# `input.txt`, a first name; for a large model it would be a web page or a book. Put any other text
# there, one document per line, and the model learns that instead.
#
# Without an `input.txt`, the list of names that comes with Karpathy's makemore is fetched. It is
# moved into place only when it is complete, because half a list looks just like a whole one.

names_url = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt"

if not os.path.exists("input.txt"):
    import http.client
    import socket
    import tempfile
    import urllib.request

    socket.setdefaulttimeout(10)
    try:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            path, _ = urllib.request.urlretrieve(names_url, os.path.join(folder, "names.txt"))
            os.replace(path, "input.txt")
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"no input.txt here, and fetching {names_url} failed ({error}): "
                 "save any text as input.txt, one document per line")

# The encoding skips the invisible mark that some editors put at the beginning of a file.

try:
    with open("input.txt", encoding="utf-8-sig") as file:
        docs = [line.strip() for line in file if line.strip()]
except (OSError, UnicodeError) as error:
    sys.exit(f"input.txt must be a readable text file, saved as UTF-8 ({error})")
if not docs:
    sys.exit("input.txt is empty: write one document per line, or delete it to fetch the names")

# The list may be sorted. A model that met all the names with A first would learn that names begin
# with A, and then have to unlearn it.

random.shuffle(docs)
print(f"num docs: {len(docs)}")

# ## 2. Tokenizer
#
# A model computes with numbers, so text becomes a list of *tokens*, whole numbers that stand for
# pieces of text. Large models use pieces of several letters; here each character that occurs is a
# token, and its number is its index in the sorted list of them.
#
# One more token stands for no character. `BOS`, *beginning of sequence*, is put before each
# document, as something to guess the first letter from, and after it, to mark the end: a model that
# has learned when to say `BOS` knows how to stop. With the letters a to z as 0 to 25, the name
# "emma" becomes 26, 4, 12, 12, 0, 26.

uchars = sorted(set("".join(docs)))
BOS = len(uchars)
vocab_size = len(uchars) + 1
print(f"vocab size: {vocab_size}")

# ## 3. Autograd
#
# How wrong the model's guesses are will be summed up in one number, the *loss*. To learn is to
# change each parameter so that the loss falls. The *gradient* says how: it holds, for each
# parameter, the derivative of the loss, which is how fast the loss would grow if that parameter
# grew. Learning takes a small step the other way.
#
# Thousands of operations lie between a parameter and the loss, but the derivative of each is
# simple, and the chain rule says how to combine them: multiply along each path from the loss down
# to the parameter, and add up all the paths. Take `loss = a * b + a`. One path leads to `a` through
# the product, with derivative `b`; another leads there directly, with 1; the sum is `b + 1`.
#
# So every number that needs a derivative is wrapped in a `Value`, a node that knows the nodes it
# was computed from, its *children*, and its local derivative with respect to each of them. The
# computation then leaves behind a graph, with the loss at the top and the parameters at the bottom,
# and `backward` walks down through it. PyTorch and JAX do the same, except that each of their nodes
# holds a whole array of numbers.

serial_numbers = count()


class Value:
    """A number, and where it came from.

    `data` is the number. After `backward` is called on a result, `grad` is the derivative of that
    result with respect to this node. `_children` are the nodes it was computed from, any number of
    them (none for a *leaf*, such as a parameter), and `_local_grads` the derivatives with respect
    to each. `_serial` counts the nodes in the order in which they are made.
    """

    __slots__ = ("_children", "_local_grads", "_serial", "data", "grad")

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self._children = children
        self._local_grads = local_grads
        self._serial = next(serial_numbers)

    # These six operations carry the rules of calculus; the operators after them are built on these.
    # The other operand may be a plain number: a constant, which needs no gradient and is no child.

    def __add__(self, other):
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0))
        return Value(self.data + other, (self,), (1.0,))

    def __mul__(self, other):
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data))
        return Value(self.data * other, (self,), (other,))

    def __pow__(self, exponent):
        return Value(self.data**exponent, (self,), (exponent * self.data ** (exponent - 1),))

    def exp(self):
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        # Otherwise the result is a constant, without a child to pass a gradient to.
        return Value(self.data, (self,), (1.0,)) if self.data > 0 else Value(0.0)

    # Python calls the operators that begin with `r` when a plain number stands on the left: `1 - x`
    # is `x.__rsub__(1)`.

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other**-1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self**-1 * other

    def backward(self):
        """Add to the `grad` of every leaf how fast this node would grow if that leaf grew."""
        # Collect the nodes that have children to pass something on to, each of them once, however
        # many paths lead to it. The list grows while the loop walks along it. Recursion would be
        # shorter, but Python allows only about a thousand levels, and deep models have more. What
        # an earlier call left in these nodes is cleared; leaves add up over calls.
        nodes = {self._serial: self}
        found = [self]
        for node in found:
            node.grad = 0.0
            for child in node._children:
                if child._children and child._serial not in nodes:
                    nodes[child._serial] = child
                    found.append(child)
        # How fast this node grows with itself: 1. From there the chain rule runs down the graph:
        # `*` multiplies along a path, and `+=` adds up the paths. A node is always made after its
        # children, so by descending serial number each node has heard from everything above it
        # before it passes on the sum.
        self.grad = 1.0
        for serial in sorted(nodes, reverse=True):
            node = nodes[serial]
            for child, local_grad in zip(node._children, node._local_grads):
                child.grad += local_grad * node.grad


# Nearly all the work of a neural network is dot products: multiply two lists pair by pair and add
# it all up. Built from `*` and `+`, one over 16 pairs would take 31 nodes. But a node may have any
# number of children, and the derivative of a product with respect to one factor is just the other.
# So a dot product can be a single node, which makes the whole script five to seven times faster.


def dot(xs, ys):  # [n], [n] -> scalar
    """Return the dot product of two lists of nodes, as one node."""
    x_data = [x.data for x in xs]
    y_data = [y.data for y in ys]
    return Value(sum(map(mul, x_data, y_data)), [*xs, *ys], y_data + x_data)


# ## 4. Parameters
#
# All that the model knows is in its parameters, and at first it knows nothing: they are random. If
# they all started out equal, those within a row would get equal gradients and stay equal forever.
# They are small, so that at first no token is much preferred to another.
#
# Four knobs set the size. A token is represented by a list of `n_embd` numbers, a *vector* called
# its *embedding*, and `n_layer` layers refine it one after the other. `block_size` is the *context
# length*, the number of tokens that the model can look back on; a longer document is cut off there.
# Each layer has `n_head` attention heads, explained in room 5, among which `n_embd` is divided.

n_layer = 1
n_embd = 16
block_size = 16
n_head = 4

if min(n_embd, n_head, block_size) < 1 or n_embd % n_head:
    sys.exit(f"n_embd ({n_embd}) must be a multiple of n_head ({n_head}), block_size at least 1")
head_dim = n_embd // n_head


def matrix(n_out, n_in):  # -> [n_out][n_in]
    """Return a matrix of new random parameters, as a list of rows."""
    return [[Value(random.gauss(0, 0.08)) for _ in range(n_in)] for _ in range(n_out)]


# `state_dict` names the matrices. `wte` and `wpe` are tables of embeddings: a row for each token,
# and a row for each position. `lm_head` has a row for each token that may come next. Each layer has
# four matrices for attention (`wq` for *query*, `wk` for *key*, `wv` for *value*, `wo` for
# *output*) and two for its MLP, explained in room 5.

state_dict = {
    "wte": matrix(vocab_size, n_embd),
    "wpe": matrix(block_size, n_embd),
    "lm_head": matrix(vocab_size, n_embd),
}
for i in range(n_layer):
    state_dict[f"layer{i}.attn_wq"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.attn_wk"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.attn_wv"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.attn_wo"] = matrix(n_embd, n_embd)
    state_dict[f"layer{i}.mlp_fc1"] = matrix(4 * n_embd, n_embd)
    state_dict[f"layer{i}.mlp_fc2"] = matrix(n_embd, 4 * n_embd)

params = [p for rows in state_dict.values() for row in rows for p in row]
print(f"num params: {len(params)}")

# ## 5. Model
#
# The model is a *transformer*, a small GPT-2 (Radford et al. 2019) that is simplified where that
# costs little, for instance with RMSNorm for LayerNorm and ReLU for GELU. It takes one token at a
# time and returns a score, called a *logit*, for each token that may follow: the higher, the
# likelier. First come the small parts, then the two large ones, then the whole.


def add(x, y):  # [n], [n] -> [n]
    """Return the sum of two vectors, number by number."""
    return [xi + yi for xi, yi in zip(x, y)]


def linear(x, w):  # [n_in], [n_out][n_in] -> [n_out]
    """Return the dot product of each row of the matrix `w` with `x`."""
    return [dot(row, x) for row in w]


# **Softmax** turns scores into probabilities: `exp` makes them positive, the division makes them
# add up to 1. Subtracting the highest score, as a plain number, changes nothing, since it cancels
# out, but it keeps `exp` from overflowing: the largest argument is now 0.


def softmax(logits):  # [n] -> [n]
    """Return probabilities proportional to the exponentials of `logits`."""
    highest = max(logit.data for logit in logits)
    exps = [(logit - highest).exp() for logit in logits]
    inverse = 1 / sum(exps)
    return [e * inverse for e in exps]


# Numbers that pass through layer after layer tend to explode or to fade away. **RMSNorm** (Zhang &
# Sennrich 2019, eq. 4, without the gain) rescales a vector so that the mean of its squares is 1.
# The tiny constant avoids a division by zero.


def rmsnorm(x):  # [n] -> [n]
    """Return `x` divided by the root of the mean of its squares."""
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


# **Attention** (Vaswani et al. 2017, eq. 1) is how a position gathers what it needs from itself and
# the ones before; in everything else that the model does, each position is on its own. Three
# matrices turn its vector into a *query* (what am I looking for?), a *key* (what can I be found
# by?) and a *value* (what do I hand over?). The dot product of one position's query with another's
# key is a score, softmax turns the scores into shares, and the sum of all values, each times its
# share, is what the position gathers.
#
# The keys and values of the `t` earlier positions never change; a *KV cache* keeps them. Since it
# holds nothing from later positions, no position sees the future. Training depends on that: a model
# that could look at the next character would not learn to guess it.
#
# One query can look for one thing only, say the last vowel. So queries, keys and values are cut
# into `n_head` slices, and each slice, a *head*, has shares of its own; the output matrix then
# mixes what the heads gathered. A score is a sum of `head_dim` products; its spread grows with the
# root of `head_dim`. If not divided by that root, the scores of wide heads would give nearly
# everything to a single position, and softmax would pass on almost no gradient.


def attention(x, layer, keys, values):  # [n_embd], str, [t][n_embd], [t][n_embd] -> [n_embd]
    """Return what this position gathers, after adding its own key and value to the cache."""
    query = linear(x, state_dict[f"{layer}.attn_wq"])
    keys.append(linear(x, state_dict[f"{layer}.attn_wk"]))
    values.append(linear(x, state_dict[f"{layer}.attn_wv"]))
    gathered = []
    for start in range(0, n_embd, head_dim):
        head = slice(start, start + head_dim)
        scores = linear(query[head], [key[head] for key in keys])  # [t + 1]
        shares = softmax([score / head_dim**0.5 for score in scores])  # [t + 1]
        # The shares weigh the values, again by dot products: each column holds one number of the
        # vector at every position.
        columns = zip(*[value[head] for value in values])  # [head_dim][t + 1]
        gathered += linear(shares, columns)
    return linear(gathered, state_dict[f"{layer}.attn_wo"])


# The **MLP** (*multi-layer perceptron*) lets each position work on what it has gathered: widen to
# four times as many numbers, set the negative ones to 0, and narrow again. Without that cut
# (*relu*) in between, the two matrices could be replaced by one.


def mlp(x, layer):  # [n_embd], str -> [n_embd]
    """Return what the position makes of its own vector."""
    hidden = [h.relu() for h in linear(x, state_dict[f"{layer}.mlp_fc1"])]  # [4 * n_embd]
    return linear(hidden, state_dict[f"{layer}.mlp_fc2"])


# **GPT** is all of it together: look up the embedding of the token and of its position (attention
# alone cannot tell in which order the letters came) and add them, let each layer improve the
# result, and take its dot product with the row of `lm_head` for each token that may come next.
#
# Attention and MLP do not replace `x`. They read a normalized copy, and what they find is added: a
# *residual* connection (He et al. 2015). A layer only has to find what is missing. And because a
# sum passes its gradient on unchanged to both sides, even the first of many layers receives a
# strong one.


def gpt(token_id, pos_id, keys, values):  # ids, caches [n_layer][t][n_embd] -> [vocab_size]
    """Return the logits for the token after `token_id`, extending the caches by its position."""
    x = rmsnorm(add(state_dict["wte"][token_id], state_dict["wpe"][pos_id]))
    for i in range(n_layer):
        x = add(x, attention(rmsnorm(x), f"layer{i}", keys[i], values[i]))
        x = add(x, mlp(rmsnorm(x), f"layer{i}"))
    return linear(x, state_dict["lm_head"])


# ## 6. Training
#
# One step: take a name, let the model guess each of its tokens from the ones before, measure how
# wrong the guesses were, and move every parameter a little, against its gradient.
#
# For one guess, the measure is *cross-entropy*: minus the logarithm of the probability that the
# model gave to the token that really came. A model that was certain of it scores 0; one that
# spreads its bets evenly over 27 tokens scores log(27), about 3.3. The loss is the mean over the
# guesses of a name. It jumps from name to name, but a thousand steps bring its average down to
# about 2.3, as if there were ten tokens to choose from instead of 27.
#
# Minus the logarithm of a softmax is `log(sum(exp(logits))) - logits[target_id]`, and this form is
# safer. A very small probability would be rounded to 0, which has no logarithm. But here, once the
# highest logit is subtracted, one term of the sum is `exp(0)`, and so the sum is at least 1.


def cross_entropy(logits, target_id):  # [vocab_size], int -> scalar
    """Return minus the logarithm of the probability that `logits` give to the target."""
    highest = max(logit.data for logit in logits)
    return sum((logit - highest).exp() for logit in logits).log() + highest - logits[target_id]


# The gradient from a single name is noisy. *Adam* (Kingma & Ba 2015, algorithm 1) keeps two running
# averages for each parameter: `m` of the gradient, which smooths out the noise, and `v` of its
# square, which tells how large it usually is. `beta1` and `beta2` are the shares of the old average
# that each step keeps. Where gradients agree, `m` divided by the root of `v` is close to 1 or -1;
# where they waver, it is close to 0; their scale cancels out, so that one `learning_rate` suits all
# parameters. Both averages start at 0, so the early ones are too small, and the two corrections
# make up for that. `eps_adam` avoids a division by zero. The rate falls linearly, almost to 0.

num_steps = 1000
learning_rate = 0.01
beta1 = 0.85
beta2 = 0.99
eps_adam = 1e-8

m = [0.0] * len(params)
v = [0.0] * len(params)


def adam(step):
    """Take one step with every parameter, and clear its gradient for the next."""
    lr_t = learning_rate * (1 - step / num_steps)
    m_correction = 1 - beta1 ** (step + 1)
    v_correction = 1 - beta2 ** (step + 1)
    for i, p in enumerate(params):
        m[i] = beta1 * m[i] + (1 - beta1) * p.grad
        v[i] = beta2 * v[i] + (1 - beta2) * p.grad * p.grad
        m_hat = m[i] / m_correction
        v_hat = v[i] / v_correction
        p.data -= lr_t * m_hat / (math.sqrt(v_hat) + eps_adam)
        p.grad = 0.0


# Each step builds a graph of thousands of nodes, which replaces the last one. CPython frees an
# object as soon as nothing refers to it; its garbage collector only looks for objects that refer to
# each other in cycles. A node refers to its children but never back, so there are no cycles here,
# and looking for them costs a tenth of the time. (PyPy frees all memory by collecting, so there it
# stays on.)

if sys.implementation.name == "cpython":
    gc.disable()

# A terminal shows the progress in one line, padded to erase a longer one; a file or a pipe gets a
# line for each step. Ctrl-C ends the training but not the script: after a long wait, one wants to
# see what the model has learned so far.

end = " " * 9 + "\r" if sys.stdout.isatty() else "\n"

try:
    for step in range(num_steps):
        doc = docs[step % len(docs)]
        tokens = [BOS] + [uchars.index(char) for char in doc] + [BOS]
        n = min(block_size, len(tokens) - 1)

        keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]
        losses = []
        for pos_id in range(n):
            logits = gpt(tokens[pos_id], pos_id, keys, values)
            losses.append(cross_entropy(logits, tokens[pos_id + 1]))
        loss = sum(losses) / n
        if not math.isfinite(loss.data):
            raise OverflowError("the loss is not a finite number")

        loss.backward()
        adam(step)
        print(f"step {step + 1:4d} / {num_steps:4d} | loss {loss.data:.4f}", end=end, flush=True)
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print(f"\nstopped in step {step + 1}; Ctrl-C again to leave at once", file=sys.stderr)
except (ArithmeticError, ValueError) as error:
    sys.exit(f"step {step + 1} failed ({error}): try a smaller learning_rate, "
             "and keep beta1 and beta2 below 1 and eps_adam above 0")

# ## 7. Inference
#
# Now `gpt` writes. It starts with `BOS`; the next token is drawn at random, with the probabilities
# that the model gives, and becomes the next input, until `BOS` is drawn or the context is full. In
# training the next input always came from a real name, however wrong the guess; here the model has
# only its own words to go on. And nothing more is learned: the graph is never walked.
#
# The *temperature* divides the logits before softmax. At 1 the model speaks as it has learned to.
# Lower values make likely tokens even likelier, and names more conventional; higher ones make them
# wilder. Towards 0, only the likeliest token is left.

temperature = 0.5

print("\n--- inference (new, hallucinated names) ---")
for i in range(20):
    keys, values = [[] for _ in range(n_layer)], [[] for _ in range(n_layer)]
    token_id = BOS
    sample = []
    for pos_id in range(block_size):
        logits = gpt(token_id, pos_id, keys, values)
        probs = softmax([logit / max(temperature, 1e-9) for logit in logits])
        token_id = random.choices(range(vocab_size), weights=[p.data for p in probs])[0]
        if token_id == BOS:
            break
        sample.append(uchars[token_id])
    print(f"sample {i + 1:2d}: {''.join(sample)}", flush=True)
