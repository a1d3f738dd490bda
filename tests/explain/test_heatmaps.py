"""Heatmaps against values worked out by hand and against the formula written again; the network left as it was."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.detectors.build import build
from clew.explain.heatmaps import METHODS, heatmaps, upsampled

RED = [[0.1, 0.2], [0.3, 0.4]]
GREEN = [[0.2, 0.0], [0.0, 0.0]]
HEAD = [[1.0, 0.0], [-1.0, 2.0], [0.0, -1.0]]
# The maps of `conv` are red, and red - 2 green = [[-0.3, 0.2], [0.3, 0.4]], of which the ReLU lets three through. The
# gradient of class c by a map is HEAD[c] / 4 where the ReLU lets it through, so its mean HEAD[c] / 4, and 3 / 4 of it.
CAMS = [
    [[0.025, 0.05], [0.075, 0.1]],  # 0.25 red
    [[-0.1375, 0.025], [0.0375, 0.05]],  # -0.25 red + 0.375 (red - 2 green)
    [[0.05625, -0.0375], [-0.05625, -0.075]],  # -0.1875 (red - 2 green)
]
# By the picture: HEAD[c][0] / 4 (1, 0, 0), and where the ReLU lets it through HEAD[c][1] / 4 (1, -2, 0).
GRADIENTS = [[[0.25, 0.25], [0.25, 0.25]], [[0.25, 1.0], [1.0, 1.0]], [[0.0, 0.5], [0.5, 0.5]]]


class ByHand(nn.Module):
    """A convolution of 1x1, ReLU, the mean of each map, a linear layer; BatchNorm and dropout show the mode."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, eps=0, affine=False)
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        self.act = nn.ReLU(inplace)
        self.drop = nn.Dropout(0.9)
        self.head = nn.Linear(2, 3, bias=False)
        self.idle = nn.Conv2d(3, 2, 1)
        self.conv.weight.data = torch.tensor([[1.0, 0, 0], [1, -2, 0]])[:, :, None, None]
        self.head.weight.data = torch.tensor(HEAD)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.drop(self.act(self.conv(self.norm(images))).mean((2, 3))))


class OneLogit(ByHand):
    """The same with one logit for "real", the second class of HEAD: logits (x, 0)."""

    classes = 1

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)[:, 1:2]
        return torch.cat([logits, torch.zeros_like(logits)], 1)


def picture(count: int = 1) -> Tensor:
    return torch.tensor([RED, GREEN, [[0.5, 0.5], [0.5, 0.5]]])[None].repeat(count, 1, 1, 1)


def noise(count: int, size: int) -> Tensor:
    return torch.rand((count, 3, size, size), generator=torch.Generator().manual_seed(0))


def classes(*numbers: int) -> Tensor:
    return torch.tensor(numbers)


def of(values: list, relu: bool = False) -> Tensor:
    return torch.tensor(values).clamp(min=0) if relu else torch.tensor(values)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_grad_cam_by_hand(relu, inplace, training, frozen):
    net = ByHand(inplace).train(training).requires_grad_(not frozen)
    found = heatmaps(net, picture(3), classes(0, 1, 2), "conv", relu=relu)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    torch.testing.assert_close(found, of(CAMS, relu), atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_input_gradient_by_hand_is_the_largest_absolute_one_of_the_colours(training, frozen):
    net = ByHand().train(training).requires_grad_(not frozen)
    found = heatmaps(net, picture(3), classes(0, 1, 2), "", "input-gradient")
    torch.testing.assert_close(found, of(GRADIENTS), atol=1e-7, rtol=1e-6)


def test_grad_cam_at_a_relu_in_place_weighs_what_comes_out_of_it():
    let_through = np.maximum(np.array(RED) - 2 * np.array(GREEN), 0)
    expected = -0.25 * np.array(RED) + 0.5 * let_through
    found = heatmaps(ByHand(inplace=True), picture(), classes(1), "act", relu=False)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("relu", [True, False])
def test_one_logit_speaks_for_real_and_its_negative_for_fake(relu):
    found = heatmaps(OneLogit(), picture(2), classes(0, 1), "conv", relu=relu)
    expected = of([CAMS[1], (-np.array(CAMS[1])).tolist()], relu).float()
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-6)
    gradients = heatmaps(OneLogit(), picture(2), classes(0, 1), "", "input-gradient")
    torch.testing.assert_close(gradients, of([GRADIENTS[1], GRADIENTS[1]]), atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("relu", [True, False])
def test_resnet18_equals_the_formula_written_again(relu):
    torch.manual_seed(3)
    net, images, targets = build("resnet18", 64).train(), noise(2, 64), classes(1, 0)
    found = heatmaps(net, images, targets, net.facts.cam_layer, relu=relu)
    seen = []
    hook = net.layer4.register_forward_hook(lambda *call: seen.append(call[2]))
    logits = net.eval()(images)
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, 1] + logits[1, 0], seen[0])
    expected = torch.einsum("bc,bchw->bhw", gradient.mean((2, 3)), seen[0])
    assert float(expected.detach().abs().max()) > 1e-3
    torch.testing.assert_close(found, expected.relu() if relu else expected, atol=1e-5, rtol=1e-5)


