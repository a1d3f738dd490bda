"""Tickets calibrated on several stores, what their headers then say, and headers that lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench_tickets import small_ticket
from clew.base.errors import ClewError
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.media.familiarity import Familiarity
from clew.tickets import calibrating
from clew.tickets.calibrating import ScanCrops, calibrate_ticket
from clew.tickets.evaluation import evaluate
from clew.tickets.evaluation.bench import Bench
from clew.tickets.evaluation.pooled import errors
from clew.tickets.file import parse_ticket, read_ticket
from clew.training.calibration import Calibration, calibrate, source_weights
from clew.training.data import load_split
from clew.training.operating import OperatingPoint, operating_point
from clew.training.real_points import RealPoint
from clew.training.reliability import expected_calibration_error
from command_line import refused, told
from noise import write_folder
from sealed_tickets import resealed


@pytest.fixture(scope="module")
def stores(store_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two stores, of which the second one is a third as large."""
    root = write_folder(tmp_path_factory.mktemp("other") / "root", seed=5)
    other = tmp_path_factory.mktemp("other") / "other-store"
    crop_dataset(root, "folder", other, limit=6)
    return [store_path, other]


@pytest.fixture(scope="module")
def made(stores: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated")
    plain = small_ticket(folder / "plain.safetensors", 0.5)
    calibrate_ticket(plain, stores, folder / "new.safetensors", fpr=0.1, fnr=0.2, scan=ScanCrops("dlib", 1.4))
    return folder


def test_it_is_what_the_validation_parts_give_by_hand(made: Path, stores: list[Path]) -> None:
    header = read_ticket(made / "new.safetensors").header
    ticket = calibrating.load_ticket(made / "plain.safetensors")
    parts = [load_split([open_store(path)], "val") for path in stores]
    assert len(parts[0]) == 2 * len(parts[1])
    logits = np.concatenate([ticket.logits(part.crops(range(len(part)), 32)) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    sources = np.repeat([0, 1], [len(part) for part in parts])
    wanted = calibrate(logits, labels, sources=sources)
    found = Calibration.from_dict(header["calibration"])
    assert found.temperature == pytest.approx(wanted.temperature, rel=1e-3)
    point = operating_point(labels, wanted.fake(logits), 0.1, weights=source_weights(labels, sources))
    kept = OperatingPoint.from_dict(header["operating_point"]["picture"])
    assert (kept.threshold, kept.fpr, kept.tpr) == pytest.approx((point.threshold, point.fpr, point.tpr), abs=1e-3)
    assert kept.effective < kept.reals, "two pictures of a cluster count less than two"
    real = RealPoint.from_dict(header["operating_point"]["real"]["picture"])
    assert (real.asked, kept.asked) == (0.2, 0.1)
    assert real.fnr <= 0.2
    assert real.threshold <= kept.threshold


def test_weights_mask_and_all_else_stay(made: Path, stores: list[Path]) -> None:
    before, after = (read_ticket(made / f"{name}.safetensors") for name in ("plain", "new"))
    for name, kept in before.mask.items():
        np.testing.assert_array_equal(kept, after.mask[name])
        np.testing.assert_array_equal(before.values[name], after.values[name])
    new = {"calibration", "operating_point", "familiarity", "scan", "calibrated_on", "seal"}
    assert {k: v for k, v in after.header.items() if k not in new} == {
        k: v for k, v in before.header.items() if k not in new
    }
    assert after.header["scan"] == {"faces": "dlib", "scale": 1.4, "size": 32}
    assert [one["hash"] for one in after.header["calibrated_on"]] == [open_store(path).hash for path in stores]


def test_familiarity_is_learned_from_training_parts_where_they_are_enough(made: Path, stores: list[Path]) -> None:
    assert read_ticket(made / "new.safetensors").header["familiarity"] is None, "24 crops are too few"


def test_familiar_crops_are_as_many_of_each_store(stores: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(calibrating, "descriptor", lambda crop: seen.append(len(crop)) or np.array([float(len(seen))]))
    monkeypatch.setattr(calibrating.Familiarity, "fit", lambda values: pytest.fail("too few"))
    assert calibrating._familiar([open_store(path) for path in stores], 32, calibrating.SILENT) is None
    assert seen == [32] * 2 * 12


def test_evaluation_tells_the_rates_of_both_points(made: Path, stores: list[Path]) -> None:
    found = evaluate(made / "new.safetensors", stores[1:], resamples=100)["stores"][0]["operating_point"]
    assert set(found["real"]) == {"picture", "video"}
    picture, real = found["picture"], found["real"]["picture"]
    assert real["thresholds"][0] <= picture["thresholds"][0]
    assert picture["fpr"]["mean"] + real["tnr"]["mean"] <= 1 + 1e-9
    assert picture["tpr"]["mean"] + real["fnr"]["mean"] <= 1 + 1e-9


def test_the_pooled_error_weighs_sources_alike() -> None:
    rng = np.random.default_rng(0)
    labels, prob = rng.integers(0, 2, 90), rng.random(90)
    sources = np.repeat([0, 1], [60, 30])
    blank = np.array([""] * 90)
    bench = Bench(labels, prob[None], np.arange(90).astype(str), blank, blank, (0,))
    found = errors(bench, sources, np.ones((1, 90)))
    weights = 0.5 * source_weights(labels, sources)
    assert found[0, 0] == pytest.approx(expected_calibration_error(prob, labels, weights=weights))
    twice = np.where(sources == 1, 2.0, 1.0)[None]
    assert errors(bench, sources, twice)[0, 0] == pytest.approx(found[0, 0]), "a source drawn twice weighs the same"


LIES = [
    (lambda h: h["operating_point"].update(picture=[1]), "operating_point"),
    (lambda h: h["operating_point"]["picture"].update(threshold="0.5"), "operating_point"),
    (lambda h: h["operating_point"]["picture"].update(threshold=7), "operating_point"),
    (lambda h: h["operating_point"].update(real=0.5), "operating_point"),
    (lambda h: h["operating_point"]["real"]["video"].update(threshold=True), "operating_point"),
    (lambda h: h.update(familiarity=[1.0]), "familiarity"),
    (lambda h: h.update(familiarity={"mean": [1, "a"]}), "familiarity"),
    (lambda h: h.update(familiarity={"mean": [[1]]}), "familiarity"),
    (lambda h: h.update(familiarity={"mean": [0] * 1_000_001}), "familiarity"),
    (lambda h: h.update(scan="dlib"), "scan"),
    (lambda h: h["scan"].update(scale=99), "scan"),
    (lambda h: h["scan"].update(scale="1"), "scan"),
    (lambda h: h["scan"].update(faces={}), "scan"),
    (lambda h: h["scan"].update(size=0), "scan"),
    (lambda h: h["scan"].update(run="rm"), "scan"),
    (lambda h: h.update(calibrated_on={"name": "a"}), "calibrated_on"),
    (lambda h: h.update(calibrated_on=[{"name": 1}]), "calibrated_on"),
]


@pytest.mark.parametrize(("change", "field"), LIES)
def test_hostile_fields_are_refused(change, field: str, made: Path) -> None:
    ticket = read_ticket(made / "new.safetensors")
    with pytest.raises(ValueError, match=f"its header's '{field}' is not as expected"):
        parse_ticket(resealed(lambda h, t: change(h), ticket))


def test_what_is_familiar_goes_through_the_file(made: Path) -> None:
    draws = np.random.default_rng(0)
    crops = draws.integers(0, 256, (200, 8, 8, 3), np.uint8)
    usual = Familiarity.fit(np.stack([calibrating.descriptor(crop) for crop in crops]))
    ticket = read_ticket(made / "new.safetensors")
    told = replace(ticket, header={**ticket.header, "familiarity": usual.as_dict()})
    read = parse_ticket(resealed(lambda h, t: None, told)).header["familiarity"]
    assert Familiarity.from_dict(read).threshold == usual.threshold


def test_the_command(made: Path, stores: list[Path], tmp_path: Path) -> None:
    plain, out = made / "plain.safetensors", tmp_path / "by-command.safetensors"
    found = told("tickets", "calibrate", plain, *stores, "--out", out, "--fpr", 0.1, "--fnr", 0.2, "--faces", "dlib")
    assert found["scan"] == {"faces": "dlib", "scale": 1.3, "size": 32}
    assert found["seal"] == read_ticket(out).header["seal"]
    assert "exists" in refused("tickets", "calibrate", plain, *stores, "--out", out)
    other = tmp_path / "other.safetensors"
    assert "--fpr 0.7" in refused("tickets", "calibrate", plain, *stores, "--out", other, "--fpr", 0.7)
    assert "--scale 9" in refused(
        "tickets", "calibrate", plain, *stores, "--out", other, "--faces", "dlib", "--scale", 9
    )
    assert "Known: dlib" in refused("tickets", "calibrate", plain, *stores, "--out", other, "--faces", "hog")
    assert not other.exists()


def test_nothing_to_calibrate_on(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ClewError, match="at least one crop store"):
        calibrate_ticket(made / "plain.safetensors", [], tmp_path / "x.safetensors")
