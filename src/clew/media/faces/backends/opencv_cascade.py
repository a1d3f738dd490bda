"""OpenCV's cascade of Haar features for frontal faces (Viola and Jones, 2001), which comes with OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.faces.base import Box, Detection, by_area, face_detectors

_FILE = "haarcascade_frontalface_alt2.xml"
_LENIENT = 2


class OpenCvCascade:
    """The cascade `alt2`; a score is the number of windows around a face that were taken for one."""

    name = "opencv"
    version = f"opencv-haar-alt2-{cv2.__version__}"
    smallest = 28.0
    best = 60.0
    threshold = 4.0
    sure = 20.0

    def __init__(self) -> None:
        path = Path(cv2.__file__).parent / "data" / _FILE
        self._cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else None
        if self._cascade is None or self._cascade.empty():
            raise ClewError(f"OpenCV {cv2.__version__} has no {_FILE}; install opencv-python-headless below 5.")

    def find(self, picture: NDArray[np.uint8], lenient: bool = False) -> list[Detection]:
        """Faces in a picture (H, W, 3) or (H, W), the largest first."""
        assert self._cascade is not None
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
        least = int(self.threshold) if not lenient else _LENIENT
        boxes, counts = self._cascade.detectMultiScale2(np.ascontiguousarray(grey), 1.1, least, minSize=(20, 20))
        return by_area(
            Detection(Box(float(x), float(y), float(width), float(height)), float(count))
            for (x, y, width, height), count in zip(boxes, counts, strict=True)
        )


@face_detectors.register("opencv")
def make(model: Path | None) -> OpenCvCascade:
    """The detector, whose file comes with OpenCV."""
    if model is not None:
        raise ClewError(f"the face detector 'opencv' takes no model file, found {model}; leave it out.")
    return OpenCvCascade()
