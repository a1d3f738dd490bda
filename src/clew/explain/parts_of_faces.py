"""Where the facial parts lie in the pictures that are explained: by landmarks, or as in most crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.progress import Progress
from clew.datasets.store import CropStore
from clew.explain.facial_parts import FINDERS, SCALE, Masks, canonical_parts, parts_of
from clew.explain.landmarks import Landmarks
from clew.explain.subject import Subject

GIVEN, USUAL = "as-given", "dlib"
MasksOf = Callable[[NDArray[np.int64]], Masks]


@dataclass(frozen=True)
class Framing:
    """How crops were cut around faces: `scale` times the box of the face detector `finder`.

    `known` False: ready-made crops, or boxes that came with the dataset, taken to be the usual ones.
    """

    scale: float
    known: bool
    finder: str = USUAL


def framing_of(store: CropStore) -> Framing:
    """The framing of a store's crops, from its protocol."""
    protocol = store.facts["protocol"]
    name = str(protocol["name"])
    scale = SCALE if name == GIVEN else float(protocol.get("scale", SCALE))
    return Framing(scale, True, name) if name in FINDERS else Framing(scale, False)


@dataclass(frozen=True)
class FaceParts:
    """The parts of each picture's face: `masks_of` positions (B,) gives (9, H, W) for all, or (B, 9, H, W)."""

    framing: Framing
    landmarks: str  # the file's name, "" for canonical parts
    masks_of: MasksOf

    def as_dict(self) -> dict[str, Any]:
        """How they were found: {"scale", "known", "landmarks"}."""
        return {"scale": self.framing.scale, "known": self.framing.known, "landmarks": self.landmarks}


def face_parts(subject: Subject, landmarks: Landmarks | None, progress: Progress) -> FaceParts:
    """The parts by the 68 points that `landmarks` finds in each crop; None: canonical ones for the crops' framing."""
    framing = framing_of(subject.store)
    if landmarks is None:
        masks = canonical_parts(subject.size, framing.scale, framing.finder)
        return FaceParts(framing, "", lambda positions: masks)
    points = np.empty((len(subject), 68, 2))
    with progress.task("landmarks", len(subject)) as task:
        for at, place in enumerate(subject.samples.places[:, 1].tolist()):
            points[at] = landmarks.points(np.array(subject.store.crop(place)), framing.scale)
            task.advance(1)

    def masks_of(positions: NDArray[np.int64]) -> Masks:
        return np.stack([parts_of(points[at], subject.size) for at in positions])

    return FaceParts(framing, Path(landmarks.model).name, masks_of)
