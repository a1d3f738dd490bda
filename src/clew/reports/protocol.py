"""What a reader needs to do it again: data, network, search, training, and how the numbers are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clew.reports.words import counted, method_name, percent, whole
from clew.tickets.ladder import Ladder
from clew.tickets.origin import origin_name, warnings

Facts = list[tuple[str, str]]
BALANCED = {
    "class": "reals and fakes in equal number",
    "source": "reals and fakes in equal number, every store equally often",
    "method": "reals and fakes in equal number, and so the methods",
    "video": "reals and fakes in equal number, and so the methods and their videos",
    "none": "in random order",
}


def protocol(ladder: Ladder, summary: Mapping[str, Any]) -> list[tuple[str, Facts]]:
    """Titled lists of facts."""
    return [
        ("Data", _data(ladder, summary)),
        ("Network and search", _search(ladder)),
        ("Training, the same for every run", _training(ladder)),
    ]


def _data(ladder: Ladder, summary: Mapping[str, Any]) -> Facts:
    facts: Facts = []
    for data in ladder.facts["data"]:
        facts.append(("Dataset", f"{data['name']}: {data['protocol']}"))
        facts.append(("Content hash", str(data["hash"])))
    if len(ladder.facts["data"]) > 1:
        facts.append(("Hash of all", summary["dataset"]["hash"]))
    fakes = ladder.settings.get("fakes") or []
    if fakes:
        facts.append(("Fakes", f"{', '.join(fakes)} only, in training, validation and test"))
    facts += _origin(ladder)
    for split, name in (("test", "Test split"), ("val", "Validation split")):
        rows = _once(ladder.scores, split)
        if rows.num_rows:
            facts.append((name, _split(rows)))
    facts.append(("Test clusters", whole(summary["clusters"])))
    facts.append(
        ("Scored per", "video, by the mean probability of its pictures" if has_videos(ladder.scores) else "picture")
    )
    return facts


def _origin(ladder: Ladder) -> Facts:
    """Where tickets that are brought along were found, and what to be warned of."""
    origin = ladder.settings.get("origin") or {}
    if not origin:
        return []
    crops = f", cropped as {origin['protocol']}" if origin.get("protocol") else ""
    found = [
        ("Tickets brought along", f"found on {origin_name(origin)}{crops}"),
        ("Found on data of hash", origin["hash"]),
    ]
    return [*found, *(("Warning", text) for text in warnings(ladder))]


def _once(scores: pa.Table, split: str) -> pa.Table:
    """The rows of one dense run: every sample of the split once."""
    dense = scores.filter(pc.and_(pc.equal(scores["method"], "dense"), pc.equal(scores["split"], split)))
    if not dense.num_rows:
        return dense
    first = dense.filter(pc.and_(pc.equal(dense["level"], 0.0), pc.equal(dense["controls"], "")))
    return first.filter(pc.equal(first["seed"], pc.min(first["seed"])))


def _split(rows: pa.Table) -> str:
    by_forgery = Counter(str(name) for name in rows["forgery"].to_pylist())
    names = sorted(by_forgery, key=lambda name: (name != "real", name))
    parts = ", ".join(f"{name} {whole(by_forgery[name])}" for name in names)
    return f"{counted(rows.num_rows, 'picture')} ({parts})"


def has_videos(scores: pa.Table) -> bool:
    """Whether any picture is of a video."""
    return bool(pc.any(pc.not_equal(pc.fill_null(scores["video"], ""), "")).as_py())


def _search(ladder: Ladder) -> Facts:
    settings = ladder.settings
    detector = settings["detector"]
    side = detector["input_size"]
    names = settings.get("classes")
    return [
        (
            "Detector",
            f"{detector['name']}, input {side} \N{MULTIPLICATION SIGN} {side} px, {detector['classes']} classes",
        ),
        *([("Classes", ", ".join(names))] if names else []),
        ("Methods", ", ".join(method_name(name) for name in settings["methods"]) or "none"),
        ("Scope", f"{settings['scope']}: {_scope(settings['scope'])}"),
        ("Rewind", f"{settings['rewind']}: {_rewind(settings['rewind'])}"),
        ("Target levels", ", ".join(percent(level) for level in settings["levels"])),
        ("Seeds", ", ".join(str(seed) for seed in settings["seeds"])),
        ("Margin", f"{settings['margin']:g} AUC"),
        (
            "Start",
            f"given weights, SHA-256 {settings['start']}"
            if settings["start"]
            else "fresh weights, drawn for each seed",
        ),
    ]


def _scope(scope: str) -> str:
    return "one ranking of all prunable weights" if scope == "global" else "every layer pruned to the target by itself"


def _rewind(rewind: str) -> str:
    if rewind == "none":
        return "survivors go on from their trained values; judged against a dense net trained for as long"
    if rewind == "init":
        return "survivors go back to their initial values"
    if rewind.startswith("step:"):
        return f"survivors go back to their values after {rewind.partition(':')[2]} steps"
    return "the learning rate goes back, the weights go on"


def _training(ladder: Ladder) -> Facts:
    training, choices = ladder.settings["training"], ladder.settings["choices"]
    auc = "macro AUC" if ladder.settings.get("classes") else "AUC"
    patience = f", stopped after {training['patience']} without a better validation {auc}"
    facts = [
        (
            "Optimiser",
            f"Adam, learning rate up to {training['lr']:g}, schedule {training['schedule']}, "
            f"weight decay {training['weight_decay']:g}",
        ),
        ("Epochs", f"at most {training['epochs']}{patience}"),
        (
            "Batch",
            f"{counted(training['batch_size'], 'picture')}, " + BALANCED[training["balance"]],
        ),
        ("Augmentation", str(training["augment"])),
        (
            "Epoch kept",
            f"the one of highest validation {auc}; test scores play no part" if training["select"] else "the last",
        ),
        ("Computed in", f"{choices['precision']}, {choices['memory_format']}, {counted(choices['threads'], 'thread')}"),
    ]
    size = _epoch_size(ladder)
    return facts if size is None else [*facts, ("Pictures per epoch", f"{whole(size)}, in full batches")]


def _epoch_size(ladder: Ladder) -> int | None:
    """Training pictures of one epoch of the dense runs, where they agree."""
    dense = [
        run
        for name, run in sorted(ladder.facts["runs"].items())
        if run["method"] == "dense" and not run["weights_from"]
    ]
    sizes = {divmod(run["pictures"], len(run["history"])) for run in dense if run["history"]}
    return next(iter(sizes))[0] if len(sizes) == 1 and all(rest == 0 for _, rest in sizes) else None
