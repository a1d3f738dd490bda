"""The graph of a network does what the network does, names its tensors, and refuses what it has no counterpart for."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import initial_state, network
from clew.detectors.registry import detectors
from clew.runtime.graph import Graph, shapes_of
from clew.runtime.reference import run_reference
from clew.tickets.tracing import graph_facts, traced

SMALL = {"mi_net": {"backbone": "meso4", "blocks": 2}}


def disturbed(module: nn.Module, seed: int = 0) -> nn.Module:
    """The network with BatchNorm statistics and biases that are no zeros and ones."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith(("running_mean", "bias")):
                tensor.normal_(0, 0.2, generator=draw)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=draw)
    return module


def pictures(size: int, count: int = 2, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def compared(module: nn.Module, size: int) -> Graph:
    """The graph of a network, once it is seen to give the same as the network: 1e-4 of the largest logit."""
    graph = traced(module, size)
    images = pictures(size)
    module.eval()
    with torch.inference_mode():
        wanted = module(images)
    tensors = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    found = torch.from_numpy(run_reference(graph, tensors, images.numpy()))
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= 1e-4 * max(1.0, float(wanted.abs().max()))
    return graph


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


@pytest.mark.parametrize(("size", "classes"), [(32, 2), (37, 1), (61, 5)])
@pytest.mark.parametrize("name", sorted(n for n in detectors if ":" not in n))
def test_every_detector(name, size, classes):
    module = disturbed(network(Config(name, size, classes, SMALL.get(name, {}))))
    graph = compared(module, size)
    assert graph.input == (3, size, size)
    shapes = shapes_of(graph, {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()})
    assert shapes[graph.output] == (max(2, classes),)
    assert (ops(graph)[-1], "constant" in ops(graph)) == (("concat", True) if classes == 1 else ("linear", False))


@pytest.mark.parametrize(("name", "size"), [("xception", 299), ("resnet34", 299), ("meso4", 256)])
def test_large_pictures_have_a_graph_too(name, size):
    assert traced(network(Config(name, size)), size).input == (3, size, size)


class Run(nn.Module):
    """A network made of a function."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, images):
        return self.function(self, images)


def conv(inputs=3, outputs=4, kernel=3, **rest):
    torch.manual_seed(0)
    return nn.Conv2d(inputs, outputs, kernel, **rest)


def test_the_nodes_of_a_small_network():
    module = nn.Sequential(conv(bias=False), nn.BatchNorm2d(4), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert compared(module, 9).as_dict() == {
        "input": [3, 9, 9],
        "output": "v4",
        "nodes": [
            {"op": "conv2d", "inputs": ["image"], "output": "v1", "weight": "0.weight", "bias": None, "stride": [1, 1],
             "dilation": [1, 1], "groups": 1, "padding": [0, 0, 0, 0]},
            {"op": "batch_norm", "inputs": ["v1"], "output": "v2", "mean": "1.running_mean", "var": "1.running_var",
             "weight": "1.weight", "bias": "1.bias", "eps": 1e-5},
            {"op": "clip", "inputs": ["v2"], "output": "v3", "low": 0.0, "high": 6.0},
            {"op": "global_mean", "inputs": ["v3"], "output": "v4"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "op"),
    [
        (nn.ReLU(inplace=True), "relu"), (nn.LeakyReLU(0.2), "leaky_relu"), (nn.ReLU6(inplace=True), "clip"),
        (nn.Hardtanh(-0.1, 0.2), "clip"), (nn.Sigmoid(), "sigmoid"), (nn.SiLU(inplace=True), "silu"),
        (nn.GELU(), "gelu"), (nn.Hardswish(inplace=True), "hardswish"), (nn.Hardsigmoid(), "hardsigmoid"),
    ],
)  # fmt: skip
def test_activations(activation, op):
    module = nn.Sequential(conv(), activation, nn.Flatten())
    assert ops(compared(module, 8)) == ["conv2d", op, "flatten"]


def test_one_sided_clamps():
    module = Run(lambda self, x: torch.cat([x.clamp(min=0), x.clamp(max=0.3), x.clamp(0.2, 0.6)], 1).flatten(1))
    assert ops(compared(module, 5)) == ["relu", "clip", "clip", "concat", "flatten"]


@pytest.mark.parametrize(
    ("layer", "padding"),
    [
        (nn.MaxPool2d(3, 2, 1), [1, 1, 1, 1]), (nn.MaxPool2d(2, ceil_mode=True), [0, 0, 1, 1]),
        (nn.MaxPool2d(3, 2, ceil_mode=True), [0, 0, 0, 0]), (nn.MaxPool2d((3, 2), (2, 1), (1, 0)), [1, 0, 1, 0]),
        (nn.AvgPool2d(2), [0, 0, 0, 0]), (nn.AvgPool2d(2, ceil_mode=True), [0, 0, 1, 1]),
        (nn.AvgPool2d(3, 2, 1), [1, 1, 1, 1]), (nn.AvgPool2d(3, 2, 1, count_include_pad=False), [1, 1, 1, 1]),
        (nn.AvgPool2d(2, 2, 1, ceil_mode=True, count_include_pad=False), [1, 1, 1, 1]),
        (nn.AdaptiveAvgPool2d(3), [0, 0, 0, 0]), (nn.AdaptiveMaxPool2d(1), [0, 0, 0, 0]),
    ],
)  # fmt: skip
def test_pooling(layer, padding):
    graph = compared(nn.Sequential(layer, nn.Flatten()), 9)
    assert ops(graph) == ["max_pool2d" if "Max" in type(layer).__name__ else "avg_pool2d", "flatten"]
    assert graph.nodes[0]["padding"] == padding


def test_borders_go_into_what_follows():
    def run(self, x):
        x = self.conv(F.pad(x - 0.5, (1, 2, 0, 3)))
        x = F.max_pool2d(F.pad(F.pad(x, (0, 1), value=-torch.inf), (0, 0, 2, 0), value=-torch.inf), 3, 2)
        return F.avg_pool2d(F.pad(x, (1, 1)), 2).flatten(1)

    graph = compared(Run(run, conv=conv(padding=1, dilation=2)), 11)
    assert ops(graph) == ["affine", "conv2d", "max_pool2d", "avg_pool2d", "flatten"]
    assert [node["padding"] for node in graph.nodes[1:4]] == [[1, 2, 4, 3], [2, 0, 0, 1], [0, 1, 0, 1]]
    assert graph.nodes[3]["count_padding"] is True


def test_strides_groups_and_padding_same():
    module = nn.Sequential(
        conv(3, 6, (2, 4), padding="same"),
        conv(6, 6, 3, stride=(2, 1), groups=6),
        conv(6, 4, 1, groups=2),
        nn.Flatten(),
    )
    graph = compared(module, 10)
    assert graph.nodes[0]["padding"] == [0, 1, 1, 2]
    assert [node["groups"] for node in graph.nodes[:3]] == [1, 6, 2]


@pytest.mark.parametrize("how", ["mean", "keepdim", "pool", "flat", "view"])
def test_squeeze_and_excite(how):
    means = {
        "mean": lambda x: x.mean((2, 3)).unsqueeze(2).unsqueeze(3),
        "keepdim": lambda x: x.mean((-1, -2), keepdim=True),
        "pool": lambda x: F.adaptive_avg_pool2d(x, 1),
        "flat": lambda x: x.flatten(2).mean(-1).view(len(x), -1, 1, 1),
        "view": lambda x: x.mean((2, 3)).view(-1, x.shape[1], 1, 1),
    }[how]

    def run(self, x):
        x = self.conv(x)
        return (x * torch.sigmoid(self.up(F.relu_(self.down(means(x)))))).mean((2, 3))

    graph = compared(Run(run, conv=conv(), down=conv(4, 2, 1), up=conv(2, 4, 1)), 8)
    assert ops(graph) == [
        "conv2d",
        "avg_pool2d",
        "conv2d",
        "relu",
        "conv2d",
        "sigmoid",
        "flatten",
        "mul",
        "global_mean",
    ]


def test_squeeze_and_excite_by_linear_layers():
    def run(self, x):
        x = self.conv(x)
        return (self.gate(x.mean((2, 3))).view(-1, 4, 1, 1) * x).mean((2, 3))

    module = Run(run, conv=conv(), gate=nn.Sequential(nn.Linear(4, 4, bias=False), nn.Sigmoid()))
    assert ops(compared(module, 8)) == ["conv2d", "global_mean", "linear", "sigmoid", "mul", "global_mean"]


def test_arithmetic_with_constants_is_one_affine():
    module = Run(lambda self, x: (1 - (x - self.mean) / self.std * 2).flatten(1))
    module.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), persistent=False)
    module.register_buffer("std", torch.tensor([0.5, 0.25, 0.5]).view(3, 1, 1), persistent=False)
    graph = compared(module, 4)
    assert ops(graph) == ["affine", "flatten"]
    assert graph.nodes[0]["scale"] == [-4.0, -8.0, -4.0]
    assert graph.nodes[0]["shift"] == pytest.approx([1.4, 2.6, 2.2])
    assert ops(compared(Run(lambda self, x: ((x * 2 + 1 - 1) / 2).flatten(1)), 4)) == ["flatten"]


def test_sums_and_products_of_values():
    def run(self, x):
        y = self.conv(x)
        z = torch.sub(y, F.silu(y), alpha=0.5) + torch.add(y, y, alpha=3)
        return torch.cat([(z * y).mean((2, 3)), -y.amax((2, 3)), y.mean((2, 3)) * y.mean((2, 3))], 1)

    compared(Run(run, conv=conv()), 6)


def test_vectors_are_joined_in_their_order():
    def run(self, x):
        a, b = self.a(x).mean((2, 3)), self.b(x).mean((2, 3))
        joined = torch.stack([a, b, a], 1)
        return self.head(
            torch.cat([joined.flatten(1), torch.full_like(a, 0.5), torch.ones(len(x), 2, device=x.device)], 1)
        )

    graph = compared(Run(run, a=conv(), b=conv(3, 4, 1), head=nn.Linear(18, 3)), 6)
    assert graph.nodes[-2].op == "concat"
    assert [node["values"] for node in graph.nodes if node.op == "constant"] == [[0.5] * 4, [1.0, 1.0]]


def test_only_what_the_output_needs_is_kept():
    def run(self, x):
        x = self.conv(x)
        self.other(x.softmax(1))
        return F.dropout(x, 0.5, self.training).mean((2, 3))

    assert ops(compared(Run(run, conv=conv(), other=conv(4, 4)), 6)) == ["conv2d", "global_mean"]
    graph = traced(network(Config("mi_net", 32, 2, SMALL["mi_net"])), 32)
    assert not any(name.startswith(("whole", "without")) for node in graph.nodes for name in node.tensors)


def test_a_weight_in_two_places_has_one_name():
    module = nn.Sequential(conv(3, 3, 3, padding=1), nn.ReLU(), conv(3, 3, 3, padding=1), nn.Flatten())
    module[2].weight = module[0].weight
    graph = compared(module, 6)
    assert [node["weight"] for node in graph.nodes if node.op == "conv2d"] == ["0.weight", "0.weight"]


def test_work_in_place_changes_all_that_look_at_it():
    def shortcut(self, x):
        y = self.conv(x)
        kept = y.detach()
        return (F.relu_(y) + kept).mean((2, 3))

    compared(Run(shortcut, conv=conv()), 6)

    def view(self, x):
        y = self.conv(x)
        F.relu_(y.flatten(1))
        return y.mean((2, 3))

    with pytest.raises(ClewError, match=r"'an operation in place' in Run .*changes a part of another value"):
        traced(Run(view, conv=conv()), 6)

    def buffer(self, x):
        out = torch.zeros(len(x), 4, device=x.device)
        out[:, :2] = self.conv(x).mean((2, 3))[:, :2]
        return out + x.mean((2, 3))[:, :1]

    with pytest.raises(ClewError, match="has no counterpart"):
        traced(Run(buffer, conv=conv()), 6)


def weight_scale(self, x):
    return (x * self.conv.bias[:3].view(3, 1, 1)).flatten(1)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.Sequential(conv(), nn.Tanh(), nn.Flatten()), r"Sequential: 'tanh' in '1' \(Tanh\) has no counterpart"),
        (nn.Sequential(conv(), nn.GELU("tanh"), nn.Flatten()), r"'gelu' in '1' \(GELU\).*exact form"),
        (nn.Sequential(conv(), nn.InstanceNorm2d(4), nn.Flatten()), "no counterpart"),
        (nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten()), r"BatchNorm2d.*statistics of its batch"),
        (nn.Sequential(nn.ConvTranspose2d(3, 3, 3), nn.Flatten()), "no plain convolution"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten()), "windows are of several sizes"),
        (nn.Sequential(nn.MaxPool2d(2, dilation=2), nn.Flatten()), "dilated"),
        (nn.Sequential(nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.Flatten()), "part of its border counts"),
        (nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(2), nn.Flatten()), "takes a border of -inf"),
        (nn.Sequential(nn.ZeroPad2d(1), nn.ReLU(), nn.Flatten()), "works on a border"),
        (nn.Sequential(nn.Conv2d(3, 4, 3).double(), nn.Flatten()), "cannot be followed in '0'"),
        (Run(lambda self, x: x), r"expected logits \(B, K\).*found Tensor \(7, 3, 8, 8\)"),
        (Run(lambda self, x: (x.flatten(1),)), "expected logits.*found tuple"),
        (Run(lambda self, x: torch.zeros(len(x), 2)), "expected logits"),
        (Run(lambda self, x: x.flatten(1) if x.sum() > 0 else -x.flatten(1)), r"cannot be followed in Run"),
        (Run(lambda self, x: torch.from_numpy(x.numpy()).flatten(1)), r"cannot be followed in Run"),
        (Run(lambda self, x: (x + torch.rand(1, 3, 1, 1)).flatten(1)), "'rand' in Run .*draws at random"),
        (Run(lambda self, x: (x + torch.randn_like(x)).flatten(1)), "draws at random"),
        (Run(lambda self, x: x.permute(0, 2, 3, 1).flatten(1)), "order of their axes"),
        (Run(lambda self, x: x.flatten(0, 1).flatten(1)), "mixes the pictures"),
        (Run(lambda self, x: x.mean((0, 2, 3)).expand(len(x), 3)), "no counterpart"),
        (Run(weight_scale, conv=conv()), "no counterpart"),
        (Run(lambda self, x: (x + self.conv.bias.view(4, 1, 1)[:3]).flatten(1), conv=conv()), "no counterpart"),
        (Run(lambda self, x: (x + x.mean((2, 3), keepdim=True)).flatten(1)), "two shapes"),
        (Run(lambda self, x: (x + torch.arange(64.0).view(8, 8)).flatten(1)), "not the same all over a map"),
        (Run(lambda self, x: (x / torch.zeros(1)).flatten(1)), "divides by zero"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_named(module, why):
    with pytest.raises(ClewError, match=why) as caught:
        traced(module, 8)
    assert "\n" not in str(caught.value)


def test_buffers_of_the_state_are_never_taken_for_constants():
    """They may hold other numbers in the next ticket of the same network."""
    module = Run(lambda self, x: (x - self.mean).flatten(1))
    module.register_buffer("mean", torch.full((3, 1, 1), 0.5))
    with pytest.raises(ClewError, match=r"'sub' in Run has no counterpart.*works on weights"):
        traced(module, 8)


def test_the_network_is_left_as_it_was():
    module = network(Config("cnn5", 32)).train()
    module.blocks[1].eval()
    modes = [part.training for part in module.modules()]
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    drawn = torch.random.get_rng_state()
    traced(module, 32)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
    assert all(p.requires_grad and p.grad is None and p.device.type == "cpu" for p in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_a_refused_network_is_left_as_it_was():
    module = nn.Sequential(conv(), nn.Tanh(), nn.Dropout(), nn.Flatten())
    with pytest.raises(ClewError):
        traced(module, 8)
    assert module.training
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_facts_of_a_config_are_the_graph_or_the_reason():
    found = graph_facts(Config("mi_net", 32, 2, SMALL["mi_net"]))
    assert found["graph"] == traced(network(Config("mi_net", 32, 2, SMALL["mi_net"])), 32).as_dict()
    lacking = graph_facts(Config(f"{__name__}:bent", 32))
    assert lacking["graph"] is None
    assert "'tanh' in '1' (Tanh)" in lacking["graph_reason"]


def bent(input_size, classes=2):
    return nn.Sequential(conv(3, classes, input_size), nn.Tanh(), nn.Flatten())


bent.facts = detectors.get("cnn5").facts


def test_another_start_has_the_same_graph():
    config = Config("resnet18", 32)
    module = network(config)
    module.load_state_dict(initial_state(config, 3))
    assert traced(module, 32).as_dict() == graph_facts(config)["graph"]
