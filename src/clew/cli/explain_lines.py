"""An explanation for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.cli.tables import interval
from clew.datasets.disk import counted

WIDE = 26


def ladder_lines(found: Mapping[str, Any]) -> list[str]:
    """What was found on a ladder: words, then a table of the measures by level, each mean with its 90 % interval."""
    store, ladder = found["store"], found["ladder"]
    about = (
        f"{ladder['detector']} on {store['name']} ({store['protocol']}), {counted(store['pictures'], 'picture')}, "
        f"{counted(store['clusters'], 'cluster')}, {counted(len(ladder['seeds']), 'seed')}; "
        f"{found['heatmaps']['method']} at {found['heatmaps']['layer']}; intervals 90 %"
    )
    warnings = [f"warning: {text}" for text in found["warnings"]]
    return [found["headline"], *warnings, "", about, "", *_table(found), "", *found["findings"]]


def _table(found: Mapping[str, Any]) -> list[str]:
    nets = [found["dense"], *found["levels"]]
    names = ["dense" if one["level"] == 0 else f"{100 * one['level']:g} %" for one in nets]
    heads = " ".join(f"{name:{WIDE}}" for name in names)
    width = max(24, *(len(told["title"]) for kind in found["measures"].values() for told in kind.values()))
    lines = [f"{'':{width}} {heads}".rstrip()]
    for name, told in found["measures"]["focus"].items():
        lines.append(_line(told["title"], width, [one["focus"] and one["focus"][name] for one in nets]))
    for name, told in found["measures"]["region"].items() if found["dense"]["region"] else ():
        lines.append(_line(told["title"], width, [one["region"][name]["value"] for one in nets]))
    if found["dense"]["trust"]:
        for name in ("deletion_gain", "insertion_gain"):
            lines.append(
                _line(name.replace("_", ", ") + " on chance", width, [one["trust"][name] for one in nets], True)
            )
        passed = ["passes" if one["trust"]["sanity"]["passed"] else "FAILS" for one in nets]
        lines.append(f"{'sanity check':{width}} {' '.join(f'{word:{WIDE}}' for word in passed)}".rstrip())
    return lines


def _line(name: str, width: int, figures: list[Any], signed: bool = False) -> str:
    return f"{name:{width}} {' '.join(f'{interval(one, signed):{WIDE}}' for one in figures)}".rstrip()


def picture_lines(found: Mapping[str, Any], out: Path) -> list[str]:
    """What was found in a picture: words, then a line for each face with its overlay."""
    lines = [found["headline"], f"faces: {found['cropping']['faces']} ({found['cropping']['reason']})"]
    for at, face in enumerate(found["faces"]):
        verdict = "fake" if face["fake"] else "real"
        lines.append(
            f"face {at + 1}: {verdict}, probability of fake {face['probability']:.3f}; {out / face['overlay']}"
        )
    return lines


def video_lines(found: Mapping[str, Any], out: Path) -> list[str]:
    """What was found in a video: words, warnings, then a line for each face with the overview of its frames."""
    footage = found["footage"]
    lines = [found["headline"], *(f"warning: {text}" for text in _lacking(footage))]
    lines.append(f"faces: {found['cropping']['faces']} ({found['cropping']['reason']})")
    lines.append(f"frames: {len(footage['sampled'])} of {footage['frames']:,}, {footage['duration_s']:.1f} s")
    for track in found["tracks"]:
        verdict = "fake" if track["fake"] else "real"
        low, high = track["least_suspicious"], track["most_suspicious"]
        whose = "whole frames" if found["cropping"]["faces"] == "none" else f"face {track['track']}"
        lines.append(
            f"{whose}: {verdict}, mean probability of fake {track['probability']:.3f} in "
            f"{counted(len(track['frames']), 'frame')}, {low['probability']:.3f} to {high['probability']:.3f}, highest "
            f"in frame {high['frame']} at {high['time_s']:.1f} s; {out / track['sheet']}"
        )
    return lines


def _lacking(footage: Mapping[str, Any]) -> list[str]:
    """What of a video was not looked at."""
    told = [f"the video is damaged: {footage['damage']}"] if footage["damage"] else []
    if footage["unreadable"]:
        first = footage["unreadable"][0]
        told.append(
            f"{counted(len(footage['unreadable']), 'frame')} cannot be read: frame {first['frame']}: {first['reason']}"
        )
    if footage["without_face"]:
        told.append(f"no face was found in {counted(len(footage['without_face']), 'frame')}")
    if footage["left_out"]:
        told.append(f"{counted(footage['left_out'], 'face')} beyond the largest 16 of a frame are left out")
    return told
