"""Celeb-DF: several clips of each celebrity, swaps among them, one list of testing videos (1 = REAL)."""

from __future__ import annotations

from clew.datasets.synth.films import REAL, Take, VideoFile, VideoUnit
from clew.datasets.synth.sets import LAYOUTS, Plan, VideoSettings
from clew.datasets.synth.truth import Truth

LEAST = 6
CLIPS, DONORS = 3, 2  # of each celebrity, and of each of their clips
LIST = "List_of_testing_videos.txt"
METHOD = "Celeb-synthesis"


def _tested(settings: VideoSettings, what: str, count: int) -> set[int]:
    """Which of `count` clips are for testing: identities are shared with the rest, as in the real set."""
    order = settings.rng("test", what).permutation(count)
    return {int(k) for k in order[: max(1, min(count - 1, round(settings.test_share * count)))]}


def _celebrities(settings: VideoSettings, clips: int) -> tuple[list[VideoUnit], list[Truth], int]:
    """Clips of celebrities with their swaps, and how many celebrities there are."""
    people = max(2, -(-clips // CLIPS))
    tested, level = _tested(settings, "celebrities", clips), settings.only_compression()
    units, truth = [], []
    for k in range(clips):
        who, number = k % people, k // people
        split = "test" if k in tested else "train"
        path = f"Celeb-real/id{who}_{number:04d}.mp4"
        films = [VideoFile(path, REAL, level)]
        truth.append(Truth(path, 0, "real", split, (f"id{who}",), f"id{who}"))
        others = [person for person in range(people) if person != who]
        for donor in settings.rng("donors", k).permutation(others)[:DONORS]:
            path = f"{METHOD}/id{who}_id{donor}_{number:04d}.mp4"
            films.append(VideoFile(path, Take("Deepfakes", settings.clip(int(donor))), level))
            truth.append(Truth(path, 1, METHOD, split, (f"id{who}", f"id{donor}"), f"id{who}"))
        units.append(VideoUnit(settings.clip(who, number), settings.format, tuple(films)))
    return units, truth, people


def _strangers(settings: VideoSettings, clips: int, first: int) -> tuple[list[VideoUnit], list[Truth]]:
    """Genuine clips of people who are in no other clip."""
    tested, level = _tested(settings, "strangers", clips), settings.only_compression()
    units, truth = [], []
    for k in range(clips):
        name = f"YouTube-real/{k:05d}"
        split = "test" if k in tested else "train"
        units.append(VideoUnit(settings.clip(first + k), settings.format, (VideoFile(f"{name}.mp4", REAL, level),)))
        truth.append(Truth(f"{name}.mp4", 0, "real", split, (name,), name))
    return units, truth


def _list(truth: list[Truth]) -> str:
    return "".join(f"{1 - row.label} {row.path}\n" for row in truth if row.split == "test")


@LAYOUTS.register("celeb-df")
def plan_celeb_df(settings: VideoSettings) -> Plan:
    """A third of the originals are strangers from YouTube; the others are swapped with two celebrities each."""
    settings.need(LEAST, "four clips of celebrities, two of strangers")
    strangers = max(2, settings.videos // 3)
    units, truth, people = _celebrities(settings, settings.videos - strangers)
    more_units, more_truth = _strangers(settings, strangers, people)
    rows = sorted([*truth, *more_truth], key=lambda row: row.path)
    return Plan((*units, *more_units), tuple(rows), {LIST: lambda: _list(rows)})
