"""ResNet and Xception: names and shapes of the tensors in published weights, and what the papers' figures compute."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from clew.detectors import build
from clew.detectors.build import facts_of

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def keys_under(module: nn.Module, prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key in module.state_dict() if key.startswith(prefix)]


def norm_keys(*names: str) -> list[str]:
    return [f"{name}.{part}" for name in names for part in NORM]


def randomised(name: str, size: int) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A network in evaluation mode whose norms do something, and its tensors."""
    torch.manual_seed(0)
    module = build(name, size, 2).eval()
    state = module.state_dict()
    for key, value in state.items():
        if key.endswith(("running_mean", "running_var")) or (value.ndim == 1 and key.endswith("weight")):
            value.uniform_(0.6, 1.4)
    return module, state


def normed(maps, state, key):
    return functional.batch_norm(
        maps, *(state[f"{key}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
    )


def test_sizes_of_resnets():
    assert count(build("resnet18")) == 11_177_538
    assert count(build("resnet18", 224, 1000)) == 11_689_512
    assert count(build("resnet34", 224, 1000)) == 21_797_672


@pytest.mark.parametrize(
    ("name", "depths", "tensors"), [("resnet18", (2, 2, 2, 2), 122), ("resnet34", (3, 4, 6, 3), 218)]
)
def test_tensors_of_resnets_are_named_as_in_torchvision(name, depths, tensors):
    module = build(name, 32)
    keys = list(module.state_dict())
    assert len(keys) == tensors
    assert keys[:6] == ["conv1.weight", *norm_keys("bn1")]
    assert keys[-2:] == ["fc.weight", "fc.bias"]
    block = ["conv1.weight", *norm_keys("bn1"), "conv2.weight", *norm_keys("bn2")]
    assert keys_under(module, "layer1.0.") == block, "no shortcut where nothing changes"
    for layer, depth in enumerate(depths, 1):
        assert keys_under(module, f"layer{layer}.{depth - 1}.") == block
        assert not keys_under(module, f"layer{layer}.{depth}.")
        if layer > 1:
            assert keys_under(module, f"layer{layer}.0.") == block + ["downsample.0.weight", *norm_keys("downsample.1")]
    found = shapes(module)
    assert found["conv1.weight"] == (64, 3, 7, 7)
    assert found["layer2.0.conv1.weight"] == (128, 64, 3, 3)
    assert found["layer3.0.downsample.0.weight"] == (256, 128, 1, 1)
    assert found["layer4.1.conv2.weight"] == (512, 512, 3, 3)
    assert found["fc.weight"] == (2, 512)


def test_resnet18_computes_what_the_paper_draws():
    module, state = randomised("resnet18", 45)
    images = torch.rand(2, 3, 45, 45)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    maps = (images - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    maps = normed(functional.conv2d(maps, state["conv1.weight"], stride=2, padding=3), state, "bn1").relu()
    maps = functional.max_pool2d(maps, 3, 2, 1)
    for layer in range(1, 5):
        for block in range(2):
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            inner = functional.conv2d(maps, state[f"{at}.conv1.weight"], stride=stride, padding=1)
            inner = functional.conv2d(normed(inner, state, f"{at}.bn1").relu(), state[f"{at}.conv2.weight"], padding=1)
            if stride == 2:
                maps = functional.conv2d(maps, state[f"{at}.downsample.0.weight"], stride=2)
                maps = normed(maps, state, f"{at}.downsample.1")
            maps = (normed(inner, state, f"{at}.bn2") + maps).relu()
    expected = maps.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(module(images), expected, rtol=1e-4, atol=1e-4)


def test_resnets_start_as_torchvision_starts_them():
    module = build("resnet18", 32)
    # He et al. by fan-out: the variance is 2 / (outputs * kernel area)
    for name, fan_out in (("layer4.1.conv2", 512 * 9), ("layer2.0.downsample.0", 128), ("layer1.0.conv1", 64 * 9)):
        assert module.get_submodule(name).weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all((part.weight == 1).all() and (part.bias == 0).all() for part in norms)


def test_facts_of_resnets_and_xception():
    assert facts_of("resnet34").mean == (0.485, 0.456, 0.406)
    assert facts_of("resnet34").std == (0.229, 0.224, 0.225)
    assert facts_of("xception").mean == facts_of("xception").std == (0.5, 0.5, 0.5)
    assert [facts_of(name).input_size for name in ("resnet18", "resnet34", "xception")] == [224, 224, 299]
    assert {facts_of(name).classifier for name in ("resnet18", "resnet34", "xception")} == {"fc"}


def separable(at: str) -> list[str]:
    return [f"{at}.conv1.weight", f"{at}.pointwise.weight"]


def test_tensors_of_xception_are_named_as_in_published_weights():
    module = build("xception", 32)
    assert count(module) == 20_811_050
    assert count(build("xception", 32, 1000)) == 22_855_952
    keys = list(module.state_dict())
    assert len(keys) == 276
    shortcut = ["skip.weight", *norm_keys("skipbn")]
    expected = {
        # the first block has no ReLU to start with; each of the others one before every convolution
        "block1.": separable("rep.0") + norm_keys("rep.1") + separable("rep.3") + norm_keys("rep.4") + shortcut,
        "block2.": separable("rep.1") + norm_keys("rep.2") + separable("rep.4") + norm_keys("rep.5") + shortcut,
        "block3.": separable("rep.1") + norm_keys("rep.2") + separable("rep.4") + norm_keys("rep.5") + shortcut,
        "block12.": separable("rep.1") + norm_keys("rep.2") + separable("rep.4") + norm_keys("rep.5") + shortcut,
    }
    middle = [key for i in (1, 4, 7) for key in separable(f"rep.{i}") + norm_keys(f"rep.{i + 1}")]
    expected |= {f"block{number}.": middle for number in range(4, 12)}
    for prefix, names in expected.items():
        assert keys_under(module, prefix) == names
    outer = ["conv1.weight", *norm_keys("bn1"), "conv2.weight", *norm_keys("bn2")]
    outer += separable("conv3") + norm_keys("bn3") + separable("conv4") + norm_keys("bn4") + ["fc.weight", "fc.bias"]
    assert sorted(key for key in keys if not key.startswith("block")) == sorted(outer)


def test_shapes_of_xception():
    found = shapes(build("xception", 32))
    assert sum(1 for shape in found.values() if len(shape) == 4) == 74
    assert found["conv1.weight"] == (32, 3, 3, 3)
    assert found["conv2.weight"] == (64, 32, 3, 3)
    assert found["block1.rep.0.conv1.weight"] == (64, 1, 3, 3)
    assert found["block1.rep.0.pointwise.weight"] == (128, 64, 1, 1)
    assert found["block3.rep.4.pointwise.weight"] == (728, 728, 1, 1)
    # the last block grows at its second convolution, not at its first
    assert found["block12.rep.1.pointwise.weight"] == (728, 728, 1, 1)
    assert found["block12.rep.4.conv1.weight"] == (728, 1, 3, 3)
    assert found["block12.rep.4.pointwise.weight"] == (1024, 728, 1, 1)
    assert found["block12.skip.weight"] == (1024, 728, 1, 1)
    assert found["conv3.pointwise.weight"] == (1536, 1024, 1, 1)
    assert found["conv4.pointwise.weight"] == (2048, 1536, 1, 1)
    assert found["fc.weight"] == (2, 2048)


def test_xception_computes_what_the_paper_draws():
    module, state = randomised("xception", 45)
    images = torch.rand(2, 3, 45, 45)

    def apart(maps, at):
        weight = state[f"{at}.conv1.weight"]
        maps = functional.conv2d(maps, weight, padding=1, groups=len(weight))
        return functional.conv2d(maps, state[f"{at}.pointwise.weight"])

    maps = images * 2 - 1
    maps = normed(functional.conv2d(maps, state["conv1.weight"], stride=2), state, "bn1").relu()
    maps = normed(functional.conv2d(maps, state["conv2.weight"]), state, "bn2").relu()
    assert maps.shape[2:] == (20, 20)
    for number in range(1, 13):
        inner = maps
        for at in {1: (0, 3), 2: (1, 4), 3: (1, 4), 12: (1, 4)}.get(number, (1, 4, 7)):
            inner = inner if at == 0 else inner.relu()
            inner = normed(apart(inner, f"block{number}.rep.{at}"), state, f"block{number}.rep.{at + 1}")
        if number in (1, 2, 3, 12):
            inner = functional.max_pool2d(inner, 3, 2, 1)
            maps = functional.conv2d(maps, state[f"block{number}.skip.weight"], stride=2)
            maps = normed(maps, state, f"block{number}.skipbn")
        maps = inner + maps
    maps = normed(apart(maps, "conv3"), state, "bn3").relu()
    maps = normed(apart(maps, "conv4"), state, "bn4").relu()
    expected = maps.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(module(images), expected, rtol=1e-3, atol=1e-3)


def test_xception_keeps_the_size_of_signals_at_the_start():
    module = build("xception", 32)
    for name, variance in (("block7.rep.4.conv1", 2 / 9), ("block7.rep.4.pointwise", 1 / 728), ("conv2", 2 / (32 * 9))):
        assert module.get_submodule(name).weight.std().item() == pytest.approx(variance**0.5, rel=0.05)
