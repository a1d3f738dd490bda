"""Some manipulation methods alone: whose fakes stay, which there are, and what is wrong with a choice of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.datasets.store import CropStore


def known_fakes(stores: Sequence[CropStore]) -> dict[str, int]:
    """Every manipulation method of the stores, in the order of the alphabet, and how many usable fakes it has."""
    counts: Counter[str] = Counter()
    for store in stores:
        rows = store.index.filter(pc.and_(pc.equal(store.index["status"], "ok"), pc.greater(store.index["label"], 0)))
        for found in pc.value_counts(pc.fill_null(rows["method"], "")).to_pylist():
            counts[found["values"]] += found["counts"]
    return {name: counts[name] for name in sorted(counts) if name}


def check_fakes(stores: Sequence[CropStore], fakes: Iterable[str]) -> None:
    """Raises ClewError that lists the known methods with their counts when one of `fakes` is not among them."""
    known = known_fakes(stores)
    for name in fakes:
        if name not in known:
            there = ", ".join(f"{method} ({count:,})" for method, count in known.items()) or "none"
            raise ClewError(f"--fakes {name}: {_paths(stores)} has no fakes of that method. Known: {there}.")


def with_fakes(rows: pa.Table, fakes: Sequence[str]) -> pa.Table:
    """Index rows without the fakes of other methods than `fakes` (none named: all stay); the reals stay."""
    if not fakes:
        return rows
    ours = pc.is_in(pc.fill_null(rows["method"], ""), value_set=pa.array(list(fakes), pa.string()))
    return rows.filter(pc.or_(pc.equal(rows["label"], 0), ours))


def no_fakes_left(stores: Sequence[CropStore], split: str, fakes: Sequence[str]) -> ClewError:
    """The error for a split that a choice of methods leaves without fakes."""
    return ClewError(
        f"{_paths(stores)}: the split '{split}' holds no fakes of {' or '.join(fakes)}: name other --fakes, or none."
    )


def _paths(stores: Sequence[CropStore]) -> str:
    return ", ".join(str(store.path) for store in stores)
