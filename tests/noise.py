"""Pictures of noise, the fakes with a trace that a net can learn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from clew.media.pictures import encode_jpeg

PARTS = {"train": 40, "val": 12, "test": 24}


def noise_picture(rng: np.random.Generator, fake: bool, size: int = 32) -> np.ndarray:
    """A picture (size, size, 3) of smooth noise; a fake has a faint grid in its middle."""
    picture = cv2.GaussianBlur(rng.random((size, size, 3)).astype(np.float32), (0, 0), 2)
    picture = 0.5 + (picture - picture.mean()) * 2
    if fake:
        part = slice(size // 4, 3 * size // 4)
        picture[part, part][::2, ::2] += 0.25
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def write_folder(root: Path, seed: int = 0, size: int = 32) -> Path:
    """A dataset in the layout `folder`, two pictures of each cluster, with a groups.csv."""
    rng = np.random.default_rng(seed)
    groups = ["path,group"]
    for part, count in PARTS.items():
        for number in range(count):
            for name in ("real", "fake"):
                path = f"{part}/{name}/{number:03d}.jpg"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(encode_jpeg(noise_picture(rng, name == "fake", size), 92))
                groups.append(f"{path},{part}-{number // 2}")
    (root / "groups.csv").write_text("\n".join(groups) + "\n")
    return root
