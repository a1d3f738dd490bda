"""A ladder's milliseconds: measured once, kept, put beside accuracy and bytes, and never of other tickets."""

from __future__ import annotations

import json
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import Recipe, simulate

from bench_tickets import as_format_1, small_ticket
from clew.base.errors import ClewError
from clew.base.files import read_json, write_json
from clew.base.hashing import hash_file
from clew.cli.bench_lines import latency_lines
from clew.reports.fronts import Logarithm
from clew.reports.ladder_page import write_page
from clew.reports.latency import latency
from clew.reports.words import limits, number
from clew.runtime.compared import cell
from clew.runtime.forms import Form
from clew.tickets import latency as benching
from clew.tickets.ladder import TICKETS, VOLATILE, Ladder, open_ladder
from clew.tickets.latency import bench_ladder, chosen, main_method
from clew.tickets.latency_file import LATENCY, read_latency
from clew.tickets.latency_table import front, latency_table, pays_after
from command_line import clew, refused, told

QUICK = ["--forms", "sparse,onnx", "--rounds", "5"]
LEVELS = (0.4, 0.8)
KINDS = {
    "sparse": Form(None, "", skips=True),  # type: ignore[arg-type]
    "half": Form(None, "", exact=False, precision="fp16", skips=True),  # type: ignore[arg-type]
    "onnx": Form(None, "", exact=True),  # type: ignore[arg-type]
}
# ms of each form, by run: what the page and the table should say follows from these
MADE = {
    "dense-s0": {"sparse": 9.0, "half": 6.0, "onnx": 5.0},
    "imp-s0-40": {"sparse": 6.0, "half": 3.0, "onnx": 5.0},
    "imp-s0-80": {"sparse": 2.0, "half": 1.0, "onnx": 5.0},
}


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ladder of made-up scores; the tickets of seed 0 are real ones, by level."""
    folder = tmp_path_factory.mktemp("search") / "ladder"
    simulate(folder, Recipe(levels=LEVELS, seeds=3))
    for name, level in (("dense-s0", 0.0), ("imp-s0-40", 0.4), ("imp-s0-80", 0.8)):
        small_ticket(folder / TICKETS / f"{name}.safetensors", level)
    return folder


@pytest.fixture(name="ladder")
def _ladder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ladder:
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "cache"))
    shutil.copytree(made, tmp_path / "ladder")
    return open_ladder(tmp_path / "ladder")


def measured(ladder: Ladder, ms: dict[str, dict[str, float]] = MADE, batch: int = 1) -> dict[str, Any]:
    """Writes made-up milliseconds into a ladder, 8 rounds of which two are slowed, and the seconds of its search."""
    slowed = np.array([1, 1, 1, 1, 1, 1, 3, 9])[:, None] / 1000
    tickets = []
    for run, forms in ms.items():
        path = ladder.path / TICKETS / f"{run}.safetensors"
        level = 0.0 if run.startswith("dense") else float(run.rpartition("-")[2]) / 100
        about = {"path": f"{TICKETS}/{path.name}", "sha256": hash_file(path), "bytes": path.stat().st_size}
        about |= {"sparsity": level, "macs_sparsity": level / 2, "detector": "meso4", "input_size": 32}
        seconds = {name: value * slowed * np.ones(2) for name, value in forms.items()}
        place = {"run": run, "method": "imp" if level else "dense", "level": level, "seed": 0}
        parts = {"reference": "none", "largest_logit": 1.0, "forms": [], "unavailable": [], "load_average": 0.1}
        tickets.append({**place, "ticket": about, **parts, "cells": [cell(batch, 1, seconds, KINDS)]})
    machine = {"cpu": "a processor", "cores": 2, "versions": {"clew": "1"}}
    found = {"format": 1, "machine": machine, "asked": {"batches": [batch]}, "method": "imp", "tickets": tickets}
    write_json(ladder.path / LATENCY, found)
    write_json(
        ladder.path / VOLATILE, {"cost": {"imp-s0-40": {"search_seconds": 6.0}, "imp-s0-80": {"search_seconds": 12.0}}}
    )
    return found


def test_dense_and_the_main_method_of_the_first_seed_are_measured(ladder: Ladder) -> None:
    assert main_method(ladder) == "imp"
    assert [entry["run"] for entry in chosen(ladder)] == ["dense-s0", "imp-s0-40", "imp-s0-80"]
    entries = [{**e, "method": "snip"} if e["method"] in ("imp", "one-shot") else e for e in ladder.facts["entries"]]
    assert main_method(Ladder(ladder.path, {**ladder.facts, "entries": entries})) == "snip"
    alone = [e for e in ladder.facts["entries"] if e["method"] == "dense"]
    dense = Ladder(ladder.path, {**ladder.facts, "entries": alone})
    assert main_method(dense) is None
    assert [entry["run"] for entry in chosen(dense)] == ["dense-s0"]


def test_what_is_measured_is_kept_told_and_shown(ladder: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    found = told("bench", ladder.path, *QUICK, "--out", ladder.path.parent / "out")
    assert [one["run"] for one in found["tickets"]] == ["dense-s0", "imp-s0-40", "imp-s0-80"]
    kept = read_json(ladder.path / LATENCY)
    assert kept["tickets"] == found["tickets"]
    assert [one["ticket"]["path"] for one in kept["tickets"]] == [
        f"tickets/{one['run']}.safetensors" for one in kept["tickets"]
    ]
    assert [one["ticket"]["sparsity"] for one in kept["tickets"]] == pytest.approx([0, 0.4, 0.8], abs=0.03)
    assert sorted(path.name for path in (ladder.path.parent / "out").iterdir()) == [
        "latency-bytes.svg", "latency-ms.svg", "latency.json",
    ]  # fmt: skip
    assert '<section id="latency">' in (ladder.path / "report.html").read_text()
    shown, lines = told("tickets", "show", ladder.path), clew("tickets", "show", ladder.path)
    assert shown["latency"] == found["latency"] == latency_table(ladder, ladder.summary())
    assert all(line in lines for line in latency_lines(found["latency"]))

    def again(source: Any, *words: Any, **more: Any) -> dict[str, Any]:
        raise AssertionError(f"{source.path} is measured twice")

    monkeypatch.setattr(benching, "measure", again)
    assert told("bench", ladder.path, *QUICK)["tickets"] == kept["tickets"], "nothing is measured twice"


def test_it_goes_on_where_it_was_stopped(ladder: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    works: list[str] = []
    measure = benching.measure

    def stopped(source: Any, *words: Any) -> dict[str, Any]:
        works.append(source.path.stem)
        if len(works) == 2:
            raise KeyboardInterrupt
        return measure(source, *words)

    monkeypatch.setattr(benching, "measure", stopped)
    asked = benching.Asked(("onnx",), rounds=1)
    with pytest.raises(KeyboardInterrupt):
        bench_ladder(ladder, asked)
    first = read_json(ladder.path / LATENCY)["tickets"]
    assert [one["run"] for one in first] == ["dense-s0"]
    found = bench_ladder(ladder, asked)
    assert works == ["dense-s0", "imp-s0-40", "imp-s0-40", "imp-s0-80"]
    assert found["tickets"][0] == first[0]
    small_ticket(ladder.path / TICKETS / "dense-s0.safetensors", 0.5)
    works += ["-", "-"]
    bench_ladder(ladder, asked)
    assert works[-1] == "dense-s0", "another ticket is measured anew, and it alone"
    works.clear()
    works += ["-", "-"]
    bench_ladder(ladder, benching.Asked(("onnx",), rounds=2))
    assert len(works) == 5, "another request is another measurement"


def test_a_ticket_without_a_graph_is_refused_with_what_to_do(ladder: Ladder) -> None:
    as_format_1(ladder.path / TICKETS / "imp-s0-80.safetensors")
    line = refused("bench", ladder.path, *QUICK)
    assert "imp-s0-80.safetensors is of format 1, without an inference graph" in line
    assert "imp-s0-80.safetensors --format ticket --out NEW' writes" in line
    assert not (ladder.path / LATENCY).exists(), "before any work"


def test_the_table_by_hand(ladder: Ladder) -> None:
    measured(ladder)
    summary = ladder.summary()
    found = latency_table(ladder, summary)
    assert found is not None
    dense, low, high = found["rows"]
    assert [row["best"]["form"] for row in found["rows"]] == ["onnx", "onnx", "sparse"]
    assert [row["best_any"]["form"] for row in found["rows"]] == ["onnx", "half", "half"]
    assert [row["dense"]["form"] for row in found["rows"]] == 3 * ["onnx"]
    assert high["times"] == {"median": 2.5, "low": 2.5, "high": 2.5, "n": 8}
    assert high["saved_ms"]["median"] == 3.0
    assert high["pays_after"] == {"pictures": 4000, "low": 1333, "high": 4000}, (
        "12 s / 3 ms, and / 9 ms in a slowed round"
    )
    assert low["search_seconds"] == 6.0
    assert low["pays_after"] is None, "its quickest form of fp32 is a dense one"
    assert dense["pays_after"] is None
    auc = {row["target"]: row["auc"] for row in summary["levels"] if row["method"] == "imp"}
    assert (dense["auc"], high["auc"]) == (summary["dense"]["auc"], auc[0.8])
    lines = "\n".join(latency_lines(found))
    assert "2.50 [2.50, 2.50]    4,000 pictures [1,333, 4,000]" in lines
    assert "never" in lines
    assert "onnx (dense)" in lines


@pytest.mark.parametrize(
    ("seconds", "saved", "batch", "skips", "wanted"),
    [
        (10.0, (2.0, 1.0, 4.0), 1, True, (5000, 2500, 10000)),
        (10.0, (2.0, 1.0, 4.0), 8, True, (40000, 20000, 80000)),
        (10.0, (2.0, -1.0, 4.0), 1, True, (5000, 2500, None)),
        (10.0, (2.0, None, None), 1, True, (5000, None, None)),
        (0.0, (2.0, 1.0, 4.0), 1, True, (0, 0, 0)),
        (10.0, (-2.0, -3.0, 1.0), 1, True, None),
        (10.0, (2.0, 1.0, 4.0), 1, False, None),
        (None, (2.0, 1.0, 4.0), 1, True, None),
    ],
)
def test_when_the_search_has_paid(
    seconds: float | None, saved: tuple[Any, ...], batch: int, skips: bool, wanted: tuple[Any, ...] | None
) -> None:
    row = {"skips": skips, "saved_ms": dict(zip(("median", "low", "high"), saved, strict=True))}
    found = pays_after(seconds, row, batch)
    assert (None if found is None else tuple(found.values())) == wanted


def test_the_front_by_hand() -> None:
    assert front([4, 1, 2, 2, 3], [0.9, 0.7, 0.8, 0.85, 0.8]) == [1, 3, 0]
    assert front([1, 2, 3], [0.9, 0.9, 0.8]) == [0], "as high for more is not on the front"
    assert front([2, 1], [0.5, 0.9]) == [1]


def test_the_scale_of_costs() -> None:
    scale = Logarithm(1.0, 100.0, 0.0, 200.0)
    assert [scale(value) for value in (1, 10, 100)] == pytest.approx([0, 100, 200])
    assert scale.ticks() == [1, 2, 5, 10, 20, 50, 100]


def test_the_page_tells_what_was_measured(ladder: Ladder) -> None:
    summary = ladder.summary()
    assert latency(ladder, summary) is None
    assert "Latency" not in write_page(ladder, summary, []).read_text()
    measured(ladder)
    page = unescape(write_page(ladder, summary, []).read_text())
    told_there = page.partition('<section id="latency">')[2].partition("</section>")[0]
    space = "\N{NO-BREAK SPACE}"
    assert (
        f"At 80.00{space}% sparsity the ticket takes 2 ms in sparse, fp32, the dense net 5 ms in onnx: 2.50 times as fast, "
        f"90{space}% interval 2.50 to 2.50, 8{space}rounds; the search has paid for itself after 4,000 pictures."
    ) in told_there
    assert "Tickets of seed 0" in told_there
    assert "a processor" in told_there
    for row in summary["levels"]:
        if row["method"] == "imp":
            assert number(row["auc"]["mean"]) in told_there
            assert limits(row["auc"]) in told_there
    assert "half, fp16" in told_there
    assert told_there.count("<svg") == 2
    assert '<a href="#latency">' in page


def test_a_dense_form_is_never_called_fast(ladder: Ladder) -> None:
    measured(ladder, {run: {"sparse": 5.5, "onnx": 5.0} for run in MADE})
    found = latency(ladder, ladder.summary())
    assert found is not None
    assert found.text == (
        "At 80.00\N{NO-BREAK SPACE}% sparsity no form that skips pruned weights is shown to be faster than the dense net "
        "in onnx, fp32, dense."
    )


def test_figures_of_tickets_that_have_changed_since_do_not_count(ladder: Ladder) -> None:
    measured(ladder)
    small_ticket(ladder.path / TICKETS / "imp-s0-80.safetensors", 0.9)
    found = read_latency(ladder)
    assert found is not None
    assert [one["run"] for one in found["tickets"]] == ["dense-s0", "imp-s0-40"]
    for name in ("dense-s0", "imp-s0-40"):
        (ladder.path / TICKETS / f"{name}.safetensors").unlink()
    assert read_latency(ladder) is None
    assert latency_table(ladder, ladder.summary()) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: [],
        lambda found: {**found, "format": 9},
        lambda found: {**found, "tickets": [{"run": 1}]},
        lambda found: {**found, "tickets": [{**found["tickets"][0], "cells": []}]},
        lambda found: json.loads(json.dumps(found).replace('"median_ms": 5.0', '"median_ms": "5"')),
        lambda found: json.loads(json.dumps(found).replace('"skips": true', '"skips": 1')),
    ],
)
def test_a_damaged_file_is_named_and_measured_again(
    ladder: Ladder, spoil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(ladder.path / LATENCY, spoil(measured(ladder)))
    with pytest.raises(ClewError, match=r"latency.json is not what 'clew bench' writes: remove it, or"):
        read_latency(ladder)
    assert "latency.json is not what" in refused("tickets", "show", ladder.path)
    good = measured(ladder)["tickets"][0]
    write_json(ladder.path / LATENCY, spoil(measured(ladder)))
    place = ("run", "method", "level", "seed")
    monkeypatch.setattr(benching, "measure", lambda *words: {k: v for k, v in good.items() if k not in place})
    assert len(bench_ladder(ladder, benching.Asked(("onnx",)))["tickets"]) == 3
    assert read_latency(ladder) is not None
