"""Failure signatures: what is cut off, dead, not converged or falls off a cliff, on nets and facts made by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from clew.detectors import build
from clew.detectors.layers import prunable
from clew.tickets.connectivity import cut_off, dead_filters, lost_layers
from clew.tickets.signatures import signatures


class Chain(nn.Module):
    """Two convolutions with BatchNorm, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.second, self.head = nn.Conv2d(2, 2, 1), nn.Linear(2, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.norm(self.first(images)).relu()).mean((2, 3)))


def full(module):
    return {name: np.ones(module.get_parameter(name).shape, bool) for name in prunable(module)}


def test_a_dense_net_has_nothing_cut_off():
    for name, size in (("cnn5", 32), ("meso4", 32), ("resnet18", 32), ("xception", 32), ("mi_net", 32)):
        module = build(name, size, 2, {"backbone": "cnn5"} if name == "mi_net" else None)
        assert sum(cut_off(module, full(module), size).values()) == 0, name


def test_weights_without_a_path_are_counted():
    mask = full(Chain())
    mask["second.weight"][:, 0] = False  # nobody reads the first filter any more
    assert cut_off(Chain(), mask, 8) == {"first.weight": 27, "second.weight": 0, "head.weight": 0}
    mask["first.weight"][1] = False  # and the other one sees nothing
    found = cut_off(Chain(), mask, 8)
    assert found == {"first.weight": 27, "second.weight": 2, "head.weight": 4}
    layers = {name: [int(kept.sum()), kept.size] for name, kept in mask.items()}
    assert lost_layers(layers, found) == list(mask)


def test_a_bias_is_no_path():
    module = Chain()
    nn.init.ones_(module.first.bias)
    nn.init.ones_(module.norm.bias)
    mask = full(module)
    mask["first.weight"][:] = False
    assert cut_off(module, mask, 8) == {"first.weight": 0, "second.weight": 4, "head.weight": 4}


def test_a_way_round_keeps_a_residual_layer_alive():
    module = build("resnet18", 32, 2)
    mask = full(module)
    mask["layer1.0.conv1.weight"][:] = False
    found = cut_off(module, mask, 32)
    assert found["layer1.0.conv2.weight"] == mask["layer1.0.conv2.weight"].size, "its input is gone"
    assert found["layer1.1.conv1.weight"] == found["fc.weight"] == 0, "the way round goes on"


def test_dead_filters_have_no_living_weight():
    mask = {"a": np.ones((4, 3, 3, 3), bool), "b": np.ones((2, 4), bool)}
    mask["a"][1] = False
    mask["a"][2, :2] = False
    mask["b"][0] = False
    assert dead_filters(mask) == {"a": 1, "b": 1}


def row(target, mean, method="imp"):
    auc = {"mean": mean, "low": mean - 0.01, "high": mean + 0.01, "n": 3}
    dense = {"mean": 0.9, "low": 0.89, "high": 0.91, "n": 3}
    return {"method": method, "scope": "global", "target": target, "auc": auc, "reference": dense, "controls": None}


def facts(**changes):
    history = [{"epoch": epoch, "loss": loss} for epoch, loss in ((1, 0.6), (2, 0.5), (3, 0.49))]
    run = {
        "history": history,
        "best_epoch": 3,
        "layers": {"a": [5, 10]},
        "cut_off": {"a": 0},
        "dead_filters": {"a": 0},
        "filters": 10,
    } | changes
    return {"entries": [{"method": "imp", "level": 0.5, "controls": "", "run": "r"}], "runs": {"r": run}}


def kinds(found):
    return [one.kind for one in found]


def test_a_cliff_is_a_fall_beyond_margin_and_intervals():
    found = signatures(facts(), [row(0.5, 0.9), row(0.8, 0.895), row(0.9, 0.7)], 0.02)
    assert kinds(found) == ["cliff"]
    assert found[0].level == 0.9
    assert "between 80 and 90 %: AUC 0.895 to 0.700" in found[0].text
    assert kinds(signatures(facts(), [row(0.5, 0.9), row(0.8, 0.885)], 0.02)) == []
    first = signatures(facts(), [row(0.6, 0.7), row(0.8, 0.7)], 0.02)
    assert kinds(first) == ["cliff"], "also from dense to the first level"
    assert "between 0 and 60 %: AUC 0.900 to 0.700" in first[0].text


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"history": [{"epoch": 1, "loss": 0.6}, {"epoch": 2, "loss": 0.4}], "best_epoch": 2}, "not converged"),
        ({"layers": {"a": [5, 10]}, "cut_off": {"a": 5}}, "cut off"),
        ({"layers": {"a": [0, 10]}}, "cut off"),
        ({"dead_filters": {"a": 2}}, "dead filters"),
    ],
)
def test_each_signature_has_its_name(changes, kind):
    assert kinds(signatures(facts(**changes), [], 0.02)) == [kind]


def test_a_healthy_ladder_has_none():
    assert signatures(facts(), [row(0.5, 0.9)], 0.02) == []
    early = [{"epoch": 1, "loss": 0.6}, {"epoch": 2, "loss": 0.4}]
    assert signatures(facts(history=early, best_epoch=1), [], 0.02) == [], "the best epoch came before"
