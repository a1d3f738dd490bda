"""One scene of a video: its frames that are held, the faces followed in it, and when it is searched again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clew.media.faces.base import Box, Detection, FaceDetector, without_doubles
from clew.media.faces.cuts import Look
from clew.media.faces.searching import COARSE, FINE, search
from clew.media.faces.settings import FollowSettings
from clew.media.faces.tracks import Trail

_MOST_FAINT = 6
_CROWD = 3
_BUSY = 0.35  # of the usual distance between searches where more faces must be reckoned with
_LEAST = 3  # wanted frames between searches, however far apart in time


@dataclass
class View:
    """A readable frame while it is held; `at` counts the wanted frames."""

    at: int
    time_s: float
    grey: NDArray[np.uint8]


@dataclass
class Scene:
    """What is known of the scene under way.

    The next search is due at wanted frame `due`; not the first, where the distance between frames is not known yet.
    """

    look: Look | None = None
    views: list[View] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    due: int | None = None
    searched_at: int | None = None
    fine_at: int | None = None
    wait: int = 0
    spacing: float = 0.0  # seconds between views
    small: bool = False  # there are faces that only fine searches find
    busy: bool = False  # more of them must be reckoned with

    def enter(self, view: View, look: Look) -> None:
        """Takes the next frame."""
        self.look = look
        self.views.append(view)
        if self.due is None:
            self.due = view.at + 1

    def search(self, view: View, detector: FaceDetector, settings: FollowSettings, last: int) -> list[Detection]:
        """Searches a whole frame, finely where small faces are to be reckoned with; faint ones too.

        `last` is the last frame that is held together with this one. It is to be searched, too: whoever is found later
        is followed back, but not to frames that were let go.
        """
        fine = self.fine_at is None or self.busy or view.at - self.fine_at >= settings.fine
        found = without_doubles(search(view.grey, detector, FINE if fine else COARSE, lenient=True))
        certain = [face for face in found if face.score >= detector.threshold]
        if fine:
            self.fine_at = view.at if certain else None
            self.small = min((max(f.box.width, f.box.height) for f in certain), default=COARSE) < COARSE
        fresh = any(_is_new(face.box, self.trails) for face in certain)
        self.busy = len(certain) >= _CROWD or (self.small and fresh)
        self._plan(view.at, bool(certain or self.trails), settings, last)
        faint = sorted((f for f in found if f.score < detector.threshold), key=lambda f: -f.score)
        return certain + faint[:_MOST_FAINT]

    def _plan(self, at: int, known: bool, settings: FollowSettings, last: int) -> None:
        most = self._most(settings)
        left = last - at
        if left > 0:  # equal parts up to the last frame
            most = -(-left // -(-left // most))
        # Where nothing is known at all the next search comes soon, then later and later.
        self.wait = most if known else min(max(1, 2 * self.wait), most)
        self.searched_at, self.due = at, at + self.wait

    def _most(self, settings: FollowSettings) -> int:
        times = [view.time_s for view in self.views]
        if len(times) > 1:
            self.spacing = float(np.median(np.diff(times)))
        if self.spacing <= 0:
            return 1
        most = min(settings.frames, max(_LEAST, round(settings.seconds / self.spacing)))
        return max(1, round(most * _BUSY)) if self.busy else most


def _is_new(box: Box, trails: list[Trail]) -> bool:
    """Whether no trail has just been where a face is."""
    side = max(box.width, box.height)
    return all(math.dist(box.centre, trail.box.centre) > side for trail in trails)
