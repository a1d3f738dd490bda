"""What cropping one item gives: rows of the index, most of them with a crop, some with a region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.datasets.items import Item

Crop = NDArray[np.uint8]  # (S, S, 3)
Region = NDArray[np.uint8]  # (S, S) of 0 and 1


@dataclass(frozen=True)
class Cropped:
    """One row, with its crop when its status is ok, and its region where that is known."""

    row: dict[str, Any]
    crop: Crop | None = None
    region: Region | None = None


@dataclass(frozen=True)
class Entry:
    """One item with the cluster and the split it was given."""

    item: Item
    cluster: str
    split: str

    def row(self, **changes: Any) -> dict[str, Any]:
        """A row of the index for this item; `changes` are what the crop adds."""
        item = self.item
        row: dict[str, Any] = {
            "sample": f"{item.source}#{item.face}" if item.face else item.source,
            "source": item.source,
            "frame": 0,
            "time_s": 0.0,
            "video": item.video,
            "cluster": self.cluster,
            "label": item.label,
            "method": item.method,
            "compression": item.compression,
            "split": self.split,
            "box": list(item.box) if item.box else None,
            "track": 0,
            "status": item.status,
            "detail": item.detail,
            "crop": -1,
            "region": False,
            "groups": list(item.groups),
            "width": 0,
            "height": 0,
            "bytes": 0,
            "quality": None,
        }
        row.update(changes)
        return row

    def lost(self, status: str, detail: str, **changes: Any) -> Cropped:
        """A row without a crop, and why."""
        return Cropped(self.row(status=status, detail=detail, **changes))

    def found(self, crop: Crop, region: Region | None, **changes: Any) -> Cropped:
        """A row with its crop and perhaps its region; a fake in whose crop nothing is forged is not kept."""
        if region is not None and self.item.label and not region.any():
            detail = f"{self.item.source}: nothing is forged in this face, as its region tells."
            return self.lost("unforged", **{**changes, "detail": detail})
        changes.setdefault("detail", "")
        return Cropped(self.row(status="ok", region=region is not None, **changes), crop, region)


def stack(cropped: Sequence[Cropped], size: int) -> tuple[list[dict[str, Any]], Crop, Region]:
    """Rows, crops (k, S, S, 3) and regions (r, S, S) as `write_part` takes them."""
    crops = [c.crop for c in cropped if c.crop is not None]
    regions = [c.region for c in cropped if c.region is not None]
    return (
        [c.row for c in cropped],
        np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8),
        np.stack(regions) if regions else np.zeros((0, size, size), np.uint8),
    )
