"""The faces of a file while it is scanned: numbers of each, and crops of the few that may prove decisive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clew.media.appearance import appearance
from clew.media.pictures import Picture
from clew.scan.finding import FaceFinding
from clew.scan.judging import judged
from clew.scan.persons import TrackSummary, persons
from clew.scan.shots import Shot
from clew.scan.ticket import ReadyTicket

DECISIVE = 3  # faces of a person that are shown
DIGITS = 6  # of a probability
MOST_SHOWN = 32  # tracks whose crops are kept
BATCH = 16  # faces scored at a time

Every = Callable[[FaceFinding, Picture], None]  # sees a face that was found, with its crop (H, W, 3)


@dataclass
class Person:
    """Somebody's faces in the order of frames, and the crops of those that speak most for fake and for real."""

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


@dataclass
class _Track:
    """A track's faces, and what tells whether it goes on as another one."""

    person: Person
    first: Shot
    last: Shot
    looks: NDArray[np.float64]  # sum over its faces
    frames: list[int] = field(default_factory=list)
    detected: int = 0
    score: float = -np.inf

    def summary(self) -> TrackSummary:
        """What persons are told apart by."""
        times, looks = (self.first.time_s, self.last.time_s), self.looks / len(self.frames)
        boxes = self.first.box, self.last.box
        return TrackSummary(tuple(self.frames), times, *boxes, looks, self.detected, self.score)


class People:
    """Takes faces as they come, scores them in batches, and sorts them by person.

    `video`: whether tracks lead through time (in a picture each is another person); `keep`: whether crops of decisive
    faces will be asked for; `every` sees each face.
    """

    def __init__(self, ready: ReadyTicket, video: bool, keep: bool = False, every: Every | None = None) -> None:
        self.ready, self.video, self.keep, self.every = ready, video, keep, every
        self._tracks: dict[int, _Track] = {}
        self._waiting: list[tuple[Shot, Picture, dict[str, float], str]] = []

    def add(self, shot: Shot) -> None:
        """One more face."""
        crop = self.ready.crop(shot.square)
        measures, reason = judged(shot.square, crop, shot.side, self.ready.familiarity)
        self._note(shot, crop)
        self._waiting.append((shot.without_square(), crop, measures, reason))
        if len(self._waiting) >= BATCH:
            self._settle()

    def persons(self) -> dict[int, Person]:
        """The persons by number, from 1 in the order of appearance; tracks that show nobody are left out."""
        self._settle()
        sure = self.ready.finder.sure if self.video and self.ready.finder is not None else -np.inf
        whose = persons({number: track.summary() for number, track in self._tracks.items()}, sure)
        found: dict[int, Person] = {}
        for track, number in sorted(whose.items(), key=lambda pair: (pair[1], self._tracks[pair[0]].frames[0])):
            person = found.setdefault(number, Person())
            for place, face in enumerate(self._tracks[track].person.faces):
                person.add(face, self._tracks[track].person.kept.get(place))
        return dict(sorted(found.items()))

    def _note(self, shot: Shot, crop: Picture) -> None:
        looks = appearance(crop)
        plain = shot.without_square()
        track = self._tracks.setdefault(shot.track, _Track(Person(), plain, plain, np.zeros_like(looks)))
        track.last, track.looks = plain, track.looks + looks
        track.frames.append(shot.frame)
        if shot.detected:
            track.detected, track.score = track.detected + 1, max(track.score, shot.score)

    def _settle(self) -> None:
        """Scores the faces that wait; those that do not count are not scored."""
        waiting, self._waiting = self._waiting, []
        scores = self._scores([crop for _, crop, _, reason in waiting if not reason])
        for shot, crop, measures, reason in waiting:
            score = None if reason else next(scores)
            why = reason or ("no-score" if score is None else "")
            face = FaceFinding(shot.frame, _seconds(shot), _box(shot), shot.detected, score, why, measures)
            self._file(shot.track, face, crop)

    def _scores(self, crops: list[Picture]) -> Iterator[float | None]:
        """The probability of fake of each crop, to six digits; None where the network gives no number."""
        if not crops:
            return
        with np.errstate(all="ignore"):
            found = self.ready.runtime.predict(np.stack(crops), self.ready.calibrated)
        for one in found:
            yield round(float(one), DIGITS) if np.isfinite(one) else None

    def _file(self, number: int, face: FaceFinding, crop: Picture) -> None:
        person = self._tracks[number].person
        shown = person.kept or sum(bool(track.person.kept) for track in self._tracks.values()) < MOST_SHOWN
        person.add(face, crop if self.keep and shown else None)
        if self.every is not None:
            self.every(face, crop)


def _seconds(shot: Shot) -> float:
    return round(shot.time_s, DIGITS) if np.isfinite(shot.time_s) else 0.0


def _box(shot: Shot) -> tuple[float, float, float, float]:
    box = shot.box
    x, y, width, height = (round(float(value), 2) for value in (box.x, box.y, box.width, box.height))
    return x, y, width, height
