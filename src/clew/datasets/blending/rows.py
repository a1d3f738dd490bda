"""From a real face to what a store holds of it: the real and its blends."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.base.hashing import stable_seed
from clew.datasets.blending.blend import Blended, self_blend
from clew.datasets.blending.hull import Points
from clew.datasets.blending.settings import BlendSettings
from clew.datasets.items import FAKE
from clew.datasets.rows import Cropped

METHOD = "self-blended"


def blend_rows(
    face: Cropped, per_face: int, seed: int, settings: BlendSettings, landmarks: Points | None = None
) -> list[Cropped]:
    """The rows of one real face: the real, then `per_face` blends with their regions.

    The real is the counterpart of the first blend, so that both went through the same; the others are of the same
    kind. All follow from `seed` and the face's name. A face that was dropped stays the row that it is.
    """
    if face.crop is None:
        return [face]
    sample = face.row["sample"]
    made = [
        self_blend(face.crop, np.random.default_rng(stable_seed("blend", seed, sample, number)), settings, landmarks)
        for number in range(per_face)
    ]
    real = Cropped({**face.row, "region": False}, made[0].real)
    return [real, *(_fake(face.row, number, blended) for number, blended in enumerate(made))]


def _fake(row: dict[str, Any], number: int, blended: Blended) -> Cropped:
    """The row of a blend: another sample, and another video where there is one, in its face's cluster and split."""
    mark = f"#blend-{number}"
    changed = {"sample": row["sample"] + mark, "label": FAKE, "method": METHOD, "region": True}
    if row["video"]:
        changed["video"] = row["video"] + mark
    return Cropped({**row, **changed}, blended.picture, blended.region.astype(np.uint8))
