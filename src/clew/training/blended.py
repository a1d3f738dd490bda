"""Self-blended fakes made while training runs: no epoch shows the same forgery twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.datasets.blending import BlendSettings, self_blend
from clew.datasets.store import CropStore
from clew.training.augmentations.base import Crops
from clew.training.data import Samples, load_split

Labels = NDArray[np.int64]


def blend_batch(
    crops: Crops, labels: Labels, rng: np.random.Generator, settings: BlendSettings | None = None
) -> tuple[Crops, Labels]:
    """Half of the reals of a batch (rounded down, chosen by `rng`) self-blended: crops (B, H, W, 3) and labels (B,).

    The reals that stay real go through the same colour, sharpness and JPEG changes as those that are forged, so
    that the blend alone tells them apart. Samples that are fakes already stay as they are. What is handed in is
    not changed.
    """
    settings = settings or BlendSettings()
    crops, labels = crops.copy(), labels.copy()
    reals = np.flatnonzero(labels == 0)
    forged = set(rng.permutation(reals)[: len(reals) // 2].tolist())
    for position in reals.tolist():
        made = self_blend(crops[position], rng, settings)
        crops[position] = made.picture if position in forged else made.real
        labels[position] = position in forged
    return crops, labels


def load_part(
    stores: Sequence[CropStore], split: str, blend: bool, classes: Sequence[str] = (), fakes: Sequence[str] = ()
) -> Samples:
    """The samples of a split as a training takes them; `classes` and `fakes` as for `load_split`.

    With `blend` the training split is its reals alone, whose fakes `blend_batch` makes as it goes; validation and
    test keep their own fakes where they have some, and get a fixed blend of each real where they have none.
    `blend` and `fakes` exclude each other: ClewError.
    """
    if not blend:
        return load_split(stores, split, classes=classes, fakes=fakes)
    if fakes:
        raise ClewError("--fakes and --blend exclude each other: blends are trained on, not a method's own fakes.")
    reals = load_split(stores, split, reals_only=True)
    if split == "train":
        return reals
    forged = sum(int((store.samples(split)["label"].to_numpy() > 0).sum()) for store in stores)
    return load_split(stores, split) if forged else _with_blends(reals)


class _Blended(Samples):
    """N reals and their blends: position i < N is the real, N + i its blend, the same each time."""

    def crops(self, positions: Sequence[int] | NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """The crops at `positions`: (B, size, size, 3) uint8; a real goes through what its blend goes through."""
        reals = len(self) // 2
        out = super().crops(positions, size)
        for row, position in enumerate(np.asarray(positions).tolist()):
            rng = np.random.default_rng(stable_seed("held-out blend", self.split, position % reals))
            made = self_blend(out[row], rng)
            out[row] = made.picture if position >= reals else made.real
        return out


def _with_blends(reals: Samples) -> Samples:
    rows = reals.rows
    forged = rows
    for name, column in (
        ("sample", pc.binary_join_element_wise(rows["sample"], pa.scalar("blend"), "~")),
        ("label", pa.array(np.ones(len(reals)), pa.int8())),
        ("method", pa.array(["self-blended"] * len(reals), pa.string())),
    ):
        forged = forged.set_column(forged.schema.get_field_index(name), forged.schema.field(name), column)
    labels = np.repeat(np.arange(2), len(reals))
    both = pa.concat_tables([rows, forged])
    return _Blended(reals.stores, reals.split, both, labels, np.tile(reals.places, (2, 1)))
