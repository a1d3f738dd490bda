"""Layout `openforensics-crops`: 256x256 face crops of OpenForensics, `{Train,Validation,Test}/{Real,Fake}/*.jpg`."""

from __future__ import annotations

import os
from pathlib import Path

from clew.datasets.disk import check_root
from clew.datasets.items import FAKE, REAL, Listing, layouts
from clew.datasets.recognise import signs, wrong_layout
from clew.datasets.tree import read_tree

PARTS = {"Train": "train", "Validation": "val", "Test": "test"}
LABELS = {"Real": REAL, "Fake": FAKE}
EXPECTED = "{Train,Validation,Test}/{Real,Fake}/*.jpg"


@signs.register("openforensics-crops")
def looks_like_crops(root: Path) -> bool:
    """Whether `root`/Train has the folders Real and Fake."""
    return all(os.path.isdir(root / "Train" / name) for name in LABELS)


@layouts.register("openforensics-crops")
def read_openforensics_crops(root: Path) -> Listing:
    """The crops; identities are unknown unless a groups.csv (path, group) tells them."""
    found = check_root(root)
    parts = {name: split for name, split in PARTS.items() if name in found}
    if "Train" not in parts or any(not os.path.isdir(root / part / name) for part in parts for name in LABELS):
        raise wrong_layout(root, "openforensics-crops", EXPECTED, found)
    return read_tree(root, parts, LABELS)
