"""Which panels an explanation's page shows, by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.reports.explain_charts import Level, Line, Panel, against_sparsity, removal, ring_bars
from clew.reports.words import percent

Result = Mapping[str, Any]
TICKET, DENSE, CHANCE = "s1", "dense", "s0"


def focus_panels(result: Result) -> list[Panel]:
    """Each measure of how alike a level's heatmaps and the dense ones are; beside it two dense nets of other seeds."""
    between = result["between_seeds"] or {}
    found = []
    for name, told in result["measures"]["focus"].items():
        line = Line("ticket", TICKET, [(one["sparsity"], one["focus"].get(name)) for one in result["levels"]])
        found.append(
            against_sparsity(told["title"], _unit(told), [line], [Level("other seed", CHANCE, between.get(name))])
        )
    return [panel for panel in found if panel is not None]


def _unit(told: Mapping[str, Any]) -> str:
    parts = [
        told["unit"],
        "" if told["more"] is None else f"{'higher' if told['more'] else 'lower'} is closer to dense",
    ]
    return "; ".join(part for part in parts if part)


def region_panels(result: Result) -> list[Panel]:
    """Each measure of the heat inside the forged region, dense at the left, with the region's area as a yardstick."""
    dense = result["dense"]
    if dense["region"] is None:
        return []
    nets, area = [dense, *result["levels"]], dense["region"]["area_share"]["value"]
    found = []
    for name, told in result["measures"]["region"].items():
        if name != "area_share":
            line = Line("heat", TICKET, [(one["sparsity"], one["region"][name]["value"]) for one in nets])
            found.append(
                against_sparsity(
                    told["title"], told["unit"], [line], [Level("area", CHANCE, area)] if name != "region_iou" else []
                )
            )
    return [panel for panel in found if panel is not None]


def trust_panels(result: Result) -> list[Panel]:
    """Deletion and insertion curves of dense and of the shown level, and each number of trust against sparsity."""
    dense = result["dense"]
    if dense["trust"] is None:
        return []
    nets = [dense, *result["levels"]]
    shown = next((one for one in result["levels"] if one["level"] == result["shown_level"]), None)
    found: list[Panel | None] = []
    for name, title, unit in (
        (
            "deletion",
            "Deletion",
            "mean probability as the hottest pixels are blurred first; the sooner it falls the better",
        ),
        (
            "insertion",
            "Insertion",
            "mean probability as the hottest pixels are shown first; the sooner it rises the better",
        ),
    ):
        curves = [
            ("dense", DENSE, dense["trust"]["curves"][name]),
            ("by lot", CHANCE, dense["trust"]["curves"][f"random_{name}"]),
        ]
        if shown is not None:
            curves.insert(1, (percent(shown["level"]), TICKET, shown["trust"]["curves"][name]))
        found.append(removal(title, unit, curves))
    for name, title, unit in (
        (
            "deletion_gain",
            "Deletion, gain on chance",
            "area under the curve, by lot less own; above 0 tells more than chance",
        ),
        (
            "insertion_gain",
            "Insertion, gain on chance",
            "area under the curve, own less by lot; above 0 tells more than chance",
        ),
        ("infidelity", "Infidelity", "lower is more faithful (Yeh et al. 2019)"),
        ("sensitivity", "Sensitivity", "lower is steadier under small changes (Yeh et al. 2019)"),
    ):
        line = Line("heat", TICKET, [(one["sparsity"], one["trust"][name]) for one in nets])
        found.append(against_sparsity(title, unit, [line], zero=name.endswith("gain")))
    return [panel for panel in found if panel is not None]


def band_panels(result: Result) -> list[Panel]:
    """How much of the score's change comes from high frequencies, and from each ring, for dense and the shown level."""
    bands = result["bands"]
    if bands is None:
        return []
    sparsity = {one["level"]: one["sparsity"] for one in (result["dense"], *result["levels"])}
    own = [one for one in bands["levels"] if one["method"] == result["ladder"]["method"] or one["level"] == 0]
    dense = next(one for one in own if one["level"] == 0)
    line = Line("score", TICKET, [(sparsity[one["level"]], one["reliance"]) for one in own])
    title, unit = (
        "Reliance on high frequencies",
        "share of the score's change due to rings above an eighth of a cycle per pixel",
    )
    nets = [("dense", DENSE, dense)]
    nets += [(percent(one["level"]), TICKET, one) for one in own if one["level"] == result["shown_level"]]
    rings = [f"{ring['low_per_picture']:.0f}+" for ring in bands["rings"]]
    bars = [(name, slot, [ring["share"] for ring in one["rings"]]) for name, slot, one in nets]
    shares = ring_bars(
        "Each ring's share", "of the score's change, summed over the rings removed one by one", rings, bars
    )
    lost = [(name, slot, [ring["lost"] for ring in one["rings"]]) for name, slot, one in nets]
    panels = [against_sparsity(title, unit, [line]), shares]
    if any(one is not None for _, _, values in lost for one in values):
        panels.append(ring_bars("AUC lost", f"per {bands['unit']}, when the ring is removed", rings, lost))
    return [panel for panel in panels if panel is not None]


CLUES = (
    (
        "overlap",
        "Overlap of the heatmaps",
        "IoU of the top 20 % of two blocks, mean over pairs; dashed: what chance gives",
    ),
    ("energy", "Energy that heatmaps share", "of two blocks, mean over pairs; 1 is the same heatmap"),
    ("cka", "Likeness of the features (CKA)", "linear CKA of two blocks, mean over pairs (Kornblith et al. 2019)"),
    ("debiased", "Likeness, debiased (CKA)", "the same without what few pictures add by themselves"),
    (
        "cosine",
        "Cosine of the features",
        "mean over pairs; axes of two blocks need not mean the same, so it tells little",
    ),
)


def clue_panels(result: Result) -> list[Panel]:
    """How alike the clues of a network's blocks are, at every level; empty where it has no blocks."""
    clues = result["clues"]
    if not clues:
        return []
    sparsity = {one["level"]: one["sparsity"] for one in (result["dense"], *result["levels"])}
    own = [one for one in clues["levels"] if one["method"] == result["ladder"]["method"] or one["level"] == 0]
    chance = {"mean": clues["by_chance"], "low": None, "high": None, "n": 0}
    found = []
    for name, title, unit in CLUES:
        line = Line("blocks", TICKET, [(sparsity[one["level"]], one["mean"][name]) for one in own])
        levels = [Level("by chance", CHANCE, chance)] if name == "overlap" else []
        found.append(against_sparsity(title, unit, [line], levels))
    return [panel for panel in found if panel is not None]
