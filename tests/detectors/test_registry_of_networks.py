"""Laws that every registered detector keeps: a new one is tested by existing."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.detectors import build, detectors, initial_state
from clew.detectors.base import Config, two_logits
from clew.detectors.build import facts_of, network
from clew.detectors.layers import PRUNABLE, prunable, uses_per_weight
from clew.training.weights import fit_state, load_state, save_state

NAMES = detectors.names()
# A small form of networks that are large as they come.
OPTIONS: dict[str, dict[str, Any]] = {"mi_net": {"backbone": "cnn5", "blocks": 2}}


def config_of(name: str, classes: int = 2, larger: bool = False) -> Config:
    """The smallest form of a network, or one of a larger size, no multiple of 32 where that may be."""
    facts = (
        network(Config(name, facts_of(name).input_size, 2, OPTIONS[name])).facts if name in OPTIONS else facts_of(name)
    )
    least = facts.least or facts.multiple
    size = (least + 13 if facts.multiple == 1 else 2 * least) if larger else least
    return Config(name, size, classes, OPTIONS.get(name, {}))


@cache
def smallest(name: str) -> nn.Module:
    """The smallest form of a network with two logits; not to be trained."""
    torch.manual_seed(1)
    return network(config_of(name))


def pictures(size: int, count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("classes", "larger"), [(1, False), (2, True), (5, False)])
def test_logits_of_any_size_and_number_of_classes(name, classes, larger):
    config = config_of(name, classes, larger)
    module = network(config)
    torch.manual_seed(2)  # of dropout
    for mode in (True, False):
        logits = module.train(mode)(pictures(config.input_size))
        assert logits.shape == (4, config.outputs)
        assert logits.isfinite().all()
        if classes == 1:
            assert (logits[:, 1] == 0).all()
    last = module.get_submodule(module.facts.classifier)
    assert last.out_features == classes
    assert last.in_features == module.width


@pytest.mark.parametrize("name", NAMES)
def test_the_classifier_sees_the_features_of_normalised_pictures(name):
    module = smallest(name).eval()
    images = pictures(module.input_size)
    with torch.no_grad():
        mean, std = (torch.tensor(part).view(3, 1, 1) for part in (module.facts.mean, module.facts.std))
        features = module.features((images - mean) / std)
        assert features.shape == (4, module.width)
        assert (features[0] - features[1]).abs().max() > 1e-4, "features tell pictures apart"
        torch.testing.assert_close(two_logits(module.classify(features)), module(images))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_gradient_of_the_objective(name):
    module = copy.deepcopy(smallest(name)).train()
    torch.manual_seed(4)
    module.objective(pictures(module.input_size), torch.tensor([0, 1, 1, 0])).backward()
    for key, parameter in module.named_parameters():
        assert parameter.grad is not None, f"{key} gets no gradient"
        assert parameter.grad.isfinite().all(), f"the gradient of {key} is not finite"
        assert parameter.ndim < 2 or parameter.grad.abs().max() > 0, f"the gradient of {key} is zero"


@pytest.mark.parametrize("name", NAMES)
def test_the_cam_layer_puts_out_maps_that_stay_as_they_are_and_have_a_gradient(name):
    config = config_of(name, larger=True)
    module = network(config).eval()
    seen = []

    def keep(part, inputs, output):
        seen.append((output, output.detach().clone()))

    module.get_submodule(module.facts.cam_layer).register_forward_hook(keep)
    logits = module(pictures(config.input_size, 2))
    assert len(seen) == 1, "the CAM layer runs once"
    maps, at_once = seen[0]
    assert maps.ndim == 4
    assert maps.shape[0] == 2
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), maps)
    assert gradient.shape == maps.shape
    assert gradient.abs().max() > 0
    assert torch.equal(maps, at_once), "nothing after it works in place"


@pytest.mark.parametrize("name", NAMES)
def test_prunable_are_the_weights_of_convolutions_and_linear_layers_each_used(name):
    module = smallest(name)
    names = prunable(module)
    assert all(isinstance(module.get_submodule(n.removesuffix(".weight")), PRUNABLE) for n in names)
    others = {n for n, _ in module.named_parameters()} - set(names)
    assert all(n.endswith("bias") or module.get_parameter(n).ndim == 1 for n in others)
    uses = uses_per_weight(module, module.input_size)
    assert list(uses) == names
    assert uses[f"{module.facts.classifier}.weight"] == 1
    assert uses[names[0]] > 1, "the first convolution's weights are used at many places"


@pytest.mark.parametrize("name", NAMES)
def test_trained_weights_come_back_from_a_file(name, tmp_path):
    module = copy.deepcopy(smallest(name)).train()
    images, before = pictures(module.input_size), copy.deepcopy(module.state_dict())
    torch.manual_seed(5)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    module.objective(images, torch.tensor([0, 1, 1, 0])).backward()
    optimiser.step()
    assert all(not torch.equal(module.get_parameter(key), before[key]) for key in prunable(module))
    save_state(tmp_path / "net.safetensors", module.state_dict())
    fresh = network(config_of(name))
    fresh.load_state_dict(fit_state(fresh, load_state(tmp_path / "net.safetensors")[0], "the file"))
    with torch.no_grad():
        assert torch.equal(fresh.eval()(images), module.eval()(images))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_weights_and_draws_nothing_from_the_rest(name):
    config = config_of(name)
    torch.manual_seed(5)
    first = initial_state(config, 1)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1)), "the global generator is left as it was"
    second, other = initial_state(config, 1), initial_state(config, 2)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(not torch.equal(first[key], other[key]) for key in prunable(smallest(name)))
    assert "mean" not in first


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_numbers_of_classes_are_checked(name):
    config = config_of(name)
    with pytest.raises(ClewError, match=f"the input size must be at least {config.input_size} pixels"):
        build(name, config.input_size - 1, 2, config.options)
    with pytest.raises(ClewError, match="expected 2 classes or more"):
        build(name, config.input_size, 0, config.options)
