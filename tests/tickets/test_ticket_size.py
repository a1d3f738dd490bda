"""How large a ticket is, with all that a search writes into one."""

import numpy as np
import pytest

from clew.detectors.base import Config
from clew.detectors.build import initial_state, network
from clew.detectors.layers import prunable
from clew.tickets.exporting.ticket_fp16_format import rounded
from clew.tickets.file import TicketFile, ticket_bytes
from clew.tickets.masks import layer_counts, prunable_count, remaining
from clew.tickets.tracing import graph_facts

NUMBER = 0.6315968501359612  # as long as numbers get
RATES = {"asked": 0.05, "effective": 3.0, "fakes": 1200, "fpr": NUMBER, "fpr_high": NUMBER, "margin": NUMBER}
RATES |= {"reals": 1200, "resolved": False, "threshold": NUMBER, "tpr": NUMBER}
CALIBRATION = dict.fromkeys(("ece_after", "ece_before", "nll_after", "nll_before", "prior", "temperature"), NUMBER)
HEADER = {
    "classes": ["real", "fake"],
    "protocol": "faces-v1, 128 px",
    "data": [{"name": "store", "hash": "5" * 64, "protocol": "faces-v1, 128 px"}],
    "search": {"run": "imp-s0-80", "method": "imp", "seed": 0, "scope": "global", "score": "magnitude", "rewind": "init",
               "kind": "winning", "level": 0.8, "levels": [0.5, 0.8, 0.9, 0.95], "start": "", "fakes": []},
    "training": {"accumulate": 1, "augment": "standard", "balance": "class", "batch_size": 32, "blend": False,
                 "epochs": 10, "lr": 0.001, "patience": 10, "schedule": "cosine", "select": True, "weight_decay": 0.0},
    "choices": {"compile": False, "device": "cpu", "devices": 1, "memory_format": "contiguous", "precision": "bf16",
                "threads": 2},
    "best_epoch": 10,
    "metrics": {split: {"auc": NUMBER, "accuracy": NUMBER} for split in ("val", "test")},
    "calibration": {**CALIBRATION, "at_bound": False, "fakes": 1200, "pictures": 2400, "split": "val"},
    "operating_point": {"fpr": 0.05, "picture": RATES, "video": RATES},
}  # fmt: skip


def ticket(name, size, level):
    """A ticket of random weights, a share `level` of them gone."""
    config, draw = Config(name, size), np.random.default_rng(0)
    state = {key: tensor.numpy() for key, tensor in initial_state(config, 0).items()}
    mask = {key: draw.random(state[key].shape, np.float32) >= level for key in prunable(network(config))}
    values = {key: np.where(kept, state[key], np.float32(0)) for key, kept in mask.items()}
    counts = {"sparsity": NUMBER, "macs_sparsity": NUMBER, "remaining": remaining(mask), "macs": 15011872}
    counts |= {"prunable": prunable_count(mask), "layers": layer_counts(mask)}
    header = {**HEADER, "detector": config.as_dict(), "sparsity": counts, **graph_facts(config)}
    return TicketFile(header, mask, values, {key: tensor for key, tensor in state.items() if key not in mask})


@pytest.mark.parametrize(
    ("name", "size", "level", "most", "most_fp16"),
    [("meso4", 128, 0.8, 20_000, 14_000), ("resnet18", 224, 0.9, 6_000_000, 3_800_000)],
)
def test_a_ticket_is_little_more_than_its_weights(name, size, level, most, most_fp16):
    content = ticket(name, size, level)
    half = ticket_bytes(rounded(content, "t"))
    whole = ticket_bytes(content)
    assert len(whole) <= most
    assert len(half) <= most_fp16
    numbers = (
        4 * remaining(content.mask) + prunable_count(content.mask) / 8 + sum(t.nbytes for t in content.rest.values())
    )
    assert len(whole) - numbers < 8000  # all that is said of them
