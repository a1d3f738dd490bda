"""The first paper's claims (arXiv 2507.15636), each judged by the figures of a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from clew.tickets.runs import Rewind
from clew.tickets.verdict import MINIMUM_CLUSTERS, MINIMUM_SEEDS

FROM, TO = 0.6, 0.8  # the sparsities that the paper claims it for
NEAR = 0.011  # eight rounds of 20 % give 59.0 and 79.0 %, which the paper calls 60 and 80
HOLDS, FAILS, OPEN = "holds", "fails", "undecided"
# Accuracy of the dense net and at 80 %, IMP global, OpenForensics: section IV of the paper
PAPER = {"meso4": (62.6, 56.2), "cnn5": (91.41, 90.88), "resnet18": (94.3, 94.29), "xception": (96.20, 96.11)}
HOLDING = ("winning", "matching", "pruned")


@dataclass(frozen=True)
class Evidence:
    """One comparison: where, what is compared, its interval, and whether it speaks for the claim."""

    where: str
    what: str
    interval: Mapping[str, Any] | None
    verdict: str


@dataclass(frozen=True)
class Claim:
    """A claim, the rule it is judged by, and what the study says to it."""

    key: str
    title: str
    rule: str
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`holds` or `fails` where all evidence says so, `mixed`, `undecided`, or `not tested`."""
        said = [one.verdict for one in self.evidence]
        if not said:
            return "not tested"
        for word in (HOLDS, FAILS):
            if all(one == word for one in said):
                return word
        return "undecided" if set(said) == {OPEN} else "mixed"

    @property
    def text(self) -> str:
        """The verdict with its counts in words."""
        said = [one.verdict for one in self.evidence]
        if not said:
            return "not tested here."
        parts = [f"{word} in {said.count(word)}" for word in (HOLDS, FAILS, OPEN) if word in said]
        return f"{', '.join(parts)} of {len(said)} comparisons."

    def as_dict(self) -> dict[str, Any]:
        """The claim for JSON."""
        return {**asdict(self), "verdict": self.verdict, "text": self.text}


