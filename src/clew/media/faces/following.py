"""Faces of a video: searched for now and then, followed in between by looking only where they were.

A search of a whole frame costs a hundred times what a look around a known face costs, and finds nothing more there. So
few of the wanted frames are searched. A face found is followed forward as frames come, and backward through the frames
that are still held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.media.ahead import ahead
from clew.media.decoding import DecodedFrame, decode_frames
from clew.media.faces.base import Box, Detection, FaceDetector, iou, without_doubles
from clew.media.faces.cuts import Look
from clew.media.faces.frames import FrameFaces, TrackedFace
from clew.media.faces.searching import COARSE, FINE, faces_in_picture, search, search_near
from clew.media.faces.smoothing import completed
from clew.media.faces.tracks import SAME, Sighting, Track, Trail, assign, likeness, matched, patch_of

__all__ = ["FollowSettings", "faces_in_picture", "faces_in_video"]

Grey = NDArray[np.uint8]

_MOST_HELD = 32
_LEAST_HELD = 4
_MOST_FAINT = 6
_ALIKE = 0.6  # correlation from which a place is believed to show the face


@dataclass(frozen=True)
class FollowSettings:
    """How faces are found and followed.

    largest: the largest face of each frame only, as FaceForensics++ and DeepfakeBench do;
    seconds: at most so much time, and at most `frames` wanted frames, between two searches of whole frames;
    fine: after so many wanted frames small faces are searched for again (each time where there are some);
    misses: a face that is not found in so many wanted frames in a row is lost;
    held: megabytes of frames held at a time.
    """

    largest: bool = False
    seconds: float = 3.5
    frames: int = 8
    fine: int = 32
    misses: int = 5
    held: int = 52


_DEFAULT = FollowSettings()


def faces_in_video(
    path: Path,
    indices: Iterable[int],
    detector: FaceDetector,
    settings: FollowSettings = _DEFAULT,
    threads: int = 1,
) -> Iterator[FrameFaces]:
    """The wanted frames in increasing order, each with its faces; those that cannot be read have none and a reason.

    Few frames are held at a time, however long the video is. With two threads or more the next frames are decoded
    meanwhile; the faces are the same. Raises ClewError naming the file when nothing of it can be read.
    """
    decode = partial(decode_frames, path, list(indices), threads)
    frames = ahead(decode, most=4) if threads > 1 else decode()
    follower = _Follower(detector, settings)
    group: list[DecodedFrame] = []
    held = 0.0
    for frame in frames:
        group.append(frame)
        held += frame.size[0] * frame.size[1] * 1.5e-6
        follower.see(frame)
        if len(group) >= _MOST_HELD or (held >= settings.held and len(group) >= _LEAST_HELD):
            yield from follower.told(group)
            group, held = [], 0.0
    yield from follower.told(group)


@dataclass
class _View:
    """A readable frame while it is held; `at` counts the wanted frames."""

    at: int
    time_s: float
    grey: Grey


@dataclass
class _Scene:
    """What is known of the scene under way; the next search is due at view number `due`."""

    look: Look | None = None
    views: list[_View] = field(default_factory=list)  # still held
    trails: list[Trail] = field(default_factory=list)
    seen: int = 0
    due: int = 1  # not the first: there the spacing is not known yet
    wait: int = 0
    searched: bool = False
    fine_at: int | None = None
    busy: bool = False


class _Follower:
    def __init__(self, detector: FaceDetector, settings: FollowSettings) -> None:
        self.detector, self.settings = detector, settings
        self.tracks: list[Track] = []
        self.scene = _Scene()
        self.count = 0  # of wanted frames seen
        self.first = 0  # of those that are held
        self.numbers = 0

    def see(self, frame: DecodedFrame) -> None:
        """Takes the next frame."""
        at = self.count
        self.count += 1
        if frame.native is None:
            return
        view = _View(at, frame.time_s, np.ascontiguousarray(frame.grey()))
        look = Look(view.grey)
        if self.scene.look is not None and not look.same_scene(self.scene.look):
            self._search_late()
            self.scene = _Scene()
        scene = self.scene
        scene.look = look
        scene.views.append(view)
        scene.seen += 1
        found = self._searched(view) if scene.seen > scene.due else []
        for trail in self._forward(view, found):
            self._walk(trail, scene.views[-2::-1])
            scene.trails.append(trail)

    def told(self, frames: list[DecodedFrame]) -> Iterator[FrameFaces]:
        """The held frames with their faces; they are let go."""
        if not self.scene.searched:
            self._search_late()
        faces = self._faces()
        for at, frame in enumerate(frames, self.first):
            seen = sorted(faces.get(at, []), key=lambda face: (-face.box.area, face.track))
            yield FrameFaces(frame, tuple(seen[:1] if self.settings.largest else seen))
        self._forget()

    def _each(self) -> int:
        """How many views lie between two searches."""
        times = [view.time_s for view in self.scene.views]
        spacing = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        if spacing <= 0:
            return 1
        most = self.settings.frames if not self.scene.busy else round(self.settings.frames * 0.6)
        return max(1, min(most, max(3, round(self.settings.seconds / spacing))))

    def _searched(self, view: _View) -> list[Detection]:
        """Searches a whole frame, finely where small faces are to be reckoned with."""
        scene = self.scene
        fine = scene.fine_at is None or scene.busy or view.at - scene.fine_at >= self.settings.fine
        found = without_doubles(search(view.grey, self.detector, FINE if fine else COARSE, lenient=True))
        certain = [face for face in found if face.score >= self.detector.threshold]
        if fine:
            scene.fine_at, scene.busy = (view.at if certain else None), _is_busy(certain)
        scene.searched = True
        # Where nothing is known at all the next search comes soon, then later and later.
        known = bool(certain or scene.trails)
        scene.wait = self._each() if known else min(max(1, 2 * scene.wait), self._each())
        scene.due = scene.seen - 1 + scene.wait
        faint = sorted((f for f in found if f.score < self.detector.threshold), key=lambda f: -f.score)
        return certain + faint[:_MOST_FAINT]

    def _search_late(self) -> None:
        """A scene that ends, or whose frames must be let go, before its first search: its middle is searched."""
        scene = self.scene
        if scene.searched or not scene.views:
            return
        middle = len(scene.views) // 2
        view = scene.views[middle]
        for face in self._searched(view):
            trail = self._started(view, face)
            self._walk(trail, scene.views[middle - 1 :: -1] if middle else [])
            onward = Trail(trail.track, face.box, patch_of(view.grey, face.box), view.at)
            onward = self._walk(onward, scene.views[middle + 1 :])
            if self._goes_on(onward):
                scene.trails.append(onward)

    def _forward(self, view: _View, searched: list[Detection]) -> list[Trail]:
        """Follows all trails into a frame; returns new ones for faces that belong to none."""
        trails = self.scene.trails
        expected = [trail.expected(view.grey) for trail in trails]
        found = list(searched)
        for trail, box in zip(trails, expected, strict=True):
            found += self._near(view, trail, box)
        found = without_doubles(found)
        patches = [patch_of(view.grey, face.box) for face in found]
        pairs = assign(trails, expected, found, patches, self.detector.threshold)
        for i, trail in enumerate(trails):
            if i in pairs:
                self._advance(trail, view, found[pairs[i]])
            else:
                self._miss(trail, view)
        self.scene.trails = [trail for trail in trails if self._goes_on(trail)]
        fresh = [f for j, f in enumerate(found) if j not in set(pairs.values())]
        fresh = [f for f in fresh if f.score >= self.detector.threshold or f in searched]
        return [self._started(view, face) for face in fresh]

    def _near(self, view: _View, trail: Trail, expected: Box) -> list[Detection]:
        """Faces where a trail should lead; when there is none, wherever it may have gone."""
        found = search_near(view.grey, expected, 2.1, self.detector)
        if self._continuing(view, trail, expected, found) is not None:
            return found
        return found + search_near(view.grey, trail.box, 4.0, self.detector)

    def _continuing(self, view: _View, trail: Trail, expected: Box, found: list[Detection]) -> Detection | None:
        """The face that continues a trail, if one of those found does."""
        patches = [patch_of(view.grey, face.box) for face in found]
        pair = assign([trail], [expected], found, patches, self.detector.threshold).get(0)
        return None if pair is None else found[pair]

    def _started(self, view: _View, face: Detection) -> Trail:
        track = Track()
        track.add(Sighting(view.at, face.box, face.score, True), self.detector.threshold)
        self.tracks.append(track)
        track.patch = patch_of(view.grey, face.box)
        return Trail(track, face.box, track.patch, view.at)

    def _advance(self, trail: Trail, view: _View, face: Detection) -> None:
        trail.move(view.at, face, view.grey)
        if not trail.track.sightings or view.at > max(trail.track.sightings):
            trail.track.patch = trail.patch
        trail.track.add(Sighting(view.at, face.box, face.score, True), self.detector.threshold)

    def _miss(self, trail: Trail, view: _View) -> None:
        """Keeps the place that looks most alike: it counts only if the face is found again later."""
        trail.misses += 1
        box, alike = matched(view.grey, trail.patch, trail.box)
        if alike > _ALIKE:
            trail.box = box
            trail.track.add(Sighting(view.at, box, alike, False), self.detector.threshold)

    def _goes_on(self, trail: Trail) -> bool:
        """Whether a trail is followed further; one that may well be no face is given up soon."""
        return trail.misses <= (self.settings.misses if trail.track.strong else 1)

    def _walk(self, trail: Trail, views: Iterable[_View]) -> Trail:
        """Follows one new face through held frames, mostly back to where it came into sight.

        It ends where it meets another track: the two are one if the other was lost before this one was found. Returns
        where it ended.
        """
        walker = Trail(trail.track, trail.box, trail.patch, trail.seen)
        for view in views:
            expected = walker.expected(view.grey)
            found = without_doubles(self._near(view, walker, expected))
            face = self._continuing(view, walker, expected, found)
            if face is None:
                self._miss(walker, view)
                if not self._goes_on(walker):
                    break
                continue
            others = [t for t in self.tracks if t is not trail.track and view.at in t.sightings]
            same = [t for t in others if iou(t.sightings[view.at].box, face.box) > 0.4]
            if same:
                self._joined(trail, same[0], walker)
                break
            self._advance(walker, view, face)
        return walker

    def _joined(self, trail: Trail, older: Track, walker: Trail) -> None:
        """A new track that meets an older one in the past continues it, if they look alike and are not both there."""
        newer = trail.track
        last = older.detected()[-1].at
        alike = older.patch is not None and likeness(older.patch, walker.patch) >= SAME / 2
        if last >= newer.detected()[0].at or not alike:
            return
        for sighting in newer.sightings.values():
            if sighting.at > last:
                older.sightings.pop(sighting.at, None)
                older.add(sighting, self.detector.threshold)
        older.patch = newer.patch
        self.tracks.remove(newer)
        self.scene.trails = [t for t in self.scene.trails if t.track is not older]
        trail.track = older

    def _faces(self) -> dict[int, list[TrackedFace]]:
        """The faces of the held frames, by frame; tracks are numbered as they appear."""
        faces: dict[int, list[TrackedFace]] = {}
        paths = [(t, completed(t, self.first, self.count)) for t in self.tracks if self._is_face(t)]
        paths = [(track, path) for track, path in paths if path]
        paths.sort(key=lambda pair: (pair[1][0].at, -pair[1][0].box.area))
        for track, path in paths:
            if track.number is None:
                track.number = self.numbers
                self.numbers += 1
            for s in path:
                faces.setdefault(s.at, []).append(TrackedFace(track.number, s.box, s.score, s.detected))
        return {at: _visible(seen) for at, seen in faces.items()}

    def _is_face(self, track: Track) -> bool:
        """One faint detection in all of a track's frames is taken for a false alarm."""
        return track.number is not None or track.best >= self.detector.sure or track.strong >= 2

    def _forget(self) -> None:
        """Keeps of each track that goes on what smoothing and following need."""
        self.first = self.count
        self.scene.views = []
        going = {id(trail.track) for trail in self.scene.trails}
        self.tracks = [track for track in self.tracks if id(track) in going]
        for track in self.tracks:
            track.sightings = {at: s for at, s in track.sightings.items() if at >= self.count - 8}


def _visible(faces: list[TrackedFace]) -> list[TrackedFace]:
    """Without the faces that are only supposed to be where the detector sees another one: they are behind it."""
    seen = [face.box for face in faces if face.detected]
    return [face for face in faces if face.detected or all(iou(face.box, box) <= 0.4 for box in seen)]


def _is_busy(found: list[Detection]) -> bool:
    """Whether small faces must be reckoned with: there are some, or many faces."""
    sides = [max(face.box.width, face.box.height) for face in found]
    return len(sides) >= 3 or min(sides, default=COARSE * 2) < 1.1 * COARSE
