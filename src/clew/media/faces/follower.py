"""Follows faces forward as frames come, and new ones back through the frames that are still held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from clew.media.decoding import DecodedFrame
from clew.media.faces.base import Box, Detection, FaceDetector, iou, without_doubles
from clew.media.faces.cuts import Look
from clew.media.faces.frames import FrameFaces, TrackedFace
from clew.media.faces.scenes import Scene, View
from clew.media.faces.searching import search_near
from clew.media.faces.settings import FollowSettings
from clew.media.faces.smoothing import completed
from clew.media.faces.tracks import SAME, Sighting, Track, Trail, assign, likeness, matched, patch_of

_ALIKE = 0.6  # correlation from which a place is believed to show the face
_MOST_HELD = 32
_LEAST_HELD = 4
_UNSEARCHED = 3  # frames at the end of a scene that are worth another search


class Follower:
    """Takes the `total` wanted frames one after the other and tells their faces, a group of frames at a time."""

    def __init__(self, detector: FaceDetector, settings: FollowSettings, total: int) -> None:
        self.detector, self.settings, self.last = detector, settings, total - 1
        self.tracks: list[Track] = []
        self.scene = Scene()
        self.frames: list[DecodedFrame] = []  # that are held
        self.most = _MOST_HELD
        self.count = 0  # of wanted frames seen
        self.first = 0  # of those that are held
        self.numbers = 0

    def see(self, frame: DecodedFrame) -> None:
        """Takes the next frame."""
        at = self.count
        self.count += 1
        self.frames.append(frame)
        if frame.native is None:
            return
        megabytes = frame.size[0] * frame.size[1] * 1.5e-6
        self.most = max(_LEAST_HELD, min(_MOST_HELD, math.ceil(self.settings.held / megabytes)))
        view = View(at, frame.time_s, np.ascontiguousarray(frame.grey()))
        look = Look(view.grey)
        if self.scene.look is not None and not look.same_scene(self.scene.look):
            self._end_scene()
            self.scene = Scene()
        scene = self.scene
        scene.enter(view, look)
        due = scene.due is not None and at >= scene.due
        found = scene.search(view, self.detector, self.settings, self.end) if due else []
        for trail in self._forward(view, found):
            self._walk(trail, scene.views[-2::-1])
            scene.trails.append(trail)

    @property
    def full(self) -> bool:
        """Whether as many frames are held as may be."""
        return len(self.frames) >= self.most

    @property
    def end(self) -> int:
        """The last frame that will be held together with the present one."""
        return min(self.last, self.first + self.most - 1)

    def told(self) -> Iterator[FrameFaces]:
        """The held frames with their faces; they are let go."""
        self._search_unsearched()
        faces = self._faces()
        for at, frame in enumerate(self.frames, self.first):
            seen = sorted(faces.get(at, []), key=lambda face: (-face.box.area, face.track))
            yield FrameFaces(frame, tuple(seen[:1] if self.settings.largest else seen))
        self._forget()

    def _search_unsearched(self) -> None:
        """A scene that ends, or whose frames must be let go, before its first search is searched in its middle."""
        if self.scene.searched_at is None and self.scene.views:
            self._search_held(len(self.scene.views) // 2)

    def _end_scene(self) -> None:
        """Who came into sight after the last search is found by one more at the end."""
        self._search_unsearched()
        scene = self.scene
        if scene.searched_at is not None and scene.views and scene.views[-1].at - scene.searched_at > _UNSEARCHED:
            self._search_held(len(scene.views) - 1)

    def _search_held(self, place: int) -> None:
        """Searches one of the held frames, through which what is known was followed already."""
        views = self.scene.views
        view = views[place]
        known = [t.sightings[view.at].box for t in self.tracks if view.at in t.sightings]
        for face in self.scene.search(view, self.detector, self.settings, self.end):
            if any(iou(face.box, box) > 0.4 for box in known):
                continue
            trail = self._started(view, face)
            self._walk(trail, views[place - 1 :: -1] if place else [])
            onward = self._walk(
                Trail(trail.track, face.box, patch_of(view.grey, face.box), view.at), views[place + 1 :]
            )
            if self._goes_on(onward):
                self.scene.trails.append(onward)

    def _forward(self, view: View, searched: list[Detection]) -> list[Trail]:
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

    def _near(self, view: View, trail: Trail, expected: Box) -> list[Detection]:
        """Faces where a trail should lead; when there is none, wherever it may have gone."""
        found = search_near(view.grey, expected, 2.1, self.detector)
        if self._continuing(view, trail, expected, found) is not None:
            return found
        return found + search_near(view.grey, trail.box, 4.0, self.detector)

    def _continuing(self, view: View, trail: Trail, expected: Box, found: list[Detection]) -> Detection | None:
        """The face that continues a trail, if one of those found does."""
        patches = [patch_of(view.grey, face.box) for face in found]
        pair = assign([trail], [expected], found, patches, self.detector.threshold).get(0)
        return None if pair is None else found[pair]

    def _started(self, view: View, face: Detection) -> Trail:
        track = Track()
        track.add(Sighting(view.at, face.box, face.score, True), self.detector.threshold)
        self.tracks.append(track)
        track.patch = patch_of(view.grey, face.box)
        return Trail(track, face.box, track.patch, view.at)

    def _advance(self, trail: Trail, view: View, face: Detection) -> None:
        trail.move(view.at, face, view.grey)
        if not trail.track.sightings or view.at > max(trail.track.sightings):
            trail.track.patch = trail.patch
        trail.track.add(Sighting(view.at, face.box, face.score, True), self.detector.threshold)

    def _miss(self, trail: Trail, view: View) -> None:
        """Keeps the place that looks most alike: it counts only if the face is found again later."""
        trail.misses += 1
        box, alike = matched(view.grey, trail.patch, trail.box)
        if alike > _ALIKE:
            trail.box = box
            trail.track.add(Sighting(view.at, box, alike, False), self.detector.threshold)

    def _goes_on(self, trail: Trail) -> bool:
        """Whether a trail is followed further; one that may well be no face is given up soon."""
        return trail.misses <= (self.settings.misses if trail.track.strong else 1)

    def _walk(self, trail: Trail, views: Iterable[View]) -> Trail:
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
        self.first, self.frames = self.count, []
        self.scene.views = []
        going = {id(trail.track) for trail in self.scene.trails}
        self.tracks = [track for track in self.tracks if id(track) in going]
        for track in self.tracks:
            track.sightings = {at: s for at, s in track.sightings.items() if at >= self.count - 8}


def _visible(faces: list[TrackedFace]) -> list[TrackedFace]:
    """Without the faces that are only supposed to be where the detector sees another one: they are behind it."""
    seen = [face.box for face in faces if face.detected]
    return [face for face in faces if face.detected or all(iou(face.box, box) <= 0.4 for box in seen)]
