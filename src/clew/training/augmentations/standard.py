"""The two fixed augmentations, `none` and `standard`: their draws never change, recorded trainings depend on them."""

from __future__ import annotations

import cv2
import numpy as np

from clew.training.augmentations.base import Change, Crop, Crops

SHARE = 0.1  # of the crops each of JPEG, blur and noise is applied to


def none(crops: Crops, rng: np.random.Generator) -> Crops:
    """Nothing."""
    return crops


def standard(crops: Crops, rng: np.random.Generator) -> Crops:
    """Half of the crops (B, H, W, 3) flipped; a tenth each through JPEG 50-95, blur up to 1 px, noise up to 5/255."""
    crops = np.ascontiguousarray(crops)
    for i, (flip, kind, strength) in enumerate(rng.random((len(crops), 3))):
        crop = crops[i, :, ::-1] if flip < 0.5 else crops[i]
        if kind < SHARE:
            crop = _jpeg(crop, 50 + int(45 * strength))
        elif kind < 2 * SHARE:
            crop = cv2.GaussianBlur(np.ascontiguousarray(crop), (0, 0), 0.3 + 0.7 * strength)
        elif kind < 3 * SHARE:
            crop = _noise(crop, 1 + 4 * strength, rng)
        crops[i] = crop
    return crops


def _jpeg(crop: Crop, quality: int) -> Crop:
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(crop), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _noise(crop: Crop, sigma: float, rng: np.random.Generator) -> Crop:
    noise = rng.standard_normal(crop.shape, np.float32) * np.float32(sigma)
    return np.clip(crop + noise, 0, 255).astype(np.uint8)


PRESETS: dict[str, Change] = {"none": none, "standard": standard}
