"""Explanations of ladders as Markdown: where tickets look beside dense nets, and the claim of high frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.reports import words
from clew.reports.study_markdown import claim_text, table_text
from clew.reports.study_tables import Table, figure
from clew.studies.claims import FAILS, HOLDS, OPEN, Claim, Evidence

Explanation = Mapping[str, Any]
VERDICTS = {"more": HOLDS, "less": FAILS}
LONG = ("filters", "flips", "gallery")  # which this page does not show
FOCUS = ("relative_distance", "spearman", "ssim", "top_overlap", "shift")


def explained_markdown(explained: Mapping[str, Explanation], depth: int = 2) -> str:
    """What several explanations of `clew explain` say, by their names; "" without any. Headings from `depth` down."""
    if not explained:
        return ""
    parts = [f"{'#' * depth} What tickets look at", frequency_claim(explained)]
    parts += [_one(name, found, depth + 1) for name, found in explained.items()]
    return "\n\n".join(part for part in parts if part)


def shortened(found: Explanation) -> dict[str, Any]:
    """An explanation without what this page does not show, and without where its ladder lay."""
    ladder = {key: value for key, value in found["ladder"].items() if key != "path"}
    clues = found["clues"] and {
        **{key: found["clues"][key] for key in ("blocks", "by_chance")},
        "levels": [{key: one[key] for key in ("level", "mean", "minus_dense")} for one in found["clues"]["levels"]],
    }
    return {**{key: value for key, value in found.items() if key not in LONG}, "ladder": ladder, "clues": clues}


def frequency_claim(explained: Mapping[str, Explanation]) -> str:
    """The claim that pruned nets lean on high frequencies, judged by every level of every explanation."""
    evidence = [
        Evidence(
            f"{name}, {words.percent(one['level'])}",
            "reliance minus dense",
            one["minus_dense"] and one["minus_dense"]["reliance"],
            VERDICTS.get(one["leans"], OPEN),
        )
        for name, found in explained.items()
        for one in _pruned(found)
    ]
    claim = Claim(
        "frequencies",
        "Pruned networks lean more on high-frequency traces than dense ones (often said, and not in the paper).",
        "Rings of spatial frequency are taken out of the pictures, one at a time; a net's reliance is the share of its "
        "change that the rings above an eighth of a cycle per pixel make. The claim holds where the interval of ticket "
        "minus dense lies above 0, and fails where it lies below.",
        evidence,
    )
    return claim_text(claim.as_dict())


def _pruned(found: Explanation) -> Sequence[Mapping[str, Any]]:
    """The levels whose response to the rings was compared with dense."""
    return [one for one in (found["bands"] or {"levels": []})["levels"] if one["leans"] and one["level"] > 0]


def _one(name: str, found: Explanation, depth: int) -> str:
    ladder, store, heat = found["ladder"], found["store"], found["heatmaps"]
    about = (
        f"`clew explain`: {words.method_name(ladder['method'])} of {ladder['detector']} "
        f"({words.counted(len(ladder['seeds']), 'seed')}) on {store['name']}: "
        f"{words.counted(store['pictures'], 'test picture')}, {words.counted(store['clusters'], 'cluster')}; "
        f"{heat['method']} at `{heat['layer']}`, for {heat['target']}."
    )
    parts = [f"{'#' * depth} {name}", about, found["headline"]]
    parts += [table_text(table, depth + 1) for table in (_focus(found), _region(found), _trust(found), _clues(found))]
    return "\n\n".join(part for part in parts if part)


def _focus(found: Explanation) -> Table:
    titles = found["measures"]["focus"]
    rows = [[words.percent(net["level"]), *(figure(net["focus"][key]) for key in FOCUS)] for net in found["levels"]]
    if found["between_seeds"]:
        rows.append(["dense, of two seeds", *(figure(found["between_seeds"][key]) for key in FOCUS)])
    return Table("Beside the dense heatmaps", ["", *(titles[key]["title"] for key in FOCUS)], rows)


def _region(found: Explanation) -> Table:
    nets = [net for net in (found["dense"], *found["levels"]) if net["region"]]
    rows = [
        [
            _name(net),
            *(figure(net["region"][key]["value"]) for key in ("energy_inside", "area_share")),
            figure(net["region_gain"], signed=True),
            *(figure(net["region"][key]["value"]) for key in ("pointing_game", "region_iou")),
        ]
        for net in nets
    ]
    heads = ["", "heat inside the region", "the region's area", "heat minus area", "pointing game", "IoU"]
    return Table("On the forged region", heads, rows)


def _trust(found: Explanation) -> Table:
    rows = [
        [
            _name(net),
            *(figure(net["trust"][key], signed=True) for key in ("deletion_gain", "insertion_gain")),
            *(figure(net["trust"][key]) for key in ("infidelity", "sensitivity")),
            "passes" if net["trust"]["sanity"]["passed"] else "fails",
        ]
        for net in (found["dense"], *found["levels"])
        if net["trust"]
    ]
    heads = ["", "deletion, better than chance", "insertion, better than chance", "infidelity", "sensitivity", "sanity"]
    return Table("Are the heatmaps to be believed", heads, rows)


def _clues(found: Explanation) -> Table:
    clues = found.get("clues")
    keys = ("overlap", "energy", "cka", "debiased")
    rows = [[_name(one), *(figure(one["mean"][key]) for key in keys)] for one in (clues or {"levels": []})["levels"]]
    chance = f"overlap of the heatmaps (by chance {clues['by_chance']:.2f})" if clues else ""
    heads = ["", chance, "heat that they share", "likeness of the features (CKA)", "CKA, debiased"]
    return Table("Do the blocks see different clues", heads, rows)


def _name(net: Mapping[str, Any]) -> str:
    return "dense" if net["level"] == 0 else words.percent(net["level"])
