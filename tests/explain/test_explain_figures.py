"""Intervals of pairs of seeds against the jackknife done by hand, and the corners where figures or pictures are missing."""

from __future__ import annotations

import errno
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.base.progress import SILENT
from clew.explain import focus_figures, shelf
from clew.explain.facial_parts import canonical_parts
from clew.explain.focus import FOCUS
from clew.explain.gallery import FOLDER, _sweep
from clew.explain.heatmaps import heatmaps
from clew.explain.means import figure, figure_of_pairs
from clew.explain.parts_of_faces import face_parts
from clew.explain.regions import REGION
from clew.explain.shelf import Shelf
from clew.explain.trust import spread_out
from clew.explain.wording import aimed
from clew.tickets.evaluation.bench import Bench
from clew.training.intervals import quantile

PICTURES, SEEDS = 40, 4
PAIRS = list(combinations(range(SEEDS), 2))


def bench(seeds: int) -> Bench:
    """Every picture is its own cluster."""
    names = np.array([f"{at:02}" for at in range(PICTURES)])
    return Bench(np.arange(PICTURES) % 2, np.zeros((seeds, PICTURES)), names, names, names, tuple(range(seeds)), 200)


def of_pairs(flat: bool = True) -> np.ndarray:
    """Numbers (6, N) by pair; `flat`: the same for all pictures, so that the clusters add nothing."""
    by_seed, rng = np.array([0.1, 0.4, -0.2, 0.9]), np.random.default_rng(0)
    found = np.array([by_seed[i] + by_seed[j] for i, j in PAIRS])[:, None].repeat(PICTURES, 1)
    return found if flat else found + rng.normal(size=found.shape)


def test_pairs_of_seeds_are_told_by_the_jackknife() -> None:
    values = of_pairs()
    found = figure_of_pairs(bench(SEEDS), values, PAIRS)
    assert found is not None
    whole = values.mean()
    without = [np.mean([v for v, pair in zip(values[:, 0], PAIRS, strict=True) if s not in pair]) for s in range(SEEDS)]
    pseudo = SEEDS * whole - (SEEDS - 1) * np.array(without)
    half = quantile(SEEDS - 1) * pseudo.std(ddof=1) / 2
    assert (found["mean"], found["n"], found["pictures"]) == (pytest.approx(whole), SEEDS, PICTURES)
    assert [found["low"], found["high"]] == pytest.approx([whole - half, whole + half])


def test_the_interval_of_pairs_is_as_often_wrong_as_it_says() -> None:
    rng, wrong = np.random.default_rng(1), np.zeros(2)
    net = bench(SEEDS)
    for _ in range(400):
        by_seed = rng.normal(size=SEEDS)
        values = np.array([by_seed[i] + by_seed[j] for i, j in PAIRS])[:, None].repeat(PICTURES, 1)
        found = figure_of_pairs(net, values, PAIRS)
        assert found is not None
        wrong += [found["low"] > 0, found["high"] < 0]
    assert (wrong / 400 < 0.09).all()  # 5 % each; means by seed of the same pairs were wrong in 23 %


def test_one_pair_counts_as_one_and_seeds_without_values_are_left_out() -> None:
    values = of_pairs(flat=False)
    one, alone = figure_of_pairs(bench(2), values[:1], PAIRS[:1]), figure(bench(1), values[:1])
    assert one == alone
    dead = values.copy()
    dead[[3 in pair for pair in PAIRS]] = np.nan
    left = [at for at, pair in enumerate(PAIRS) if 3 not in pair]
    told = figure_of_pairs(bench(SEEDS), dead, PAIRS)
    assert told == figure_of_pairs(bench(3), values[left], [PAIRS[at] for at in left])
    dead[:] = np.nan
    assert figure_of_pairs(bench(SEEDS), dead, PAIRS) is None
    dead[0], dead[5] = values[0], values[5]
    assert figure_of_pairs(bench(SEEDS), dead, PAIRS) is None  # pairs between them are not known


