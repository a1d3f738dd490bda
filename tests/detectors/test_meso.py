"""The two networks of MesoNet against the originals' sizes, and pooling against windows written out by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from clew.detectors import build
from clew.detectors.same_pool import SameMaxPool2d, same_padding, same_pooled


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_meso4_is_the_original():
    small = build("meso4", 128, 2)
    parts = [part for part in small.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert sum(p.numel() for part in parts for p in part.parameters()) == 15_610
    norms = [part for part in small.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [n.num_features for n in norms] == [8, 8, 16, 16]
    assert len({id(n) for n in norms}) == 4
    assert not any(isinstance(part, nn.Dropout2d) for part in small.modules())
    assert count(build("meso4", 256, 1)) == 27_977
    assert count(build("meso4", 256, 2)) == 27_977 + 17, "a second logit has 16 weights and a bias"


def test_mesoinception4_is_the_original():
    module = build("mesoinception4", 256, 1)
    assert count(module) == 28_615
    shapes = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    assert shapes["inceptions.0.branches.0.0.weight"] == (1, 3, 1, 1)
    assert shapes["inceptions.0.branches.1.0.weight"] == (4, 3, 1, 1)
    assert shapes["inceptions.0.branches.1.2.weight"] == (4, 4, 3, 3)
    assert shapes["inceptions.1.branches.0.0.weight"] == (2, 11, 1, 1)
    assert shapes["inceptions.1.branches.3.2.weight"] == (2, 2, 3, 3)
    assert shapes["inceptions.1.norm.running_var"] == (12,)
    assert shapes["blocks.0.0.weight"] == (16, 12, 5, 5)
    assert shapes["hidden.weight"] == (16, 1024)
    assert len(shapes) == 56


@pytest.mark.parametrize("name", ["meso4", "mesoinception4"])
def test_the_linear_layer_fits_every_size(name):
    for size, left in ((32, 1), (33, 2), (45, 2), (64, 2), (65, 3), (100, 4), (128, 4), (256, 8)):
        module = build(name, size).eval()
        assert module.hidden.in_features == 16 * left * left
        assert same_pooled(size, (2, 2, 2, 4)) == left
        with torch.no_grad():
            assert module(torch.rand(1, 3, size, size)).isfinite().all()


def test_padding_puts_the_smaller_half_first():
    assert [same_padding(size, 4) for size in (8, 7, 6, 5)] == [(0, 0), (0, 1), (1, 1), (1, 2)]
    assert [same_padding(size, 2) for size in (8, 7)] == [(0, 0), (0, 1)]


def test_pooling_by_hand():
    row = torch.tensor([-5.0, -1.0, -4.0, -2.0, -3.0, -6.0]).view(1, 1, 1, 6)
    # one value of padding before, one after: windows (. -5 -1 -4) and (-2 -3 -6 .); zeros would win everywhere
    assert SameMaxPool2d(4)(row).flatten().tolist() == [-1.0, -2.0]
    odd = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]).view(1, 1, 3, 3) - 10
    assert SameMaxPool2d(2)(odd).flatten().tolist() == [-5.0, -4.0, -2.0, -1.0]
    whole = torch.randn(2, 3, 8, 12)
    assert torch.equal(SameMaxPool2d(4)(whole), nn.MaxPool2d(4)(whole))


def test_mesoinception4_computes_what_the_paper_draws():
    """Written out with functions: branches in their order, ReLU after each convolution, norm, pooling, two layers."""
    torch.manual_seed(0)
    module = build("mesoinception4", 45, 2).eval()
    state = module.state_dict()
    for key, value in state.items():  # norms that do something
        if key.endswith(("running_mean", "running_var", "norm.weight", "2.bias")):
            value.uniform_(0.5, 1.5)
    images = torch.rand(2, 3, 45, 45)

    def conv(maps, key, padding=0, dilation=1):
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        return functional.conv2d(maps, weight, bias, padding=padding, dilation=dilation).clamp(min=0)

    def norm(maps, key):
        mean, var, scale, shift = (
            state[f"{key}.{part}"].view(-1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (maps - mean) / (var + 1e-3).sqrt() * scale + shift

    maps = images
    for layer in ("inceptions.0", "inceptions.1"):
        sides = [conv(maps, f"{layer}.branches.0.0")]
        for branch, reach in ((1, 1), (2, 2), (3, 3)):
            inner = conv(maps, f"{layer}.branches.{branch}.0")
            sides.append(conv(inner, f"{layer}.branches.{branch}.2", padding=reach, dilation=reach))
        maps = functional.max_pool2d(norm(torch.cat(sides, 1), f"{layer}.norm"), 2, ceil_mode=True)
    maps = functional.max_pool2d(norm(conv(maps, "blocks.0.0", 2), "blocks.0.2"), 2, ceil_mode=True)
    maps = norm(conv(maps, "blocks.1.0", 2), "blocks.1.2")  # 6x6: pooled with one value before and one after
    assert maps.shape[2:] == (6, 6)
    corners = [maps[:, :, y, x].amax((2, 3)) for y in (slice(3), slice(3, 6)) for x in (slice(3), slice(3, 6))]
    vector = torch.stack(corners, 2).flatten(1)
    hidden = functional.leaky_relu(vector @ state["hidden.weight"].T + state["hidden.bias"], 0.1)
    torch.testing.assert_close(module(images), hidden @ state["head.weight"].T + state["head.bias"])
