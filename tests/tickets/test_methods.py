"""Methods and controls against scores worked out by hand, and what each control changes and leaves alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from clew.tickets.importance import score
from clew.tickets.masks import full_mask, random_mask, remaining, shuffled_mask
from clew.tickets.methods import methods
from clew.tickets.methods.base import Source
from clew.tickets.methods.gradual import cubic
from clew.tickets.methods.grasp import gradient_flow
from clew.tickets.methods.snip import connection_sensitivity
from clew.tickets.methods.synflow import positive, synaptic_flow
from clew.tickets.runs import Run

NAMES = ["first.weight", "second.weight"]


class TwoLayers(nn.Module):
    """logits = V w, w = W x: no nonlinearity, so that all can be worked out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.first.weight = nn.Parameter(torch.tensor([[1.0, -2.0, 0.7], [0.5, 0.25, -0.3]]))
        self.second.weight = nn.Parameter(torch.tensor([[1.0, 0.5], [-1.0, 2.0]]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(images.flatten(1)))


IMAGES = torch.tensor([[1.0, 0.5, -0.2], [0.25, -1.0, 0.6], [2.0, 1.0, 0.9]]).reshape(3, 3, 1, 1)
TARGETS = torch.tensor([0, 1, 1])


def by_hand(first: np.ndarray, second: np.ndarray, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the mean cross-entropy of logits / temperature for both layers, by the chain rule."""
    x, y = IMAGES.flatten(1).double().numpy(), np.eye(2)[TARGETS]
    hidden = x @ first.T
    logits = hidden @ second.T / temperature
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    error = (p - y) / len(x) / temperature
    return (error @ second).T @ x, error.T @ hidden


def weights(module: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    first, second = (module.get_parameter(name).detach().double().numpy() for name in NAMES)
    return first, second


def test_snip_is_the_product_of_weight_and_gradient():
    module = TwoLayers()
    found = connection_sensitivity(module, IMAGES, TARGETS)
    for name, values, gradient in zip(NAMES, weights(module), by_hand(*weights(module)), strict=True):
        np.testing.assert_allclose(found[name].numpy(), np.abs(values * gradient), rtol=1e-5)


def test_many_pictures_are_taken_in_parts():
    module = TwoLayers()
    many = connection_sensitivity(module, IMAGES.repeat(40, 1, 1, 1), TARGETS.repeat(40))
    few = connection_sensitivity(module, IMAGES, TARGETS)
    for name in NAMES:
        torch.testing.assert_close(many[name], few[name])
    many = gradient_flow(module, IMAGES.repeat(40, 1, 1, 1), TARGETS.repeat(40))
    few = gradient_flow(module, IMAGES, TARGETS)
    for name in NAMES:
        torch.testing.assert_close(many[name], few[name], rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_grasp_is_the_product_of_weight_and_hessian_gradient(temperature):
    module = TwoLayers().double()
    found = gradient_flow(module, IMAGES.double(), TARGETS, temperature)
    start = weights(module)
    gradient = by_hand(*start, temperature)
    step = 1e-5  # H g by differences of gradients along g
    ahead = by_hand(*(w + step * g for w, g in zip(start, gradient, strict=True)), temperature)
    behind = by_hand(*(w - step * g for w, g in zip(start, gradient, strict=True)), temperature)
    for name, values, one, other in zip(NAMES, start, ahead, behind, strict=True):
        np.testing.assert_allclose(found[name].numpy(), values * (one - other) / (2 * step), rtol=1e-4, atol=1e-14)


def test_what_grasp_removes_first_is_what_the_gradient_flows_better_without():
    module = TwoLayers().double()
    found = gradient_flow(module, IMAGES.double(), TARGETS, 1.0)
    first, second = weights(module)
    norm = sum(float((g**2).sum()) for g in by_hand(first, second))
    small = 1e-6
    for (row, column), value in np.ndenumerate(found["first.weight"].numpy()):
        less = first.copy()
        less[row, column] *= 1 - small
        change = (sum(float((g**2).sum()) for g in by_hand(less, second)) - norm) / small
        assert change == pytest.approx(-2 * value, rel=1e-3)


def test_synflow_is_the_flow_through_each_weight():
    module = positive(TwoLayers())
    found = synaptic_flow(module, torch.ones(1, 3, 1, 1, dtype=torch.float64))
    first, second = (np.abs(values) for values in weights(TwoLayers()))
    np.testing.assert_allclose(found["first.weight"].numpy(), first * second.sum(0)[:, None])
    np.testing.assert_allclose(found["second.weight"].numpy(), second * first.sum(1)[None, :])
    assert found["first.weight"].sum() == pytest.approx(float(found["second.weight"].sum())), "flow is conserved"


def source(name: str, level: float, scope: str = "global", module: nn.Module | None = None) -> Source:
    net = TwoLayers() if module is None else module
    values = {key: net.get_parameter(key).detach().numpy() for key in NAMES}
    return Source(
        run=Run(f"{name}-s0", name, 0, level),
        scope=scope,
        score="magnitude",
        values=values,
        mask=full_mask(values),
        uses=dict.fromkeys(NAMES, 1),
        input_size=1,
        module=lambda: TwoLayers() if module is None else module,
        examples=lambda count: (IMAGES, TARGETS),
    )


@pytest.mark.parametrize("name", ["snip", "grasp"])
def test_the_least_scores_go(name):
    find = {"snip": connection_sensitivity, "grasp": gradient_flow}[name]
    scores = {key: value.numpy() for key, value in find(TwoLayers(), IMAGES, TARGETS).items()}
    mask = methods.get(name).mask(source(name, 0.5))
    kept = np.concatenate([scores[key][mask[key]] for key in NAMES])
    gone = np.concatenate([scores[key][~mask[key]] for key in NAMES])
    assert len(kept) == len(gone) == 5
    assert kept.min() > gone.max()


@pytest.mark.parametrize("name", ["imp", "one-shot", "snip", "grasp", "synflow"])
@pytest.mark.parametrize("scope", ["global", "local"])
def test_every_method_keeps_the_number_asked_for(name, scope):
    mask = methods.get(name).mask(source(name, 0.5, scope))
    assert remaining(mask) == 5
    if scope == "local":
        assert [int(kept.sum()) for kept in mask.values()] == [3, 2]


def test_synflow_cuts_no_layer_off():
    """One layer's weights are a thousand times smaller: by magnitude it goes first, by flow it does not."""
    module = TwoLayers()
    with torch.no_grad():
        module.first.weight.mul_(1e-3)
    by_size = methods.get("one-shot").mask(source("one-shot", 0.6, module=module))
    by_flow = methods.get("synflow").mask(source("synflow", 0.6, module=module))
    assert not by_size["first.weight"].any()
    assert by_flow["first.weight"].any()
    assert by_flow["second.weight"].any()


def test_gradual_follows_the_cubic_schedule():
    found = cubic(0.8, 0, 100)
    steps = sorted(found)
    assert steps[-1] == 59
    assert found[59] == pytest.approx(0.8)
    assert found[round(59 / 2)] == pytest.approx(0.8 * (1 - 0.5**3), abs=0.01)
    assert all(found[a] < found[b] for a, b in pairwise(steps))
    assert cubic(0.8, 10, 12) == {11: pytest.approx(0.8)}
    assert min(cubic(0.9, 40, 100)) > 40


def test_gradual_prunes_by_the_score_of_the_search_and_brings_nothing_back():
    one = source("gradual", 0.75)
    assert remaining(methods.get("gradual").mask(one)) == 10
    pruning = methods.get("gradual").pruning(one, 0, 100)
    assert pruning is not None
    mask = {key: torch.from_numpy(kept) for key, kept in one.mask.items()}
    module = TwoLayers()
    for step in range(100):
        new = pruning.at(step, module, mask)
        if new is not None:
            assert all(bool((new[key] <= mask[key]).all()) for key in NAMES)
            mask = new
    values = np.concatenate([np.abs(one.values[key]).reshape(-1) for key in NAMES])
    kept = np.concatenate([mask[key].numpy().reshape(-1) for key in NAMES])
    assert kept.sum() == 2
    assert values[kept].min() >= values[~kept].max()


def test_controls_change_what_they_should_and_nothing_else():
    like = {"a": np.arange(100).reshape(10, 10) % 3 == 0, "b": np.arange(64).reshape(4, 16) < 5}
    for drawn in (random_mask(like, 1), shuffled_mask(like, 1)):
        assert {key: kept.sum() for key, kept in drawn.items()} == {"a": 34, "b": 5}
        assert any((drawn[key] != like[key]).any() for key in like)
    assert (shuffled_mask(like, 1)["a"] != shuffled_mask(like, 2)["a"]).any()
    np.testing.assert_array_equal(shuffled_mask(like, 1)["a"], shuffled_mask(like, 1)["a"])
    one = source("reinit", 0.5)
    assert methods.get("reinit").mask(one) is one.mask


def test_magnitude_per_mac_ranks_by_squared_magnitude_per_multiply_add():
    values = {"a": np.array([2.0, -4.0]), "b": np.array([1.0, 0.5]), "c": np.array([1.0])}
    found = score("magnitude-per-mac", values, {"a": 16, "b": 1, "c": 0})
    np.testing.assert_allclose(found["a"], [0.5, 1.0])
    np.testing.assert_allclose(found["b"], [1.0, 0.5])
    np.testing.assert_allclose(found["c"], [1.0])
