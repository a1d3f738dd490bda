"""The persons of a file while it is scanned: numbers of every face, crops of the few that may prove decisive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clew.media.pictures import Picture
from clew.scan.finding import FaceFinding
from clew.scan.judging import judged
from clew.scan.shots import Shot
from clew.scan.ticket import ReadyTicket

DECISIVE = 3  # faces of a person that are shown
DIGITS = 6  # of a probability
MOST_SHOWN = 32  # persons whose crops are kept
BATCH = 16  # faces scored at a time

# Sees a face: of which person (from 1), its place in that person's faces, what was found, its crop (H, W, 3).
Every = Callable[[int, int, FaceFinding, Picture], None]


@dataclass
class Person:
    """One person's faces in the order of frames, and the crops of those that speak most for fake and for real."""

    faces: list[FaceFinding] = field(default_factory=list)
    kept: dict[int, Picture] = field(default_factory=dict)  # by place in `faces`

    def add(self, face: FaceFinding, crop: Picture | None) -> None:
        """One more face; its crop is kept while it is among the extremes."""
        self.faces.append(face)
        if crop is None or face.reason or face.probability is None:
            return
        self.kept[len(self.faces) - 1] = crop
        order = self.ranked(list(self.kept))
        extremes = {*order[:DECISIVE], *order[-DECISIVE:]}
        self.kept = {place: kept for place, kept in self.kept.items() if place in extremes}

    def ranked(self, places: list[int]) -> list[int]:
        """Places of faces, those that speak most for fake first, of equal ones the earlier."""
        return sorted(places, key=lambda place: (-(self.faces[place].probability or 0.0), place))


class People:
    """Takes faces as they come, scores them in batches, and sorts them by person.

    `keep`: whether crops of decisive faces will be asked for; `every` sees each face that was found, with its crop.
    """

    def __init__(self, ready: ReadyTicket, keep: bool = False, every: Every | None = None) -> None:
        self.ready, self.keep, self.every = ready, keep, every
        self.persons: dict[int, Person] = {}
        self._waiting: list[tuple[Shot, Picture, dict[str, float], str]] = []

    def add(self, shot: Shot) -> None:
        """One more face."""
        crop = self.ready.crop(shot.square)
        measures, reason = judged(shot.square, crop, shot.side, self.ready.familiarity)
        self._waiting.append((shot, crop, measures, reason))
        if len(self._waiting) >= BATCH:
            self.settle()

    def settle(self) -> None:
        """Scores the faces that wait; those that do not count are not scored."""
        waiting, self._waiting = self._waiting, []
        counting = [crop for _, crop, _, reason in waiting if not reason]
        scores = iter(self._scores(counting))
        for shot, crop, measures, reason in waiting:
            score = None if reason else next(scores)
            why = reason or ("no-score" if score is None else "")
            self._file(
                shot, crop, FaceFinding(shot.frame, _seconds(shot), _box(shot), shot.detected, score, why, measures)
            )

    def _scores(self, crops: list[Picture]) -> list[float | None]:
        """The probability of fake of each crop, to six digits; None where the network gives no number."""
        if not crops:
            return []
        with np.errstate(all="ignore"):
            found: NDArray[np.float64] = self.ready.runtime.predict(np.stack(crops), self.ready.calibrated)
        return [round(float(one), DIGITS) if np.isfinite(one) else None for one in found]

    def _file(self, shot: Shot, crop: Picture, face: FaceFinding) -> None:
        person = self.persons.setdefault(shot.track, Person())
        shown = self.keep and (person.kept or sum(1 for one in self.persons.values() if one.kept) < MOST_SHOWN)
        person.add(face, crop if shown else None)
        if self.every is not None:
            self.every(shot.track + 1, len(person.faces) - 1, face, crop)


def _seconds(shot: Shot) -> float:
    return round(shot.time_s, DIGITS) if np.isfinite(shot.time_s) else 0.0


def _box(shot: Shot) -> tuple[float, float, float, float]:
    box = shot.box
    x, y, width, height = (round(float(value), 2) for value in (box.x, box.y, box.width, box.height))
    return x, y, width, height
