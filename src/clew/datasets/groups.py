"""Which samples hang together: clusters are the unit of splitting and of resampling."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from clew.datasets.items import Item
from clew.datasets.records import read_rows

Groups = dict[str, tuple[tuple[str, ...], str]]


def read_groups(root: Path) -> Groups:
    """What `groups.csv` says: path -> (groups, method), from its columns path, group and perhaps method.

    A path may stand in several rows: it then joins these groups. Without the file: empty.
    """
    path = root / "groups.csv"
    if not os.path.lexists(path):
        return {}
    found: Groups = {}
    for _, row in read_rows(path, ("path", "group")):
        name = row["path"].strip().replace("\\", "/")
        groups, method = found.get(name, ((), ""))
        group = row["group"].strip()
        found[name] = (groups + ((group,) if group else ()), (row.get("method") or method).strip())
    return found


def clusters(items: Sequence[Item]) -> list[str]:
    """The cluster of each item: its connected component of groups, else its video, else itself.

    A component is named after the first of its groups in sorted order.
    """
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for item in items:
        for other in item.groups[1:] if item.status == "ok" else ():  # what is left out joins nobody
            first, second = sorted((find(item.groups[0]), find(other)))
            leader[second] = first
    return [find(item.groups[0]) if item.groups else item.video or item.source for item in items]