def test_the_input_gradient_of_resnet18_equals_the_formula_written_again():
    torch.manual_seed(3)
    net, images = build("resnet18", 64), noise(2, 64)
    found = heatmaps(net, images, classes(1, 0), "", "input-gradient")
    assert not images.requires_grad
    logits = net.eval()(images.requires_grad_())
    (gradient,) = torch.autograd.grad(logits[0, 1] + logits[1, 0], images)
    torch.testing.assert_close(found, gradient.abs().max(1).values, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_what_its_pictures_are_one_by_one(method):
    net, images, targets = build("cnn5", 32), noise(5, 32), classes(0, 1, 1, 0, 1)
    layer = net.facts.cam_layer
    whole = heatmaps(net, images, targets, layer, method)
    parts = [heatmaps(net, images[i : i + 1], targets[i : i + 1], layer, method) for i in range(5)]
    torch.testing.assert_close(whole, torch.cat(parts), atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_callers_precision_and_modes_do_not_reach_inside(method):
    net, images, targets = build("cnn5", 32), noise(2, 32), classes(0, 1)
    plain = heatmaps(net, images, targets, net.facts.cam_layer, method)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(plain, heatmaps(net, images, targets, net.facts.cam_layer, method))
    with torch.inference_mode():
        seen = images * 1, targets * 1  # tensors of inference, of which no gradient could be taken
        assert torch.equal(plain, heatmaps(net, *seen, net.facts.cam_layer, method))
    with torch.no_grad():
        assert torch.equal(plain, heatmaps(net, images, targets, net.facts.cam_layer, method))


def state(net: nn.Module) -> list:
    """All that a network holds, to be compared."""
    weights = [(name, one.requires_grad, one.grad, one.clone()) for name, one in net.named_parameters()]
    buffers = [(name, one.clone()) for name, one in net.named_buffers()]
    hooks = [
        len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks) for part in net.modules()
    ]
    return [weights, buffers, hooks, [part.training for part in net.modules()]]


def same(before: list, after: list) -> bool:
    for one, other in zip(before[0], after[0], strict=True):
        assert one[:2] == other[:2]
        assert one[2] is other[2]
        assert torch.equal(one[3], other[3])
    assert all(torch.equal(one[1], other[1]) for one, other in zip(before[1], after[1], strict=True))
    return before[2:] == after[2:]


class Breaking(ByHand):
    def forward(self, images: Tensor) -> Tensor:
        super().forward(images)
        raise ArithmeticError("broken")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [ByHand, Breaking])
def test_the_network_is_left_as_it_was_also_when_it_fails(kind, method):
    net = kind().train()
    net.drop.eval()  # every part has a mode of its own
    net.head.requires_grad_(False)
    net.conv.weight.grad = torch.ones_like(net.conv.weight)
    kept, before, drawn = net.conv.weight.grad.clone(), state(net), torch.get_rng_state()
    images = picture(2)
    for wanted, layer in ((classes(0, 1), "conv"), (classes(0, 7), "conv"), (classes(0, 1), "head")):
        with contextlib.suppress(ArithmeticError, ClewError):
            heatmaps(net, images, wanted, layer, method)
        assert same(before, state(net))
    assert torch.equal(net.conv.weight.grad, kept)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.equal(images, picture(2))
    assert images.grad is None


