"""The crops of a scan, on the disk for as long as its job is kept: one block of pixels, written as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.media.pictures import Picture
from clew.scan.finding import FaceFinding, Finding
from clew.serve.worker import Refused

NAME = "crops.npy"
KEPT_REASONS = ("", "unfamiliar", "no-score")  # another ticket may know a face that this one does not


class Crops:
    """Keeps at most `most` crops, all of one size, of faces that a ticket may judge: a `clew.scan.people.Every`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._faces: list[FaceFinding] = []
        self._crops: list[Picture] = []

    def __call__(self, face: FaceFinding, crop: Picture) -> None:
        """One more face."""
        if face.reason in KEPT_REASONS and len(self._faces) < self.most:
            self._faces.append(face)
            self._crops.append(crop)

    def settle(self, finding: Finding) -> list[tuple[int, int]]:
        """The (person, place) of each crop in a finding; crops of faces that are nobody's in it are dropped."""
        places = {
            _which(face): (person.person, place)
            for person in finding.persons
            for place, face in enumerate(person.faces)
        }
        found = [
            (places[_which(face)], crop)
            for face, crop in zip(self._faces, self._crops, strict=True)
            if _which(face) in places
        ]
        self._crops = [crop for _, crop in found]
        return [place for place, _ in found]

    def write(self, folder: Path) -> int:
        """Writes them into a new folder, unless there are none; returns the bytes."""
        if not self._crops:
            return 0
        folder.mkdir(mode=0o700)
        block = np.stack(self._crops)
        np.save(folder / NAME, block, allow_pickle=False)
        return int(block.nbytes)


def _which(face: FaceFinding) -> tuple[int, tuple[float, ...]]:
    """What tells a face from all others of a file: its frame and place there."""
    return face.frame, face.box


def read_crops(folder: Path, places: list[int] | None = None) -> NDArray[np.uint8]:
    """All crops (N, H, W, 3) of a job, or those at some places."""
    path = folder / NAME
    if not path.exists():
        raise Refused("no-such-face", "no face of this scan was kept.")
    block = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.array(block if places is None else block[places], np.uint8)
