"""A ticket's card: its figures are those of an evaluation, its failures what the figures show."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_tickets import small_ticket
from clew.base.errors import ClewError
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.reports.card_markdown import NOTICE, card_markdown
from clew.tickets.calibrating import ScanCrops, calibrate_ticket
from clew.tickets.card import failures, ticket_card
from clew.tickets.evaluation import evaluate
from clew.tickets.file import read_ticket, write_ticket
from command_line import refused, told
from noise import write_folder


@pytest.fixture(scope="module")
def made(store_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A calibrated ticket that says it was trained on the first of two stores, and the stores."""
    folder = tmp_path_factory.mktemp("card")
    other = folder / "other-store"
    crop_dataset(write_folder(folder / "root", seed=5), "folder", other, limit=8)
    plain = small_ticket(folder / "plain.safetensors", 0.5)
    ticket, first = read_ticket(plain), open_store(store_path)
    ticket.header["data"] = [{"name": first.name, "hash": first.hash, "protocol": first.protocol}]
    write_ticket(plain, ticket)
    calibrate_ticket(plain, [store_path, other], folder / "new.safetensors", scan=ScanCrops())
    return folder / "new.safetensors", [store_path, other]


@pytest.fixture(scope="module")
def found(made, tmp_path_factory):
    return ticket_card(made[0], made[1], limit=8, resamples=100)


def test_its_figures_are_those_of_the_evaluation(found, made) -> None:
    measured = evaluate(made[0], made[1], resamples=100)["stores"]
    for one, other in zip(found["sources"], measured, strict=True):
        assert one["picture"] == other["picture"]
        assert one["operating_point"] == other["operating_point"]
    assert [one["trained_on"] for one in found["sources"]] == [True, False]
    assert found["sources"][0]["parts"] == {
        "train": {"reals": 40, "fakes": 40},
        "val": {"reals": 12, "fakes": 12},
        "test": {"reals": 24, "fakes": 24},
    }
    assert found["ticket"]["bytes"] == made[0].stat().st_size
    assert found["pooled"]["pictures"] == 48 + 16


def test_the_text_tells_them(found) -> None:
    text = card_markdown(found)
    auc, clusters = (found["sources"][1]["picture"][key] for key in ("auc", "clusters"))
    for told_there in (
        f"| other-store | no | picture | 8 + 8 | {clusters} | {auc['mean']:.3f} ",
        "| noise-store | as-given-v1, 32 px | 40 + 40 | 12 + 12 | 24 + 24 |",
        f"{found['ticket']['bytes']:,} bytes",
        "1.3 times the box",
        "## What it cannot do",
        NOTICE,
    ):
        assert told_there in text
    assert "## On sources left out" not in text
    assert str(Path.home()) not in text


def test_a_left_out_ticket_is_measured_on_what_it_never_saw(made, found) -> None:
    row = {"store": "other-store", "detector": "meso4", "input_size": 32, "trained_on": ["noise-store"], "rows": 16}
    card = {
        **found,
        "left_out": [{**row, "unit": "picture", "auc": found["sources"][1]["picture"]["auc"], "clusters": 4}],
    }
    assert "| other-store | meso4 at 32 px | noise-store | 16 | " in card_markdown(card)
    with pytest.raises(ClewError, match="was trained on every store of the card"):
        ticket_card(made[0], made[1][:1], left_out=[made[0]], limit=8, resamples=100)


def interval(mean: float, width: float = 0.01) -> dict[str, float]:
    return {"mean": mean, "low": mean - width, "high": mean + width, "n": 1}


def test_failures_are_what_the_intervals_show() -> None:
    levels = [
        {"level": 90.0, "picture": {"auc_minus_clean": interval(-0.055)}},
        {"level": 30.0, "picture": {"auc_minus_clean": interval(-0.2)}},
    ]
    harmless = {"name": "blur", "title": "Blur", "unit": "px", "levels": levels[:1]}
    corruption = {"name": "jpeg", "title": "JPEG", "unit": "quality", "levels": levels}
    store = {"name": "s", "video": None, "picture": {"auc": interval(0.78)}}
    good = {**store, "picture": {"auc": interval(0.795)}, "robustness": None}
    weak, falls = failures([{**store, "robustness": {"corruptions": [harmless, corruption]}}, good])
    assert (weak["kind"], weak["auc"]) == ("weak", interval(0.78))
    assert (falls["corruption"], falls["level"], falls["minus"]) == ("jpeg", 30.0, interval(-0.2)), "the mildest shown"


def test_the_command(made, tmp_path: Path) -> None:
    out = tmp_path / "card.md"
    found = told("tickets", "card", made[0], made[1][1], "--out", out, "--limit", 4, "--resamples", 100)
    assert found["card"] == str(out)
    assert out.read_text().startswith("# new.safetensors\n")
    plain = made[0].with_name("plain.safetensors")
    assert "carries no calibration" in refused("tickets", "card", plain, made[1][1], "--out", tmp_path / "no.md")
    assert not (tmp_path / "no.md").exists()
