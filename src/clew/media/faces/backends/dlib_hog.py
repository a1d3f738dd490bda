"""dlib's frontal face detector, which FaceForensics++ and DeepfakeBench crop with (HOG of Felzenszwalb, five views)."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.faces.base import Box, Detection, by_area, face_detectors

# Below dlib's own threshold, which is 0, more are found; most of them only count where a face is known to be.
_LENIENT = -0.5


class DlibHog:
    """The detector behind dlib.get_frontal_face_detector; needs no file."""

    name = "dlib"
    version = f"dlib-hog-{dlib.__version__}"
    smallest = 72.0  # its window is 80 x 80, and faces are a little smaller
    best = 84.0
    threshold = 0.0
    sure = 0.4

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()

    def find(self, picture: NDArray[np.uint8], lenient: bool = False) -> list[Detection]:
        """Faces in a picture (H, W, 3) or (H, W), the largest first."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
        boxes, scores, _ = self._detector.run(np.ascontiguousarray(grey), 0, _LENIENT if lenient else 0.0)
        return by_area(
            Detection(Box(float(box.left()), float(box.top()), float(box.width()), float(box.height())), float(score))
            for box, score in zip(boxes, scores, strict=True)
        )


@face_detectors.register("dlib")
def make(model: Path | None) -> DlibHog:
    """The detector, which brings its weights along."""
    if model is not None:
        raise ClewError(f"the face detector 'dlib' takes no model file, found {model}; leave it out.")
    return DlibHog()
