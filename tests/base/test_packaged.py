"""The ticket and the ladder that come with Clew: whole, sealed, small, and with all that a scan needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import clew
from clew.base import packaged
from clew.base.errors import ClewError
from clew.media.familiarity import Familiarity
from clew.reports.card_markdown import NOTICE
from clew.tickets.file import read_sealed
from clew.tickets.ladder import open_ladder
from clew.training.calibration import Calibration
from clew.training.operating import OperatingPoint
from clew.training.real_points import RealPoint

MB = 10**6


@pytest.fixture(scope="module")
def header() -> dict:
    return read_sealed(packaged.packaged_ticket())


def test_the_ticket_is_small_sparse_and_has_its_card() -> None:
    path = packaged.packaged_ticket()
    assert path.stat().st_size <= 3 * MB
    ticket = clew.load_ticket()
    assert (ticket.where, ticket.header["seal"]) == (str(path), read_sealed(path)["seal"])
    assert ticket.sparsity >= 0.5
    assert ticket.header["graph"] is not None
    text = path.with_suffix(".md").read_text()
    assert NOTICE in text
    assert ticket.header["seal"][:16] in text, "the card is this ticket's"


def test_it_is_calibrated_for_a_scan(header: dict) -> None:
    Calibration.from_dict(header["calibration"])
    for unit in ("picture", "video"):
        fake = OperatingPoint.from_dict(header["operating_point"][unit])
        real = RealPoint.from_dict(header["operating_point"]["real"][unit])
        assert 0 < real.threshold <= fake.threshold < 1
        assert max(fake.asked, real.asked) <= 0.05
    assert Familiarity.from_dict(header["familiarity"]).crops > 500
    assert header["scan"]["faces"] == "dlib"
    assert len(header["calibrated_on"]) >= 3


def test_it_runs_without_torch_as_with_it() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), np.uint8)
    fast = clew.load_runtime(form="sparse", cache=None)
    np.testing.assert_allclose(fast.predict(crops, True), clew.load_ticket().predict(crops, True), atol=1e-4)


def test_the_ladder_is_small_and_goes_from_dense_to_95_percent() -> None:
    path = packaged.packaged_ladder()
    assert sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) <= 5 * MB
    ladder = open_ladder(path)
    levels = {entry["level"] for entry in ladder.facts["entries"]}
    assert {0.0, 0.5, 0.95} <= levels
    for entry in ladder.facts["entries"]:
        ticket = clew.load_ticket(path / entry["ticket"])
        assert ticket.sparsity == pytest.approx(entry["level"], abs=0.01)
        assert ticket.header["operating_point"] is not None
    runs = {entry["run"] for entry in ladder.facts["entries"]}
    assert set(ladder.scores["run"].to_pylist()) == runs, "the scores that every table derives from are there"
    assert NOTICE in packaged.FOLDER.joinpath("demo-ladder.md").read_text()


def test_nothing_of_the_machine_or_the_pictures_lies_there() -> None:
    names = {path.name for path in packaged.FOLDER.rglob("*") if path.is_file()}
    assert not {"run.json", "latency.json"} & names, "these tell paths and times"
    assert {Path(name).suffix for name in names} <= {".safetensors", ".json", ".parquet", ".md"}


def test_an_installation_without_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    for find in (packaged.packaged_ticket, packaged.packaged_ladder):
        with pytest.raises(ClewError, match="missing from this installation"):
            find()
