"""A face blended with a changed copy of itself: the traces of a forgery without a forger.

After Shiohara & Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.datasets.blending import transforms
from clew.datasets.blending.hull import Points, canonical, extent
from clew.datasets.blending.region import draw_weights, fade, settle
from clew.datasets.blending.settings import BlendSettings
from clew.media.pictures import Picture

SMALLEST = 16  # pixels of a face's shorter side


@dataclass(frozen=True)
class Blended:
    """A forgery and what it was made of; outside `region` picture and real are equal bit for bit."""

    picture: Picture  # (H, W, 3), the fake
    region: NDArray[np.bool_]  # (H, W), where the copy was laid
    real: Picture  # (H, W, 3), the real face after all that it went through together with the fake


def self_blend(
    face: Picture,
    rng: np.random.Generator,
    settings: BlendSettings | None = None,
    landmarks: Points | None = None,
) -> Blended:
    """Blends a real face (H, W, 3) uint8 with a copy of itself; everything is drawn from `rng`.

    Either the face or its copy is recoloured and softened or sharpened; the copy is stretched and moved, and laid
    over the face in a random part of its outline: of `landmarks` (N, 2) in pixels, or of a canonical face. Real
    and fake then pass through the same JPEG or none. Raises ClewError for crops under 16 pixels or landmarks
    that lie outside.
    """
    settings = settings or BlendSettings()
    if face.ndim != 3 or face.shape[2] != 3 or face.dtype != np.uint8 or min(face.shape[:2]) < SMALLEST:
        raise ClewError(f"a face of {face.dtype} {face.shape}: expected uint8 (H, W, 3), {SMALLEST} pixels at least.")
    face = np.ascontiguousarray(face)
    target, copy = _parted(face, rng, settings)
    shape = (face.shape[0], face.shape[1])
    drawn = canonical(shape, settings.face, settings.face_jitter, rng)
    points = drawn if landmarks is None else np.asarray(landmarks, np.float32)
    weights = draw_weights(shape, points, rng, settings)
    move = _placement(shape, extent(points, shape), rng, settings)
    moved = cv2.warpAffine(copy, move, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    weights = np.asarray(cv2.warpAffine(weights, move, shape[::-1], flags=cv2.INTER_LINEAR), np.float32)
    ratio = np.float32(settings.ratios[rng.integers(len(settings.ratios))])
    weights, region = settle(weights * ratio * fade(shape))
    return _through_jpeg(Blended(_laid(target, moved, weights), region, target), rng, settings)


def _parted(face: Picture, rng: np.random.Generator, settings: BlendSettings) -> tuple[Picture, Picture]:
    """The face that is blended onto and the copy that is laid over it; one of the two is changed."""
    changed = _changed(face, rng, settings)
    return (changed, face) if rng.random() < 0.5 else (face, changed)


def _changed(face: Picture, rng: np.random.Generator, settings: BlendSettings) -> Picture:
    matrix = transforms.colour_matrix(
        rng.uniform(-settings.rgb, settings.rgb, 3),
        rng.uniform(-settings.hue, settings.hue),
        rng.uniform(*settings.saturation),
        rng.uniform(-settings.brightness, settings.brightness),
        rng.uniform(*settings.contrast),
    )
    softer, share, amount = rng.random() < 0.5, rng.uniform(*settings.shrink), rng.uniform(*settings.sharpen)
    face = transforms.soften(face, share) if softer else transforms.sharpen(face, amount, min(face.shape[:2]) / 128)
    return transforms.recolour(face, matrix)


def _placement(
    shape: tuple[int, int], size: float, rng: np.random.Generator, settings: BlendSettings
) -> NDArray[np.float64]:
    shift = rng.uniform(-settings.shift, settings.shift, 2) * size
    return transforms.placement(shape, rng.uniform(*settings.stretch, 2), shift)


def _laid(target: Picture, copy: NDArray[Any], weights: NDArray[np.float32]) -> Picture:
    """The copy over the target by `weights` (H, W); where they are 0 the target's own pixels."""
    below = target.astype(np.float32)
    return transforms.to_levels(below + weights[..., None] * (copy.astype(np.float32) - below))


def _through_jpeg(blended: Blended, rng: np.random.Generator, settings: BlendSettings) -> Blended:
    """Real and fake after one JPEG quality; outside the region both show the real's pixels."""
    spoiled, quality = rng.random() < settings.jpeg_share, int(rng.integers(*settings.jpeg_quality, endpoint=True))
    if not spoiled:
        return blended
    real, fake = (transforms.through_jpeg(part, quality) for part in (blended.real, blended.picture))
    return Blended(np.where(blended.region[..., None], fake, real), blended.region, real)
