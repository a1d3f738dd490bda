"""Everything that a worker needs to crop: where the data lies, the protocol, the face detector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from clew.datasets.protocol import Protocol
from clew.media.faces.base import FaceDetector, make_detector


@dataclass(frozen=True)
class Recipe:
    """`faces` is the name of a face detector or "none"; `model` the path of its file where it needs one."""

    root: Path
    protocol: Protocol
    faces: str = "none"
    model: str = ""

    @property
    def finder(self) -> FaceDetector | None:
        """The face detector, made once in each process."""
        return None if self.faces == "none" else _finder(self.faces, self.model)

    def relative(self, error: Exception) -> str:
        """An error's text without the root's path, so that a store is the same wherever its data lies."""
        return str(error).replace(f"{self.root}/", "")


@lru_cache(maxsize=2)
def _finder(name: str, model: str) -> FaceDetector:
    return make_detector(name, Path(model) if model else None)
