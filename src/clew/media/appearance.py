"""How a person looks by crops of the face, without a learned model: enough to know one again after a short while."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE = 64
_STRIPS = ((0, 20), (20, 44), (44, 64))  # rows: hair, eyes and nose, mouth and collar
_COLUMNS = (10, 54)
_HUES, _STRENGTHS = 12, 4
COLOURS = len(_STRIPS) * _HUES * _STRENGTHS  # numbers of an appearance that are colours; the others are edges

# Measured on means over tracks: colours of one person after a while 0.015 to 0.063 apart (7 pairs), of two persons in
# one video at least 0.081 (29 pairs); edges of one person at least 0.859 alike. Both together still call 6 in 377 pairs
# of faces in one photograph alike, so they are never enough to join tracks by themselves.
_COLOURS_APART = 0.065
_EDGES_ALIKE = 0.85


def appearance(crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How a face's crop, RGB uint8 (H, W, 3), looks: (D,) colours of three strips, then edges; means may be taken.

    Edges are histograms of oriented gradients (Dalal and Triggs, CVPR 2005).
    """
    small = cv2.resize(np.ascontiguousarray(crop), (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    shades = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    strips = [_colours(np.ascontiguousarray(shades[a:b, slice(*_COLUMNS)])) for a, b in _STRIPS]
    edges = cv2.HOGDescriptor((_SIZE, _SIZE), (16, 16), (8, 8), (8, 8), 9)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.concatenate((*strips, np.ravel(edges.compute(grey)))).astype(np.float64)


def alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two appearances (D,) may be of one person in one place; different persons may look alike too."""
    apart = 1 - _cosine(a[:COLOURS], b[:COLOURS])
    return apart <= _COLOURS_APART and _cosine(a[COLOURS:], b[COLOURS:]) >= _EDGES_ALIKE


def _colours(strip: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Square roots of the shares of hue and strength (48): their products are Bhattacharyya's likeness."""
    counts = cv2.calcHist([strip], [0, 1], None, [_HUES, _STRENGTHS], [0, 180, 0, 256]).ravel()
    return np.asarray(np.sqrt(counts / max(counts.sum(), 1.0)), np.float64)


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / max(1e-9, float(np.linalg.norm(a) * np.linalg.norm(b))))
