"""YuNet (Wu et al., 2023), a small network for faces of any pose, run by OpenCV; its file is fetched or given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.faces.base import Box, Detection, by_area, face_detectors
from clew.media.fetching import checked_detector, stored_detector

_LENIENT = 0.45


class YuNet:
    """OpenCV's FaceDetectorYN with one of the known files."""

    name = "yunet"
    smallest = 16.0
    best = 64.0
    threshold = 0.6
    sure = 0.8

    def __init__(self, model: Path) -> None:
        file, data = checked_detector("yunet", model)
        self.version = f"{file.label}-opencv-{cv2.__version__}"
        try:
            self._network = cv2.FaceDetectorYN.create(
                "onnx", np.frombuffer(data, np.uint8), np.empty(0, np.uint8), (320, 320), _LENIENT, 0.3, 2000
            )
        except cv2.error as error:
            raise ClewError(f"{model} cannot be loaded by OpenCV {cv2.__version__} ({error.err}).") from None

    def find(self, picture: NDArray[np.uint8], lenient: bool = False) -> list[Detection]:
        """Faces in a picture (H, W, 3) or (H, W), the largest first; their boxes reach from forehead to chin."""
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.ndim == 3 else cv2.COLOR_GRAY2BGR)
        self._network.setInputSize((bgr.shape[1], bgr.shape[0]))
        rows = self._network.detect(bgr)[1]
        least = _LENIENT if lenient else self.threshold
        found = (row for row in ([] if rows is None else rows.tolist()) if row[14] >= least)
        return by_area(Detection(Box(*row[:4]), row[14]) for row in found if row[2] > 0 and row[3] > 0)


@face_detectors.register("yunet")
def make(model: Path | None) -> YuNet:
    """The detector with the given file, else with the one that `clew data fetch-detector yunet` stored."""
    path = model or stored_detector("yunet")
    if path is None:
        raise ClewError(
            "the face detector 'yunet' needs its model file; run `clew data fetch-detector yunet` or name a file."
        )
    return YuNet(path)