def resident() -> float:
    """Megabytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
@pytest.mark.parametrize("method", METHODS)
def test_hundreds_of_calls_leave_nothing_behind(method):
    net, images, targets = ByHand(), noise(4, 64), torch.ones(4, dtype=torch.int64)

    def calls(count: int) -> tuple[int, float]:
        for _ in range(count):
            heatmaps(net, images, targets, "conv", method)
        gc.collect()
        return sum(issubclass(type(one), Tensor) for one in gc.get_objects()), resident()

    tensors, megabytes = calls(10)
    after = calls(120)
    assert after[0] == tensors
    assert after[1] < megabytes + 25  # each call makes more than half a megabyte of maps: kept, that were 60


LAYERS = "Its convolutional layers (all): conv, idle."


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        ("cnov", f"'cnov' of ByHand is not there. {LAYERS}"),
        ("", f"'' of ByHand names none. {LAYERS}"),
        ("head", f"'head' of ByHand puts out (1, 3). {LAYERS}"),
        ("idle", f"'idle' of ByHand does not run. {LAYERS}"),
    ],
)
def test_a_layer_without_maps_is_refused(layer, found):
    with pytest.raises(ClewError) as error:
        heatmaps(ByHand(), picture(), classes(0), layer)
    assert str(error.value) == f"heatmaps need a layer that puts out maps (B, C, h, w); {found}"


class Beside(ByHand):
    """Its second convolution runs, and nothing is made of it; the first class is a constant."""

    def forward(self, images: Tensor) -> Tensor:
        self.idle(images)
        return super().forward(images) * torch.tensor([0.0, 1.0, 1.0])


def test_a_layer_that_the_score_does_not_hang_on_is_refused():
    with pytest.raises(ClewError, match="'idle' of Beside has no part in the score of the class"):
        heatmaps(Beside(), picture(), classes(1), "idle")
    assert not heatmaps(Beside(), picture(), classes(0), "conv").any()


class Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.zeros(len(images), 2)


def test_a_network_without_a_gradient_is_refused():
    with pytest.raises(ClewError, match="Constant has no gradient by its pictures"):
        heatmaps(Constant(), picture(), classes(1), "", "input-gradient")


def test_many_convolutions_are_not_all_listed():
    with pytest.raises(ClewError, match=r"\(the last 16 of 20\): .*layer4\.1\.conv2\.$"):
        heatmaps(build("resnet18", 32), noise(1, 32), classes(0), "layer5")


def test_other_bad_input():
    net = ByHand()
    with pytest.raises(ClewError, match="unknown heatmap method 'gradcam'.*Known: grad-cam, input-gradient"):
        heatmaps(net, picture(), classes(0), "conv", "gradcam")
    with pytest.raises(ClewError, match="targets from 0 to 2, the network's classes; found -1 to 3"):
        heatmaps(net, picture(2), classes(-1, 3), "conv")
    with pytest.raises(ClewError, match="as floats .* found torch.uint8 .1, 3, 2, 2.: scale bytes"):
        heatmaps(net, picture().byte(), classes(0), "conv")
    with pytest.raises(ClewError, match=r"found torch.float32 \(0, 3, 2, 2\)"):
        heatmaps(net, picture()[:0], classes(0)[:0], "conv")
    with pytest.raises(ClewError, match="one class number .int64. for each of 2 pictures, found torch.int64 .1,."):
        heatmaps(net, picture(2), classes(0), "conv")
    with pytest.raises(ClewError, match="found torch.float32"):
        heatmaps(net, picture(), torch.zeros(1), "conv")


def test_maps_drawn_large_by_hand():
    small = torch.tensor([[[0.0, 1.0], [0.0, 1.0]], [[4.0, 4.0], [0.0, 0.0]]])
    rows, columns = upsampled(small, 4)
    assert rows.tolist() == [[0, 0.25, 0.75, 1]] * 4
    assert columns.tolist() == [[4] * 4, [3] * 4, [1] * 4, [0] * 4]