def test_large_maps_are_measured_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def measured(part: slice) -> dict[str, np.ndarray]:
        sizes.append(part.stop - part.start)
        return {"at": np.arange(part.start, part.stop, dtype=np.float64)}

    found = focus_figures._in_chunks(300, 299 * 299, measured)["at"]
    assert found.tolist() == list(range(300))
    assert max(sizes) * 299 * 299 <= 2**20
    sizes.clear()
    focus_figures._in_chunks(300, 49, measured)
    assert sizes == [128, 128, 44]
    monkeypatch.setattr(focus_figures, "MOST_PIXELS", 1)
    maps = np.zeros((5, 3, 3), np.float32)
    maps[[0, 3], 1, 1] = 1
    seen: Any = SimpleNamespace(heat=lambda _: [maps], bench=bench(1).only(np.arange(PICTURES) < 5))
    told = focus_figures.empty_share(seen, SimpleNamespace())  # type: ignore[arg-type]
    assert told is not None
    assert told["mean"] == pytest.approx(0.6)


@pytest.mark.parametrize("name", [*FOCUS, *REGION])
def test_no_picture_has_no_figure(name: str) -> None:
    none = np.zeros((0, 7, 7))
    found = FOCUS[name].function(none, none) if name in FOCUS else REGION[name].function(none, none > 0)
    assert found.shape == (0,)


def test_the_sanity_check_looks_at_all_slow_pictures_alike() -> None:
    positions = np.arange(100, 160)  # a store holds reals first, then fakes
    found = spread_out(positions)
    assert len(found) == 32 == len(set(found.tolist()))
    assert (found < 130).sum() == (found >= 130).sum() == 16
    assert spread_out(positions[:20]).tolist() == positions[:20].tolist()


def test_the_gallery_removes_its_own_pictures_alone(tmp_path: Any) -> None:
    (tmp_path / FOLDER).mkdir()
    mine, others = ["0123456789ab-picture.jpg", "0123456789ab-95.7.jpg"], ["holiday.jpg", "0123456789ab-me.jpg"]
    for name in (*mine, *others):
        (tmp_path / FOLDER / name).touch()
    _sweep(tmp_path, [])
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == sorted(others)


def test_a_level_can_have_heat_where_dense_has_none() -> None:
    one = {"mean": 0.6, "low": 0.5, "high": 0.7, "n": 3, "pictures": 60, "clusters": 60}
    region = {"energy_inside": {"value": one}, "area_share": {"value": one}}
    dense = {"level": 0.0, "region": {"energy_inside": {"value": None}, "area_share": {"value": None}}}
    told = aimed({"level": 0.8, "region": region, "region_gain": one}, "It", dense)
    assert (
        told == "It keeps 60 % [50, 70] of its heat inside the forged region, whose area is 60 %: more than by chance."
    )


@pytest.mark.parametrize(
    ("protocol", "finder", "scale", "known"),
    [
        ({"name": "dlib", "scale": 1.3}, "dlib", 1.3, True),
        ({"name": "opencv", "scale": 1.5}, "opencv", 1.5, True),
        ({"name": "yunet", "scale": 1.3}, "yunet", 1.3, True),
        ({"name": "boxes", "scale": 1.4}, "dlib", 1.4, False),  # the dataset's own: nobody knows how they lie
        ({"name": "as-given", "scale": 1.0}, "dlib", 1.3, False),
    ],
)
def test_parts_lie_where_the_stores_face_detector_puts_them(
    protocol: Any, finder: str, scale: float, known: bool
) -> None:
    subject: Any = SimpleNamespace(store=SimpleNamespace(facts={"protocol": protocol}), size=64)
    found = face_parts(subject, None, SILENT)
    assert np.array_equal(found.masks_of(np.arange(2)), canonical_parts(64, scale, finder))
    assert found.as_dict() == {"scale": scale, "known": known, "landmarks": ""}


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shelf.FileLock, "acquire", refused)
    with pytest.raises(ClewError, match="cannot be written"), Shelf(tmp_path).alone():
        pass


def test_weights_made_in_inference_mode_are_refused() -> None:
    with torch.inference_mode():
        net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    with pytest.raises(ClewError, match="Sequential was built in"):
        heatmaps(net, torch.rand(1, 3, 4, 4), torch.zeros(1, dtype=torch.int64), "0")
