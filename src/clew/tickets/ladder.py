"""The ladder: the folder of one search, as others read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.base.hashing import hash_json
from clew.datasets.index import read_table
from clew.detectors.build import part_names
from clew.tickets.class_table import class_table
from clew.tickets.costs import search_rows
from clew.tickets.parts_table import parts_table
from clew.tickets.signatures import signatures
from clew.tickets.table import ladder_table

if TYPE_CHECKING:
    from clew.tickets.ticket import Ticket

FORMAT = 1
LADDER, VOLATILE, SCORES = "ladder.json", "run.json", "scores.parquet"
TICKETS, REWIND, UNFINISHED = "tickets", "rewind", "unfinished"

SCHEMA = pa.schema(
    [
        ("run", pa.string()),
        ("seed", pa.int32()),
        ("method", pa.string()),  # dense, imp, one-shot, random, ...
        ("scope", pa.string()),
        ("rewind", pa.string()),
        ("level", pa.float64()),  # target sparsity; 0 for the dense net
        ("controls", pa.string()),  # the method that a control, or a reference, belongs to
        ("store", pa.string()),
        ("split", pa.string()),
        ("sample", pa.string()),
        ("label", pa.int8()),
        ("video", pa.string()),
        ("cluster", pa.string()),
        ("forgery", pa.string()),  # the sample's manipulation method; "real" for reals
        ("compression", pa.string()),
        ("logits", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class Ladder:
    """A finished search.

    `facts` is ladder.json: format, settings, data (name, hash, protocol of each store), runs (id -> exact
    sparsity, layers, history, pictures, ...), entries (method, seed, level, controls, run, ticket).
    """

    path: Path
    facts: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for."""
        return dict(self.facts["settings"])

    @cached_property
    def scores(self) -> pa.Table:
        """One row per entry and sample (SCHEMA): every table and figure derives from these."""
        return read_table(self.path / SCORES, SCHEMA)

    def summary(self) -> dict[str, Any]:
        """The object of `clew tickets show LADDER --json`: levels with intervals and verdicts, pooled, headline.

        A ladder of several classes has them under "classes" too (see `class_table`), and one of a network that names
        its parts which of them keep their weights under "parts" (see `parts_table`).
        """
        settings, data = self.settings, self.facts["data"]
        detector = settings["detector"]
        facts = {
            "detector": detector["name"],
            "dataset": {
                "name": "+".join(d["name"] for d in data),
                "hash": data[0]["hash"] if len(data) == 1 else hash_json([d["hash"] for d in data]),
            },
            "protocol": "; ".join(dict.fromkeys(d["protocol"] for d in data)),
            "margin": settings["margin"],
            "levels": [self._level_facts(entry) for entry in self.facts["entries"]],
        }
        scores = self.joined_scores()
        found = ladder_table(scores, facts)
        names = settings.get("classes") or []
        found["search"] = search_rows(self.facts)
        found["signatures"] = [one.as_dict() for one in signatures(self.facts, found["levels"], settings["margin"])]
        if names:
            found["classes"] = class_table(scores, names)
        parts = parts_table(self.facts, part_names(detector["name"], detector.get("options")))
        return {**found, "parts": parts} if parts else found

    def joined_scores(self) -> pa.Table:
        """The scores, those of several stores as if of one."""
        return _as_one_store(self.scores, [d["name"] for d in self.facts["data"]])

    def _level_facts(self, entry: dict[str, Any]) -> dict[str, Any]:
        run = self.facts["runs"][entry["run"]]
        place = {key: entry[key] for key in ("method", "controls", "level", "seed", "scope", "rewind")}
        return {**place, **{key: run[key] for key in ("sparsity", "macs_sparsity", "remaining", "prunable")}}

    def ticket(self, method: str, level: float, seed: int) -> Ticket:
        """One ticket of the ladder; raises ClewError that lists what there is."""
        from clew.tickets.ticket import load_ticket  # torch loads when used

        for entry in self.facts["entries"]:
            if (entry["method"], entry["level"], entry["seed"]) == (method, level, seed):
                return load_ticket(self.path / entry["ticket"])
        known = sorted({f"{e['method']} {e['level']:g}" for e in self.facts["entries"]})
        raise ClewError(
            f"{self.path} has no {method} ticket at {level:g} of seed {seed}. There are: {', '.join(known)}."
        )


def _as_one_store(scores: pa.Table, names: list[str]) -> pa.Table:
    """Scores on several stores as if on one: their samples, videos and clusters told apart by the store."""
    if len(names) < 2:
        return scores
    prefix = pc.binary_join_element_wise(scores["store"], pa.scalar(""), "/")
    for column in ("sample", "video", "cluster"):
        told = pc.if_else(pc.equal(scores[column], ""), "", pc.binary_join_element_wise(prefix, scores[column], ""))
        scores = scores.set_column(scores.schema.get_field_index(column), column, told)
    whole = pa.array(["+".join(names)] * scores.num_rows, pa.string())
    return scores.set_column(scores.schema.get_field_index("store"), "store", whole)


def open_ladder(path: Path | str) -> Ladder:
    """Opens the ladder of a finished search; raises ClewError when it is none, damaged or unfinished."""
    path = Path(path)
    if not (path / LADDER).exists():
        raise ClewError(
            f"{path} is not a ladder: make one with 'clew tickets find STORE --detector NAME --out {path}'."
        )
    facts = read_facts(path)
    if not facts.get("complete"):
        raise ClewError(
            f"{path} is the ladder of an unfinished search: run the same 'clew tickets find' again to go on."
        )
    return Ladder(path, facts)


def read_facts(path: Path) -> dict[str, Any]:
    """What ladder.json says, its shape checked."""
    facts = read_json(path / LADDER)
    wanted = {"format", "settings", "data", "runs", "entries"}
    if not isinstance(facts, dict) or not wanted <= set(facts) or not _well_formed(facts):
        raise ClewError(f"{path / LADDER} is not the description of a ladder: choose another folder.")
    if facts["format"] != FORMAT:
        raise ClewError(f"{path / LADDER} has format {facts['format']!r}; this version of Clew reads {FORMAT}.")
    return facts


def _well_formed(facts: dict[str, Any]) -> bool:
    """Whether what others look into is there: the settings' parts, the stores, the runs of the entries."""
    settings, data, runs, entries = (facts[key] for key in ("settings", "data", "runs", "entries"))
    try:
        parts = all(isinstance(settings[key], dict) for key in ("detector", "training", "choices"))
        lists = all(isinstance(settings[key], list) for key in ("methods", "levels", "seeds"))
        stores = bool(data) and all(isinstance(d[key], str) for d in data for key in ("name", "hash", "protocol"))
        return parts and lists and stores and all(isinstance(runs[entry["run"]], dict) for entry in entries)
    except (KeyError, TypeError, IndexError):
        return False
