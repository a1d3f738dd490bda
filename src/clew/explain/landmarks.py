"""The 68 points of a face in a crop, by dlib's shape predictor (Kazemi and Sullivan 2014), whose file is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.explain.facial_parts import POINTS, SCALE, Masks, Points, parts_of
from clew.media.faces.base import Box
from clew.media.pictures import Picture

MOST_BYTES = 256 * 2**20
HINT = (
    "give the file of dlib's predictor of 68 points (shape_predictor_68_face_landmarks.dat),"
    " or leave it out for the canonical parts."
)


class Landmarks:
    """dlib's shape predictor with a file of 68 points; dlib's own is for research, its training pictures say so."""

    def __init__(self, model: Path) -> None:
        self.model = model
        self._predictor = _loaded(model)

    def points(self, crop: Picture, scale: float = SCALE, box: Box | None = None) -> Points:
        """The points (68, 2), x and y in shares of the side, of the face in a square crop (H, H, 3).

        box: the face in the crop's pixels; None: in the middle, the crop being `scale` times as large.
        """
        side = crop.shape[0]
        if crop.ndim != 3 or crop.shape != (side, side, 3) or crop.dtype != np.uint8:
            raise ClewError(f"expected a square crop (H, H, 3) of uint8, found {crop.shape} of {crop.dtype}.")
        found = self._predictor(np.ascontiguousarray(crop), _rectangle(box or _middle(side, scale)))
        return np.array([(found.part(k).x + 0.5, found.part(k).y + 0.5) for k in range(POINTS)]) / side

    def parts(self, crops: NDArray[np.uint8], size: int, scale: float = SCALE) -> Masks:
        """The facial parts of crops (N, H, H, 3) for maps of `size` pixels: (N, 9, size, size)."""
        found = [parts_of(self.points(crop, scale), size) for crop in crops]
        return np.stack(found) if found else np.zeros((0, 9, size, size), bool)


def _loaded(model: Path) -> Any:
    import dlib

    try:
        size = model.stat().st_size
    except OSError as error:
        raise ClewError(f"the landmark file {model} cannot be read ({error.strerror or error}): {HINT}") from None
    if not model.is_file() or not 0 < size <= MOST_BYTES:
        raise ClewError(f"{model} is no landmark file (a file of 1 to {MOST_BYTES:,} bytes was expected): {HINT}")
    try:
        predictor = dlib.shape_predictor(str(model))
        count = predictor(np.zeros((64, 64, 3), np.uint8), dlib.rectangle(8, 8, 55, 55)).num_parts
    except (RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split()).split(" while ")[0]
        raise ClewError(f"{model} is no shape predictor that dlib can load ({reason}): {HINT}") from None
    if count != POINTS:
        raise ClewError(f"{model} finds {count} points, expected {POINTS}: {HINT}")
    return predictor


def _middle(side: int, scale: float) -> Box:
    width = side / scale
    return Box((side - width) / 2, (side - width) / 2, width, width)


def _rectangle(box: Box) -> Any:
    import dlib

    left, top = round(box.x), round(box.y)
    return dlib.rectangle(left, top, round(box.x + box.width) - 1, round(box.y + box.height) - 1)
