"""A ticket's model card as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NONE = "-"
NOTICE = (
    "For research. These weights were learned from research datasets, whose terms allow research and forbid passing "
    "their pictures on; no picture is in the file. The licence of the program that comes with them does not cover the "
    "weights. Do not use them to decide alone about a person: a verdict is a reason to look closer, and it is wrong "
    "about as often as the tables say."
)
CANNOT = (
    "It looks at faces alone: a scene, a voice or a text that is made up is not seen.",
    "It looks at one frame at a time: what only movement gives away is not seen.",
    "On kinds of forgery that it was not trained on it may be no better than chance; the table of sources left out, "
    "where there is one, says what to expect.",
    "Small, blurred, dark or strongly compressed faces carry little that could be judged.",
    "Somebody who knows the ticket can make fakes that it takes for real; it was not hardened against that.",
    "The probabilities suppose that every second picture is fake; where fakes are rarer, fewer alarms are true.",
    "Who is in the data is not known by age, sex or colour of skin: equal error rates between groups are not shown.",
)


def card_markdown(card: Mapping[str, Any]) -> str:
    """The text of what `clew.tickets.card.ticket_card` found."""
    ticket = card["ticket"]
    parts = [
        f"# {ticket['file']}",
        _about(ticket),
        "## What it was made of",
        _data_text(card),
        "## How well it does",
        _figures(card),
        _pooled(card),
        "## Operating points",
        _points(card),
        *(["## On sources left out of training", _left_out(card)] if card["left_out"] else []),
        "## Under corruptions",
        _robustness(card),
        "## Known failures",
        _bullets([_failure(one) for one in card["failures"]] or ["None shown by the figures above."]),
        "## What it cannot do",
        _bullets(CANNOT),
        "## Speed",
        f"`clew bench {ticket['file']}` measures it on your machine.",
        "## Licence",
        NOTICE,
    ]
    return "\n\n".join(parts) + "\n"


def _about(ticket: Mapping[str, Any]) -> str:
    detector, search, counts = ticket["detector"], ticket["search"], ticket["sparsity"]
    told = [
        f"A `{detector['name']}` for faces of {detector['input_size']} pixels: {search.get('method', 'trained')} at "
        f"{100 * float(search.get('level') or 0):g} %, seed {search.get('seed') or 0}.",
        f"{counts['remaining']:,} of {counts['prunable']:,} prunable weights are left "
        f"({100 * counts['sparsity']:.1f} % are zero; {100 * counts['macs_sparsity']:.1f} % of the multiply-adds), "
        f"kept as {ticket['values']}: {ticket['bytes']:,} bytes. Seal `{ticket['seal'][:16]}`.",
    ]
    if ticket["scan"]:
        told.append(f"A scan cuts faces by `{ticket['scan']['faces']}`, {ticket['scan']['scale']:g} times the box.")
    return " ".join(told)


def _data_text(card: Mapping[str, Any]) -> str:
    training = card["ticket"]["training"] or {}
    names = {one["name"]: one for one in card["sources"]}
    rows = []
    for one in card["data"]:
        source = names.get(one["name"])
        parts = source["parts"] if source and source["trained_on"] else None
        counts = [_count(parts, split) for split in ("train", "val", "test")]
        rows.append([one["name"], one["protocol"], *counts])
    lines = [_grid(["trained on", "crops", "train", "val", "test"], rows)]
    lines.append(
        f"Reals + fakes. {training.get('epochs', '?')} epochs at most, batches of {training.get('batch_size', '?')}, "
        f"balanced by {training.get('balance', '?')}; augmentation `{training.get('augment', '?')}`. Epochs, sparsity, "
        "temperature and thresholds were chosen on validation parts; the test parts were read once, for this card."
    )
    return "\n\n".join(lines)


def _figures(card: Mapping[str, Any]) -> str:
    rows = []
    for one in card["sources"]:
        unit = "picture" if one["video"] is None else "video"
        figures, after = one[unit], (one["calibration"] or {}).get("after")
        ece = interval(after["ece"]) if after else NONE
        known = "yes" if one["trained_on"] else "no"
        counts = f"{figures['reals']:,} + {figures['fakes']:,}"
        values = [interval(figures[key]) for key in ("auc", "accuracy", "eer")]
        rows.append([one["name"], known, unit, counts, f"{figures['clusters']:,}", *values, ece])
    heads = ["test part", "trained on", "per", "reals + fakes", "clusters", "AUC", "accuracy", "EER", "ECE"]
    return f"{_grid(heads, rows)}\n\nIntervals are 90 %, by bootstrap over clusters. ECE: expected calibration error."


def _pooled(card: Mapping[str, Any]) -> str:
    found = card["pooled"]
    if found is None:
        return "No source has both reals and fakes: there is no calibration error over all of them."
    return (
        f"Over {len(found['sources'])} sources together, each weighing the same, the expected calibration error is "
        f"{interval(found['ece'])} on {found['pictures']:,} test pictures."
    )


def _points(card: Mapping[str, Any]) -> str:
    points = card["ticket"]["operating_point"]
    lines = [f"Asked on validation: at most {100 * points['fpr']:g} % of reals called fake, as a mean over sources."]
    rows = []
    for one in card["sources"]:
        measured = one["operating_point"]
        for unit in ("picture", "video"):
            if unit == "video" and one["video"] is None:
                continue
            real = (measured.get("real") or {}).get(unit) or {}
            told = [measured[unit]["tpr"], measured[unit]["fpr"], real.get("tnr"), real.get("fnr")]
            limits = f"{measured[unit]['thresholds'][0]:.3f}"
            if real:
                limits = f"{real['thresholds'][0]:.3f} / {limits}"
            rows.append([one["name"], unit, limits, *map(interval, told)])
    heads = ["test part", "per", "real / fake at", "fakes called fake", "reals called fake"]
    lines.append(_grid([*heads, "reals called real", "fakes called real"], rows))
    lines.append("What lies between the two thresholds is inconclusive.")
    return "\n\n".join(lines)


def _left_out(card: Mapping[str, Any]) -> str:
    rows = [
        [
            one["store"],
            f"{one['detector']} at {one['input_size']} px",
            ", ".join(one["trained_on"]),
            f"{one['rows']:,}",
            interval(one["auc"]),
        ]
        for one in card["left_out"]
    ]
    note = "Other tickets of the same recipe, each measured on what it never saw: what to expect of an unknown source."
    return f"{note}\n\n{_grid(['test part', 'ticket', 'trained on', 'rows', 'AUC'], rows)}"


def _robustness(card: Mapping[str, Any]) -> str:
    stores = [one for one in card["sources"] if one["robustness"]]
    rows = []
    for at, corruption in enumerate(stores[0]["robustness"]["corruptions"] if stores else []):
        for number, level in enumerate(corruption["levels"]):
            cells = [_under(one["robustness"]["corruptions"][at]["levels"][number], one) for one in stores]
            rows.append([f"{corruption['title']}, {corruption['unit']} {level['level']:g}", *cells])
    counts = ", ".join(f"{one['name']} {one['robustness']['pictures']:,}" for one in stores)
    return f"AUC on pictures of the test parts: {counts}.\n\n{_grid(['', *(one['name'] for one in stores)], rows)}"


def _under(level: Mapping[str, Any], store: Mapping[str, Any]) -> str:
    found = level["picture" if store["video"] is None else "video"]
    return NONE if found is None else interval(found["auc"])


def _failure(one: Mapping[str, Any]) -> str:
    if one["kind"] == "weak":
        how = "takes fakes for reals" if one["auc"]["high"] < 0.5 else "tells fakes badly"
        return f"{one['store']}: it {how}, with an AUC of {interval(one['auc'])}."
    where = f"{one['store']}: under {one['title']} ({one['unit']} {one['level']:g})"
    return f"{where} the AUC changes by {interval(one['minus'])}."


def _count(parts: Mapping[str, Any] | None, split: str) -> str:
    return NONE if parts is None else f"{parts[split]['reals']:,} + {parts[split]['fakes']:,}"


def interval(found: Mapping[str, Any] | None) -> str:
    """An interval with three decimals: 0.832 [0.801, 0.860]."""
    if found is None:
        return NONE
    if found["low"] is None:
        return f"{found['mean']:.3f} (interval unknown)"
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_plain(value) for value in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """A cell as text alone: names come from files."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("|", "\\|").replace("<", "&lt;")
