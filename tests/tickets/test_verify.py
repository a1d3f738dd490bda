"""Whether a ticket keeps what it promises: a fresh one does, one that was touched does not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.tickets.evaluation import verify
from clew.tickets.evaluation.models import choose_model
from clew.tickets.exporting import export_ticket
from clew.tickets.file import read_ticket, write_ticket
from clew.tickets.importing import import_weights
from clew.training.weights import save_state
from method_stores import forged_ladder, method_run, store_of, write_store


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return forged_ladder(tmp_path_factory)


@pytest.fixture
def ticket(ladder, tmp_path):
    """A copy of the ticket of seed 1, whose AUC is not at its ceiling."""
    return shutil.copy(ladder.path / "tickets/dense-s1.safetensors", tmp_path / "ticket.safetensors")


def resealed(path, **changes):
    """The ticket written again with other parts of its header, sealed as any ticket is."""
    content = read_ticket(path)
    write_ticket(path, replace(content, header={**content.header, **changes}))


def broken(found):
    return [check["figure"] for check in found["checks"] if check["kept"] is False]


def test_a_fresh_ladder_keeps_its_promises_to_the_bit(ladder):
    found = verify(ladder.path, [store_of(ladder)], tolerance=0)
    assert (found["tickets"], found["passed"]) == (4, True)
    assert {check["gap"] for check in found["checks"]} == {0.0}
    assert {check["ticket"] for check in found["checks"]} == {
        "dense-s0.safetensors", "dense-s1.safetensors", "imp-s0-50.safetensors", "imp-s1-50.safetensors"
    }  # fmt: skip
    figures = {check["figure"] for check in found["checks"]}
    assert figures == {"sparsity", "remaining", "prunable", "val auc", "val accuracy", "test auc", "test accuracy"}
    json.dumps(found, allow_nan=False)


def test_a_method_or_a_ticket_is_verified_alone(ladder):
    assert verify(ladder.path, [store_of(ladder)], method="imp")["tickets"] == 2
    assert verify(ladder.path / "tickets/imp-s0-50.safetensors", [store_of(ladder)])["tickets"] == 1


def test_networks_that_tell_methods_apart_keep_their_macro_auc(tmp_path_factory):
    run = method_run(tmp_path_factory)
    found = verify(run.path, [store_of(run)], tolerance=0)
    assert found["passed"]
    assert any(check["figure"] == "test macro_auc" and check["kept"] for check in found["checks"])


def test_a_ticket_rounded_to_fp16_is_verified_like_any_other(ladder, tmp_path):
    """No weight may be counted as pruned because it was rounded, and the figures are measured with the rounded ones."""
    export_ticket(ladder.path / "tickets/imp-s0-50.safetensors", tmp_path / "half", "ticket-fp16")
    found = verify(tmp_path / "half", [store_of(ladder)])
    assert len(found["checks"]) == 7
    assert found["passed"], found["lines"]


def test_a_raised_auc_is_found(ladder, ticket):
    metrics = read_ticket(ticket).header["metrics"]
    raised = {**metrics, "test": {**metrics["test"], "auc": metrics["test"]["auc"] + 0.003}}
    resealed(ticket, metrics=raised)
    found = verify(ticket, [store_of(ladder)])
    assert not found["passed"]
    assert broken(found) == ["test auc"]
    (line,) = [line for line, check in zip(found["lines"], found["checks"], strict=True) if check["kept"] is False]
    assert line.endswith("gap -0.003000 (tolerance 0.002)")
    assert f"promised {raised['test']['auc']:.6g}, found {metrics['test']['auc']:.6g}" in line
    assert verify(ticket, [store_of(ladder)], tolerance=0.004)["passed"]


def test_an_accuracy_may_differ_by_one_video_and_no_more(ladder, ticket):
    metrics = read_ticket(ticket).header["metrics"]
    for videos, passes in ((1, True), (2, False)):
        raised = {**metrics["test"], "accuracy": metrics["test"]["accuracy"] - videos / 60}
        resealed(ticket, metrics={**metrics, "test": raised})
        assert verify(ticket, [store_of(ladder)])["passed"] is passes


def test_changed_weights_are_found(ladder, ticket):
    content = read_ticket(ticket)
    rng = np.random.default_rng(0)
    values = {
        name: np.where(content.mask[name], rng.permutation(w.ravel()).reshape(w.shape), 0)
        for name, w in content.values.items()
    }
    write_ticket(ticket, replace(content, values={name: w.astype(np.float32) for name, w in values.items()}))
    assert "test auc" in broken(verify(ticket, [store_of(ladder)]))


def test_a_sparsity_that_is_not_that_of_the_mask_is_found(ladder, ticket):
    counts = read_ticket(ticket).header["sparsity"]
    resealed(ticket, sparsity={**counts, "sparsity": 0.9, "remaining": counts["remaining"] - 1})
    assert broken(verify(ticket, [store_of(ladder)])) == ["sparsity", "remaining"]


def test_classes_that_do_not_fit_are_an_error(ladder, ticket):
    resealed(ticket, classes=["real", "Grid", "Stripes"])
    with pytest.raises(ClewError, match="a name for each of 2 classes"):
        verify(ticket, [store_of(ladder)])


def test_figures_that_nobody_can_measure_again_are_told_as_such(ladder, ticket):
    metrics = read_ticket(ticket).header["metrics"]
    resealed(ticket, metrics={**metrics, "test": {**metrics["test"], "charm": 0.5}})
    found = verify(ticket, [store_of(ladder)])
    assert found["passed"]
    assert [check["figure"] for check in found["checks"] if check["kept"] is None] == ["test charm"]
    assert any(line.endswith("test charm promised 0.5, not checked") for line in found["lines"])


def test_another_store_is_refused(ladder, ticket, tmp_path):
    write_store(tmp_path / "other", seed=9)
    wanted = ladder.facts["data"][0]["hash"][:12]
    with pytest.raises(ClewError, match=rf"on the store forged with the hash {wanted}; given is other \("):
        verify(ticket, [tmp_path / "other"])
    assert verify(ticket, [tmp_path / "other", store_of(ladder)])["passed"]


def test_imported_weights_promise_nothing(ladder, tmp_path):
    save_state(tmp_path / "net.safetensors", ladder.ticket("dense", 0.0, 0).state())
    import_weights(tmp_path / "net.safetensors", "meso4", tmp_path / "ticket.safetensors", input_size=32)
    with pytest.raises(ClewError, match="promises no figures"):
        verify(tmp_path / "ticket.safetensors", [store_of(ladder)])


def test_a_damaged_ticket_is_found_by_its_seal(ladder, ticket):
    data = bytearray(Path(ticket).read_bytes())
    data[-1] ^= 1
    Path(ticket).write_bytes(bytes(data))
    with pytest.raises(ClewError, match="is not a whole ticket"):
        verify(ticket, [store_of(ladder)])


def test_a_tolerance_that_is_none(ladder, ticket):
    with pytest.raises(ClewError, match="--tolerance 0.7"):
        verify(ticket, [store_of(ladder)], tolerance=0.7)


def test_a_split_that_nothing_has_is_an_error(ladder, ticket):
    resealed(ticket, metrics={"exam": {"auc": 1.0}})
    with pytest.raises(ClewError, match=r"ticket\.safetensors promises figures on a split 'exam'. Known: train, val"):
        verify(ticket, [store_of(ladder)])


def test_threads_without_end_are_not_begun(ticket):
    resealed(ticket, choices=read_ticket(ticket).header["choices"] | {"threads": 10**9})
    assert choose_model(ticket).members[0].choices.threads == 1
