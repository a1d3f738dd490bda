"""Layout `openforensics-crops`: 256x256 face crops of OpenForensics, `{Train,Validation,Test}/{Real,Fake}/*.jpg`."""

from __future__ import annotations

from pathlib import Path

from clew.datasets.items import FAKE, REAL, Item, layouts
from clew.datasets.tree import check_root, read_tree, wrong_layout

PARTS = {"Train": "train", "Validation": "val", "Test": "test"}
LABELS = {"Real": REAL, "Fake": FAKE}
EXPECTED = "{Train,Validation,Test}/{Real,Fake}/*.jpg"


@layouts.register("openforensics-crops")
def read_openforensics_crops(root: Path) -> list[Item]:
    """The crops; identities are unknown unless a groups.csv (path, group) tells them."""
    found = check_root(root)
    parts = {name: split for name, split in PARTS.items() if name in found}
    if "Train" not in parts or any(not (root / part / name).is_dir() for part in parts for name in LABELS):
        raise wrong_layout(root, "openforensics-crops", EXPECTED, found)
    return read_tree(root, parts, LABELS)