def claims(
    cells: Sequence[Mapping[str, Any]], transfers: Sequence[Mapping[str, Any]], comparisons: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The paper's claims on the parts of a study's results (see `collect`): [{key, title, rule, evidence, verdict}]."""
    found = [
        _tickets(cells),
        _retention(cells),
        _over_random(cells),
        _over_one_shot(cells),
        _scopes(comparisons),
        _transfer(transfers),
        _transfer_own(transfers),
    ]
    return [claim.as_dict() for claim in found]


def _tickets(cells: Sequence[Mapping[str, Any]]) -> Claim:
    return Claim(
        "tickets",
        "Detectors hold winning tickets: subnetworks of 60-80 % sparsity, found by IMP, as good as the dense network.",
        "Not worse than dense by the margin AND better than random masks of the same layer densities; it fails where "
        "it is shown to be worse than either.",
        [
            Evidence(_where(cell, row), "AUC minus dense", row["minus_dense"], _judged(row))
            for cell, row in _rows(cells, "imp")
        ],
    )


def _retention(cells: Sequence[Mapping[str, Any]]) -> Claim:
    return Claim(
        "retention",
        "IMP keeps 99.4 % of CNN-5's accuracy at 80 % sparsity (89.8 % of MesoNet's).",
        "The share of the dense accuracy that is kept is not less than the paper's (IMP global on OpenForensics), for "
        "the same detector, by more than the margin; it fails where it is shown to be. Undecided where the dense nets "
        "are not shown to lie above chance: a coin keeps all of a coin's accuracy.",
        [
            Evidence(
                _where(cell, row),
                f"accuracy kept (the paper: {100 * _paper(cell):.1f} %)",
                row["retention"]["accuracy"],
                _kept(cell, row),
            )
            for cell, row in _rows(cells, "imp", TO)
            if cell["summary"]["detector"] in PAPER and row["retention"]["accuracy"] is not None
        ],
    )


def _kept(cell: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if row["retention"]["above_chance"] is None:
        return OPEN
    bound = cell["summary"]["margin"] - _paper(cell)
    return _margin(row["retention"]["accuracy"], bound, cell["summary"]["clusters"])


def _over_random(cells: Sequence[Mapping[str, Any]]) -> Claim:
    return Claim(
        "random",
        "Which weights are kept matters, not only how many (the paper has no random control).",
        "AUC of IMP's ticket minus that of random masks of the same layer densities, interval above 0.",
        _differences(_rows(cells, "imp"), "minus_random", "AUC minus random"),
    )


def _over_one_shot(cells: Sequence[Mapping[str, Any]]) -> Claim:
    return Claim(
        "one-shot",
        "IMP finds better tickets than one-shot pruning.",
        "AUC of IMP's ticket minus one-shot's at the same sparsity, interval above 0. Rewound tickets only: where "
        "weights go on, IMP's have trained longer.",
        _differences(
            ((cell, row) for cell, row in _rows(cells, "imp") if not Rewind.parse(cell["rewind"]).goes_on),
            "minus_one_shot",
            "AUC minus one-shot",
        ),
    )


def _scopes(comparisons: Sequence[Mapping[str, Any]]) -> Claim:
    found: list[Evidence] = []
    for one in comparisons:
        for row in one["levels"]:
            if row["method"] == "imp" and not row["controls"] and _within(row["target"]):
                found += _scope_evidence(one, row)
    return Claim(
        "local",
        "Local pruning (a threshold for each layer) is better than global (one threshold) on hard data, such as "
        "compressed FaceForensics++.",
        "AUC of IMP-local minus IMP-global, interval above 0; it fails where the interval lies below.",
        found,
    )


def _scope_evidence(one: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[Evidence]:
    scopes = {ladder["name"]: ladder["scope"] for ladder in one["ladders"]}
    for difference in row["differences"]:
        names = scopes.get(difference["one"]), scopes.get(difference["other"])
        if set(names) != {"global", "local"} or difference["auc"] is None:
            continue
        change = difference["auc"] if names[0] == "local" else _negated(difference["auc"])
        where = f"{one['dataset']}, {one['detector']}{_variant(one)}, {100 * row['target']:.4g} %"
        yield Evidence(where, "AUC local minus global", change, _sign(change, one["clusters"]))


def _transfer(transfers: Sequence[Mapping[str, Any]]) -> Claim:
    return Claim(
        "transfer",
        "Tickets found on one dataset work on another: trained there, they are as good as its dense network.",
        "Judged as a ticket of its own: not worse than dense by the margin and better than random masks.",
        [
            Evidence(_where(cell, row), "AUC minus dense", row["minus_dense"], _judged(row))
            for cell, row in _rows(transfers, "moved-imp")
        ],
    )


def _transfer_own(transfers: Sequence[Mapping[str, Any]]) -> Claim:
    return Claim(
        "transfer-own",
        "Tickets brought from another dataset are as good as those found on the data itself.",
        "AUC minus that of the own ticket: it holds where the interval lies above minus the margin, and fails where "
        "it lies below it.",
        [
            Evidence(
                _where(cell, row),
                "AUC minus own ticket",
                row["minus_own"],
                _margin(row["minus_own"], cell["summary"]["margin"], cell["summary"]["clusters"]),
            )
            for cell, row in _rows(transfers, "moved-imp")
            if row.get("minus_own") is not None
        ],
    )


def _rows(
    cells: Sequence[Mapping[str, Any]], method: str, only: float | None = None
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """A method's levels within what the paper claims, with their cells."""
    for cell in cells:
        for row in cell["summary"]["levels"]:
            right = abs(row["target"] - only) <= NEAR if only is not None else _within(row["target"])
            if row["method"] == method and not row["controls"] and right:
                yield cell, row


def _within(level: float) -> bool:
    return FROM - NEAR <= level <= TO + NEAR


def _where(cell: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    moved = f"{cell['from']} to " if cell["from"] else ""
    return f"{moved}{cell['dataset']}, {cell['detector']}, {cell['scope']}{_variant(cell)}, {100 * row['target']:.4g} %"


def _variant(cell: Mapping[str, Any]) -> str:
    """Rewind and score, where they are not the usual ones."""
    rewind = "" if cell["rewind"] == "init" else f", rewind {cell['rewind']}"
    return rewind + ("" if cell["score"] == "magnitude" else f", {cell['score']}")


def _judged(row: Mapping[str, Any]) -> str:
    verdict = row["verdict"]
    return HOLDS if verdict in HOLDING else FAILS if verdict == "losing" else OPEN


def _differences(rows: Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]], key: str, what: str) -> list[Evidence]:
    return [
        Evidence(_where(cell, row), what, row[key], _sign(row[key], cell["summary"]["clusters"]))
        for cell, row in rows
        if row.get(key) is not None
    ]


def _sign(change: Mapping[str, Any], clusters: int) -> str:
    return _margin(change, 0.0, clusters)


def _margin(change: Mapping[str, Any], margin: float, clusters: int) -> str:
    """Whether an interval lies above minus the margin, or below; undecided with fewer seeds or clusters than needed."""
    if change["low"] is None or change["n"] < MINIMUM_SEEDS or clusters < MINIMUM_CLUSTERS:
        return OPEN
    return HOLDS if change["low"] > -margin else FAILS if change["high"] < -margin else OPEN


def _paper(cell: Mapping[str, Any]) -> float:
    dense, sparse = PAPER[cell["summary"]["detector"]]
    return sparse / dense


def _negated(change: Mapping[str, Any]) -> dict[str, Any]:
    low, high = change["low"], change["high"]
    return {
        "mean": -change["mean"],
        "low": None if high is None else -high,
        "high": None if low is None else -low,
        "n": change["n"],
    }
