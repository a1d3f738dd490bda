"""Which parts of a network keep their weights: shares counted by hand, names from the network."""

import sys
import types

import pytest

from clew.base.errors import ClewError
from clew.detectors.base import Detector
from clew.detectors.build import build, detectors, part_names
from clew.detectors.layers import prunable
from clew.tickets.parts_table import OTHER, part_of, parts_table

NAMES = {"blocks.1": "block 2", "blocks.0": "block 1", "blocks.0.head": "its head"}
TENSORS = ["blocks.0.a.weight", "blocks.0.head.weight", "blocks.1.a.weight", "blocks.10.a.weight", "verdict.weight"]


def run(*living):
    return {"order": TENSORS, "layers": {name: [kept, 10] for name, kept in zip(TENSORS, living, strict=True)}}


def facts():
    runs = {"d": run(10, 10, 10, 10, 10), "a": run(1, 2, 3, 4, 5), "b": run(3, 2, 9, 4, 6), "r": run(0, 0, 0, 0, 0)}
    entries = [
        {"method": "dense", "controls": "", "level": 0.0, "seed": 0, "run": "d"},
        {"method": "random", "controls": "imp", "level": 0.8, "seed": 0, "run": "r"},
        {"method": "imp", "controls": "", "level": 0.8, "seed": 1, "run": "b"},
        {"method": "imp", "controls": "", "level": 0.8, "seed": 0, "run": "a"},
    ]
    return {"runs": runs, "entries": entries}


def test_a_tensor_belongs_to_the_longest_name_that_its_own_begins_with():
    assert [part_of(name, NAMES) for name in TENSORS] == ["block 1", "its head", "block 2", OTHER, OTHER]


def test_shares_are_counted_by_part_and_averaged_over_seeds():
    found = parts_table(facts(), NAMES)
    assert found["names"] == ["block 2", "block 1", "its head", OTHER], "in the order of the names, the rest last"
    assert found["weights"] == [10, 10, 10, 20]
    (level,) = found["levels"]
    assert (level["method"], level["target"], level["n"]) == ("imp", 0.8, 2)
    assert level["kept"][0] == {"mean": pytest.approx(0.6), "min": 0.3, "max": 0.9, "seeds": [0.3, 0.9]}
    assert level["kept"][3]["seeds"] == pytest.approx([9 / 20, 10 / 20])


def test_a_network_without_named_parts_has_no_table():
    assert parts_table(facts(), {}) is None
    assert part_names("cnn5") == {}
    assert parts_table({"runs": {}, "entries": []}, NAMES) is None


@pytest.mark.parametrize("name", sorted(detectors))
def test_every_tensor_of_a_network_that_names_its_parts_belongs_to_one(name):
    options = {"backbone": "cnn5", "blocks": 3} if name == "mi_net" else {}
    names = part_names(name, options)
    if not names:
        return
    module = build(name, 32, 2, options)
    parts = [part_of(tensor, names) for tensor in prunable(module)]
    assert set(parts) == set(names.values()), "no part is empty, and nothing is left over"
    for path in names:
        module.get_submodule(path)


def test_mi_net_names_its_blocks_and_heads():
    names = part_names("mi_net")
    assert [names[f"blocks.{i}"] for i in range(4)] == ["block 1", "block 2", "block 3", "block 4"]
    assert names["without.3"] == "head without block 4"
    assert "blocks.4" not in names
    with pytest.raises(ClewError, match="blocks must be a whole number from 2 to 64"):
        part_names("mi_net", {"blocks": 10**9})


def test_a_ladder_can_be_read_where_its_network_is_not_at_hand(monkeypatch):
    assert part_names("nowhere_at_all:Net") == {}
    assert part_names("json") == {}
    assert part_names("timm:resnet18") == {}
    module = types.ModuleType("my_nets")
    module.Net = type("Net", (Detector,), {"part_names": classmethod(lambda cls, options: {"stem": "stem"})})
    monkeypatch.setitem(sys.modules, "my_nets", module)
    assert part_names("my_nets:Net") == {"stem": "stem"}
