"""Graphs drawn at random, and what PyTorch makes of them."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from clew.runtime.graph import IMAGE, Graph, Node

ACTS = (
    ("relu", {}),
    ("leaky_relu", {"slope": 0.1}),
    ("clip", {"low": 0.0, "high": 0.5}),
    *((name, {}) for name in ("hardswish", "hardsigmoid", "sigmoid", "silu", "gelu")),
)


class Drawn:
    """A graph under construction: nodes, tensors, and the shape of the last value."""

    def __init__(self, size, seed):
        self.nodes, self.tensors = [], {}
        self.shape, self.last, self.size = (3, *size), IMAGE, size
        self.rng = np.random.default_rng(seed)

    def add(self, op, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(Node(op, inputs or (self.last,), name, attributes))
        self.last = name
        return name

    def tensor(self, *shape, sparsity=0.0):
        name = f"t{len(self.tensors)}"
        values = self.rng.standard_normal(shape).astype(np.float32) / max(1, np.prod(shape[1:])) ** 0.5
        self.tensors[name] = np.where(self.rng.random(shape) < sparsity, 0, values).astype(np.float32)
        return name

    def conv(self, filters, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1, sparsity=0.5):
        channels = self.shape[0]
        weight = self.tensor(filters, channels // groups, *kernel, sparsity=sparsity)
        bias = self.tensor(filters) if self.rng.random() < 0.7 else None
        self.add(
            "conv2d",
            weight=weight,
            bias=bias,
            stride=list(stride),
            padding=list(padding),
            dilation=list(dilation),
            groups=groups,
        )
        self.shape = (filters, *self._slid(kernel, stride, padding, dilation))

    def pool(self, op, kernel, stride, padding, **more):
        self.add(op, kernel=list(kernel), stride=list(stride), padding=list(padding), **more)
        self.shape = (self.shape[0], *self._slid(kernel, stride, padding, (1, 1)))

    def norm(self):
        channels = self.shape[0]
        var = self.tensor(channels)
        self.tensors[var] = np.abs(self.tensors[var]) + 0.5
        names = {key: self.tensor(channels) for key in ("mean", "weight", "bias")}
        self.add("batch_norm", **names, var=var, eps=1e-3)

    def _slid(self, kernel, stride, padding, dilation):
        return tuple(
            (self.shape[1 + at] + padding[at] + padding[at + 2] - dilation[at] * (kernel[at] - 1) - 1) // stride[at] + 1
            for at in (0, 1)
        )

    def graph(self, classes=2):
        """Flat if that is small, else its means, then a linear layer."""
        if np.prod(self.shape) <= 4000 and self.rng.random() < 0.5:
            self.add("flatten")
            count = int(np.prod(self.shape))
        else:
            self.add("global_mean")
            count = self.shape[0]
        self.add("linear", weight=self.tensor(classes, count, sparsity=self.rng.choice([0, 0.9])), bias=None)
        return Graph((3, *self.size), tuple(self.nodes), self.last)


@st.composite
def layers(draw):
    """One convolution of any kind, what may follow it, and logits."""
    size = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    made = Drawn(size, draw(st.integers(0, 2**20)))
    if draw(st.booleans()):
        made.add("affine", scale=[2.0, 3.0, 4.0], shift=[-1.0, 0.5, 0.0])
    groups = draw(st.sampled_from([1, 1, 3]))
    kernel, dilation = draw(st.tuples(*[st.integers(1, 7)] * 2)), draw(st.tuples(*[st.integers(1, 3)] * 2))
    padding = draw(st.tuples(*[st.integers(0, 4)] * 4))
    reach = [dilation[at] * (kernel[at] - 1) + 1 - size[at] - padding[at] - padding[at + 2] for at in (0, 1)]
    padding = tuple(pad + max(0, reach[at % 2]) for at, pad in enumerate(padding))
    sparsity = draw(st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
    filters = draw(st.integers(1, 6)) * groups
    made.conv(filters, kernel, draw(st.tuples(*[st.integers(1, 3)] * 2)), padding, dilation, groups, sparsity)
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.booleans()):
            made.norm()
        else:
            op, attributes = draw(st.sampled_from(ACTS))
            made.add(op, **attributes)
    finish(draw, made)
    return made.graph(), made.tensors


def finish(draw, made):
    """Perhaps a pooling, where there is something to pool."""
    kind = draw(st.sampled_from(["none", "halves", "max_pool2d", "avg_pool2d"]))
    if kind == "none" or min(made.shape[1:]) < 2:
        return
    if kind == "halves":
        made.pool("max_pool2d", (2, 2), (2, 2), (0, 0, 0, 0))
        return
    kernel = draw(st.integers(2, 3))
    padding = draw(st.tuples(*[st.integers(0, kernel - 1)] * 4)) if min(made.shape[1:]) >= 3 else (1, 1, 1, 1)
    more = {"count_padding": draw(st.booleans())} if kind == "avg_pool2d" else {}
    made.pool(kind, (kernel, kernel), draw(st.tuples(*[st.integers(1, 3)] * 2)), padding, **more)


@st.composite
def nets(draw):
    """A few layers with shortcuts and branches."""
    made = Drawn((draw(st.integers(8, 37)), draw(st.integers(8, 37))), draw(st.integers(0, 2**20)))
    width = draw(st.sampled_from([4, 6]))
    made.conv(width, (3, 3), (draw(st.integers(1, 2)),) * 2, (1, 1, 1, 1), sparsity=0.5)
    for _ in range(draw(st.integers(1, 3))):
        start, shape = made.last, made.shape
        if draw(st.booleans()):
            made.add("relu")
        made.conv(width, (3, 3), (1, 1), (1, 1, 1, 1), groups=draw(st.sampled_from([1, 2, width])), sparsity=0.6)
        made.norm()
        kind = draw(st.sampled_from(["add", "mul", "excite", "concat", "down"]))
        if kind in ("add", "mul"):
            made.add(kind, made.last, start)
            made.add("relu")
        elif kind == "excite":
            one = made.last
            made.add("global_mean")
            made.add("linear", weight=made.tensor(width, width), bias=made.tensor(width))
            made.add("sigmoid")
            made.add("mul", one, made.last)
        elif kind == "concat":
            one = made.last
            made.last, made.shape = start, shape
            made.conv(3, (1, 1), sparsity=0.3)
            made.add("concat", one, made.last, start)
            made.shape = (2 * width + 3, *shape[1:])
            made.norm()
            made.conv(width, (1, 1), sparsity=0.5)
        elif min(made.shape[1:]) >= 2:
            down = made.shape
            made.pool("max_pool2d", (3, 3), (2, 2), (1, 1, 1, 1))
            one, after = made.last, made.shape
            made.last, made.shape = start, down
            made.conv(width, (1, 1), (2, 2), sparsity=0.5)
            made.add("add", one, made.last)
            made.shape = after
    return made.graph(classes=draw(st.integers(1, 5))), made.tensors


def by_torch(graph, tensors, images):
    """The graph run by PyTorch in double precision: (B, K)."""
    values = {IMAGE: torch.from_numpy(images).double()}
    known = {name: torch.from_numpy(tensor).double() for name, tensor in tensors.items()}
    for node in graph.nodes:
        values[node.output] = _run(node, [values[name] for name in node.inputs], known)
    return values[graph.output].numpy()


def _run(node, inputs, known):
    def tensor(key):
        return None if node[key] is None else known[node[key]]

    def padded(value):
        top, left, bottom, right = node["padding"]
        return F.pad(inputs[0], (left, right, top, bottom), value=value)

    x = inputs[0]
    match node.op:
        case "conv2d":
            return F.conv2d(
                padded(0.0), tensor("weight"), tensor("bias"), node["stride"], 0, node["dilation"], node["groups"]
            )
        case "linear":
            return F.linear(x, tensor("weight"), tensor("bias"))
        case "batch_norm":
            return F.batch_norm(x, *(tensor(key) for key in ("mean", "var", "weight", "bias")), eps=node["eps"])
        case "affine":
            return x * torch.tensor(node["scale"]).view(-1, 1, 1) + torch.tensor(node["shift"]).view(-1, 1, 1)
        case "max_pool2d":
            return F.max_pool2d(padded(-torch.inf), node["kernel"], node["stride"])
        case "avg_pool2d":
            counts = torch.ones_like(x)
            if not node["count_padding"]:
                top, left, bottom, right = node["padding"]
                counts = F.avg_pool2d(F.pad(counts, (left, right, top, bottom)), node["kernel"], node["stride"])
                return F.avg_pool2d(padded(0.0), node["kernel"], node["stride"]) / counts
            return F.avg_pool2d(padded(0.0), node["kernel"], node["stride"])
        case "global_mean":
            return x.mean((2, 3))
        case "flatten":
            return x.flatten(1)
        case "add":
            return inputs[0] + inputs[1]
        case "mul":
            return inputs[0] * (inputs[1] if inputs[1].ndim == 4 else inputs[1][:, :, None, None])
        case "concat":
            return torch.cat(inputs, 1)
        case "leaky_relu":
            return F.leaky_relu(x, node["slope"])
        case "clip":
            return x.clamp(node["low"], node["high"])
    return getattr(F, node.op)(x)
