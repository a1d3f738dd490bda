"""Who is in a video, as the file names of the public sets tell it."""

from __future__ import annotations

import re

PAIR = re.compile(r"([0-9A-Za-z]+)_([0-9A-Za-z]+)")
SWAPPED_ACTORS = re.compile(r"(\d+)_(\d+)__.*", re.DOTALL)
ACTOR = re.compile(r"(\d+)__.*", re.DOTALL)
SWAPPED_CELEBRITIES = re.compile(r"(id\d+)_(id\d+)_\d+")
CELEBRITY = re.compile(r"(id\d+)_\d+")
YOUTUBE = "YouTube-real"


def faceforensics(stem: str) -> tuple[str, ...]:
    """The ids in a name of FaceForensics++: "071" -> itself, "071_054" -> target and source, else none."""
    if match := PAIR.fullmatch(stem):
        return match.groups()
    return (stem,) if stem.isalnum() else ()


def actors(stem: str) -> tuple[str, ...]:
    """The actors in a name of DeepFakeDetection: "01__scene" -> actor01, "01_02__scene__ID" -> target and source."""
    match = SWAPPED_ACTORS.fullmatch(stem) or ACTOR.fullmatch(stem)
    return tuple(f"actor{number}" for number in match.groups()) if match else ()


def celebrities(stem: str) -> tuple[str, ...]:
    """The celebrities in a name of Celeb-DF: "id0_0000" -> id0, "id0_id1_0000" -> target and source, else none."""
    match = SWAPPED_CELEBRITIES.fullmatch(stem) or CELEBRITY.fullmatch(stem)
    return match.groups() if match else ()


def youtube(stem: str) -> tuple[str, ...]:
    """The one group of a video of Celeb-DF's YouTube-real, whose people are unknown: itself."""
    return (f"{YOUTUBE}/{stem}",)
