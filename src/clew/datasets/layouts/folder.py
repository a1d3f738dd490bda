"""Layout `folder`: anyone's pictures, `{train,val,test}/{real,fake}/…` or `{real,fake}/…`, perhaps a groups.csv."""

from __future__ import annotations

from pathlib import Path

from clew.datasets.items import FAKE, REAL, SPLITS, Item, layouts
from clew.datasets.tree import check_root, read_tree, wrong_layout

LABELS = {"real": REAL, "fake": FAKE}
EXPECTED = "{train,val,test}/{real,fake}/ or {real,fake}/ with pictures below"


@layouts.register("folder")
def read_folder(root: Path) -> list[Item]:
    """The pictures of a folder; without split folders the splits are drawn later, by cluster."""
    found = check_root(root)
    if set(LABELS) <= set(found):
        return read_tree(root, {"": ""}, LABELS)
    parts = [name for name in SPLITS if name in found]
    if "train" not in parts or any(not (root / part / name).is_dir() for part in parts for name in LABELS):
        shown = [f"{part}/{sub}" for part in parts for sub in check_root(root / part)] or found
        raise wrong_layout(root, "folder", EXPECTED, shown)
    return read_tree(root, {name: name for name in parts}, LABELS)
