"""What two makings of one network give on the same pictures: how far their logits lie apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def seeded_pictures(size: int, count: int) -> NDArray[np.float32]:
    """Pictures (B, 3, H, W) in [0, 1]: noise over patches of plain colour, the same every time."""
    draw = np.random.default_rng(count)
    patches = draw.random((count, 3, -(-size // 8), -(-size // 8)), np.float32).repeat(8, 2).repeat(8, 3)
    return np.asarray((patches[:, :, :size, :size] + draw.random((count, 3, size, size), np.float32)) / 2, np.float32)


def logit_error(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The largest difference of a logit (B, K); infinite where there are more or fewer of them."""
    return float(np.abs(found - wanted).max()) if found.shape == wanted.shape else float("inf")
