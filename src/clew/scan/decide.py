"""From probabilities to verdicts: of a person, and of the whole file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from clew.scan.finding import REASONS, PersonFinding, Verdict
from clew.scan.operating import Level
from clew.scan.people import DECISIVE, DIGITS, Person

LEAST = 3  # frames that must show a person of a video well enough


def least_counted(read: int, video: bool) -> int:
    """How many faces of a person must count, where `read` frames could be read: 3, or all of a shorter video."""
    return max(1, min(LEAST, read)) if video else 1


def verdict_of(probability: float, level: Level) -> tuple[Verdict, str]:
    """What a probability of fake comes to at a ticket's thresholds, with the reason where it is no verdict."""
    if level.fake is None:
        return "inconclusive", "not-calibrated"
    if probability >= level.fake:
        return "fake", ""
    if level.real is not None and probability <= level.real:
        return "real", ""
    return "inconclusive", "uncertain"  # without a threshold for real nothing is called so, which a note says


def decided(number: int, person: Person, level: Level, least: int) -> PersonFinding:
    """The verdict on a person: of the mean probability of the faces that count, at least `least` of them."""
    faces = tuple(person.faces)
    counting = [place for place, face in enumerate(faces) if not face.reason and face.probability is not None]
    if len(counting) < least:
        return PersonFinding(number, "inconclusive", None, _why_not(person, bool(counting)), len(counting), faces)
    probability = round(fmean(faces[place].probability or 0.0 for place in counting), DIGITS)
    verdict, reason = verdict_of(probability, level)
    order = person.ranked(counting)
    decisive = tuple((order[::-1] if verdict == "real" else order)[:DECISIVE])
    return PersonFinding(number, verdict, probability, reason, len(counting), faces, decisive)


def _why_not(person: Person, some: bool) -> str:
    """Why too few faces count: where none does, what most of them lack."""
    if some:
        return "too-few-frames"
    counts = Counter(face.reason for face in person.faces)
    order = list(REASONS)
    return min(counts, key=lambda reason: (-counts[reason], order.index(reason)))


def file_verdict(persons: Sequence[PersonFinding], everybody: bool = True) -> tuple[Verdict, str, PersonFinding | None]:
    """The verdict on a file, its reason, and the person that it rests on.

    Fake where a person is; real where all are, and `everybody` was looked at; else inconclusive for the reason of the
    person that is nearest to fake, or "not-everybody" where some are real and the others could not be judged.
    """
    if not persons:
        return "inconclusive", "no-face", None
    scored = sorted((one for one in persons if one.probability is not None), key=_first)
    fakes = [one for one in scored if one.verdict == "fake"]
    reals = [one for one in scored if one.verdict == "real"]
    open_ones = [one for one in scored if one.verdict == "inconclusive"]
    if fakes:
        return "fake", "", fakes[0]
    if open_ones:
        return "inconclusive", open_ones[0].reason, open_ones[0]
    if reals:
        whole = everybody and len(reals) == len(persons)
        return ("real", "", reals[0]) if whole else ("inconclusive", "not-everybody", _seen_most(persons))
    most = _seen_most(persons)
    return "inconclusive", most.reason, most


def _first(person: PersonFinding) -> tuple[float, int]:
    return -(person.probability or 0.0), person.person


def _seen_most(persons: Sequence[PersonFinding]) -> PersonFinding:
    """Of the persons that were not judged the one in most frames; of all where each was."""
    left = [one for one in persons if one.probability is None] or list(persons)
    return min(left, key=lambda one: (-len(one.faces), one.person))
