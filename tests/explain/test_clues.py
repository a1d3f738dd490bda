"""Blocks of a network compared: CKA against its formulas, overlaps by hand, twins and blocks that share nothing."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.explain.clue_table import Watched, clue_table
from clew.explain.clues import (
    BY_CHANCE,
    Clues,
    block_heatmaps,
    blocks_of,
    clues_of,
    cosines,
    features_of,
    overlaps,
    pairs_of,
    shared_energy,
)
from clew.explain.similarity import FeatureSums
from clew.training.data import Samples


def cka(*blocks: np.ndarray, debiased: bool = False, batch: int = 7) -> np.ndarray:
    """CKA of blocks' features (N, D) each, counted in batches."""
    together = np.stack(blocks, axis=1)
    sums = FeatureSums(*together.shape[1:])
    for start in range(0, len(together), batch):
        sums.add(together[start : start + batch])
    return sums.cka(debiased)


def features(count: int = 40, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(3.0, 1.0, (count, width))


def by_grams(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al. 2012, equation 5, with whole Gram matrices."""
    count = len(x)
    k, l = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(count)
    middle = (one @ k @ one) * (one @ l @ one) / ((count - 1) * (count - 2))
    return float(np.trace(k @ l) + middle - 2 / (count - 2) * one @ k @ l @ one)


def test_cka_is_the_formula_of_the_paper_whatever_the_batches() -> None:
    x, y = features(), features(seed=1) + 0.5 * features()
    a, b = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.norm(a.T @ b) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    for batch in (1, 7, 40):
        assert cka(x, y, batch=batch) == pytest.approx(np.array([[1, expected], [expected, 1]]), abs=1e-10)


def test_debiased_cka_is_the_formula_with_grams() -> None:
    x, y = features(), features(seed=1) + 0.5 * features()
    expected = by_grams(x, y) / np.sqrt(by_grams(x, x) * by_grams(y, y))
    assert cka(x, y, debiased=True)[0, 1] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("debiased", [False, True])
def test_cka_is_blind_to_turns_scales_and_shifts(debiased: bool) -> None:
    x = features()
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    assert cka(x, 0.2 * x @ turn + 100, debiased=debiased)[0, 1] == pytest.approx(1, abs=1e-7)
    assert cka(x, x @ np.diag([9.0, 1, 1, 1, 0.1]), debiased=debiased)[0, 1] < 0.95


def test_unrelated_features_are_near_0_and_with_few_pictures_only_debiased() -> None:
    many = cka(features(2000), features(2000, seed=1))[0, 1]
    assert many < 0.01
    few = [cka(features(20, 20, seed), features(20, 20, seed + 100))[0, 1] for seed in range(20)]
    fair = [cka(features(20, 20, s), features(20, 20, s + 100), debiased=True)[0, 1] for s in range(20)]
    assert np.mean(few) > 0.4
    assert abs(np.mean(fair)) < 0.1


def test_features_that_do_not_vary_have_no_similarity() -> None:
    found = cka(features(), np.full((40, 5), 7.0), features(seed=1))
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[[0, 2]][:, [0, 2]]).all()


def test_sums_do_not_grow_and_refuse_what_does_not_fit() -> None:
    sums = FeatureSums(2, 3)
    sums.add(np.ones((4, 2, 3)))
    before = {name: np.shape(part) for name, part in vars(sums).items()}
    sums.add(np.zeros((400, 2, 3)))
    assert {name: np.shape(part) for name, part in vars(sums).items()} == before
    with pytest.raises(ClewError, match=r"expected features \(B, 2, 3\), found \(4, 3, 2\)"):
        sums.add(np.ones((4, 3, 2)))
    with pytest.raises(ClewError, match="64 blocks of 512 features"):
        FeatureSums(64, 512)
    few = FeatureSums(2, 3)
    few.add(np.ones((3, 2, 3)))
    with pytest.raises(ClewError, match="needs 4 pictures or more; found 3"):
        few.cka(debiased=True)


# Heatmaps of 5x5 pixels: the top fifth is five of them


def row_map(*rows: int) -> np.ndarray:
    found = np.zeros((5, 5))
    for row in rows:
        found[row] = 1.0
    return found


def test_overlaps_by_hand() -> None:
    cross = np.zeros((5, 5))
    cross[0, :2] = cross[4, :3] = 2.0  # shares two of five pixels with the first row
    maps = np.stack([row_map(0), row_map(0), row_map(4), cross, np.zeros((5, 5))])[:, None]
    found = dict(zip(pairs_of(5), overlaps(maps)[:, 0], strict=True))
    assert (found[0, 1], found[0, 2]) == (1, 0)
    assert found[0, 3] == pytest.approx(2 / 8)
    assert np.isnan([found[pair] for pair in found if 4 in pair]).all()


def test_shared_energy_by_hand() -> None:
    maps = np.stack([row_map(0), 7 * row_map(0, 1), row_map(3), -row_map(0)])[:, None]
    found = dict(zip(pairs_of(4), shared_energy(maps)[:, 0], strict=True))
    assert found[0, 1] == pytest.approx(0.5)
    assert found[0, 2] == 0
    assert np.isnan(found[0, 3])


def test_maps_by_lot_overlap_as_by_chance() -> None:
    maps = np.random.default_rng(0).random((2, 500, 10, 10))
    assert overlaps(maps).mean() == pytest.approx(BY_CHANCE, abs=0.01)


def test_cosines_by_hand() -> None:
    found = cosines(np.array([[[1.0, 0], [1, 1], [0, -2], [0, 0]]]))[:, 0]
    root = 0.5**0.5
    assert found == pytest.approx([root, 0, np.nan, -root, np.nan, np.nan], nan_ok=True)


class Halves(nn.Module):
    """Two blocks: the second sees what the first sees, or the other half of the picture, which is shown it mirrored."""

    cam_layers = ("first", "second")

    def __init__(self, twins: bool) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(3, 2, 1, bias=False) for _ in range(2))
        self.twins = twins
        for part in (self.first, self.second):
            nn.init.ones_(part.weight)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        left = torch.zeros_like(images)
        left[..., : images.shape[-1] // 2] = 1
        other = left if self.twins else 1 - left
        return self.first(images * left), self.second(images * other)

    def clues(self, images: Tensor) -> Tensor:
        return torch.stack([part.mean((2, 3)) for part in self.maps(images)], 1)

    def forward(self, images: Tensor) -> Tensor:
        score = self.clues(images).sum((1, 2))
        return torch.stack([-score, score], 1)


def batches(count: int = 6) -> list[tuple[Tensor, Tensor]]:
    images = torch.rand(count, 3, 10, 10, generator=torch.Generator().manual_seed(0))
    return list(zip(images.split(4), torch.ones(count, dtype=torch.int64).split(4), strict=True))


def test_twins_are_alike_in_everything() -> None:
    found = clues_of(Halves(twins=True), batches())
    assert found.overlap.shape == found.energy.shape == found.cosine.shape == (1, 6)
    for values in (found.overlap, found.energy, found.cosine, found.cka, found.debiased):
        assert values == pytest.approx(np.ones(values.shape), abs=1e-5)


def test_blocks_of_other_halves_share_no_place() -> None:
    found = clues_of(Halves(twins=False), batches())
    assert (found.overlap == 0).all()
    assert (found.energy == 0).all()
    assert found.cka[0] < 0.9


def test_too_few_pictures_for_a_likeness_of_features_tell_the_rest() -> None:
    found = clues_of(Halves(twins=True), batches(3))
    assert np.isfinite(found.cka).all()
    assert np.isnan(found.debiased).all()
    assert np.isfinite(found.overlap).all()
    assert np.isnan(clues_of(Halves(twins=True), batches(1)).cka).all()


def test_a_network_of_local_blocks_is_left_as_it_was() -> None:
    net = network(Config("mi_net", 32, options={"backbone": "cnn5", "blocks": 3})).train()
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = {name: part.clone() for name, part in net.state_dict().items()}
    maps = block_heatmaps(net, images, torch.ones(4, dtype=torch.int64))
    found = features_of(net, images)
    assert net.training
    assert all(torch.equal(part, before[name]) for name, part in net.state_dict().items())
    assert maps.shape == (3, 4, 2, 2)
    assert found.shape == (4, 3, 176)
    with torch.no_grad():
        assert np.allclose(found, net.eval().clues(images).numpy(), atol=1e-6)


def test_networks_without_blocks_and_empty_batches_are_refused() -> None:
    with pytest.raises(ClewError, match="CNN5 has no local blocks"):
        blocks_of(network(Config("cnn5", 32)))
    with pytest.raises(ClewError, match="found none"):
        clues_of(Halves(twins=True), [])


# The table

COUNT = 60


def samples() -> Samples:
    names = [f"p{at:02}" for at in range(COUNT)]
    table = pa.table({"sample": names, "video": [""] * COUNT, "cluster": names, "method": names, "compression": names})
    return Samples((), "test", table, np.arange(COUNT) % 2, np.zeros((COUNT, 2), np.int64))


def clues(overlap: np.ndarray, similar: float) -> Clues:
    """Three pairs, of which the second is above and the third below by 0.1."""
    pairs = np.stack([overlap, overlap + 0.1, overlap - 0.1])
    return Clues(pairs, pairs / 2, pairs / 4, np.full(3, similar), np.full(3, similar / 2))


def test_the_table_by_hand() -> None:
    rng = np.random.default_rng(0)
    places = [rng.uniform(0.2, 0.4, COUNT) for _ in range(3)]
    dense = tuple(clues(place, 0.6 + seed / 10) for seed, place in enumerate(places))
    ticket = tuple(clues(place + 0.3, 0.5 + seed / 10) for seed, place in enumerate(places))
    nets = [Watched("dense", 0.0, (0, 1, 2), dense)]
    nets += [Watched("imp", 0.9, (2, 1, 0), ticket[::-1], ("dense", 0.0))]
    found = clue_table(samples(), nets)
    assert (found["blocks"], found["pairs"], found["by_chance"]) == (3, [[1, 2], [1, 3], [2, 3]], BY_CHANCE)
    first, second = found["levels"]
    mean = np.mean(places)
    assert first["mean"]["overlap"]["mean"] == pytest.approx(mean)
    assert [pair["overlap"]["mean"] for pair in first["pairs"]] == pytest.approx([mean, mean + 0.1, mean - 0.1])
    assert first["mean"]["cka"]["mean"] == pytest.approx(0.7)
    assert first["mean"]["cka"]["seeds"] == pytest.approx({"0": 0.6, "1": 0.7, "2": 0.8})
    change = second["minus_dense"]
    # However much pictures and seeds vary: each is compared with itself.
    assert [change["overlap"][key] for key in ("mean", "low", "high")] == pytest.approx([0.3] * 3)
    assert [change["cka"][key] for key in ("mean", "low", "high")] == pytest.approx([-0.1] * 3)
    assert first["minus_dense"] is None
    json.dumps(found, allow_nan=False)


def test_pictures_without_a_focus_are_left_out_and_survive_json() -> None:
    overlap = np.full(COUNT, 0.5)
    overlap[:10] = np.nan
    one = Clues.from_dict(json.loads(json.dumps(clues(overlap, 0.5).as_dict(), allow_nan=False)))
    assert np.array_equal(one.overlap, clues(overlap, 0.5).overlap, equal_nan=True)
    found = clue_table(samples(), [Watched("dense", 0.0, (0,), (one,))])["levels"][0]["mean"]["overlap"]
    assert (found["mean"], found["pictures"]) == (pytest.approx(0.5), 50)


def test_clues_of_other_pictures_and_missing_references_are_refused() -> None:
    few = clues(np.full(9, 0.5), 0.5)
    with pytest.raises(ClewError, match="on 60 pictures"):
        clue_table(samples(), [Watched("dense", 0.0, (0,), (few,))])
    lone = Watched("imp", 0.9, (0,), (clues(np.full(COUNT, 0.5), 0.5),), ("dense", 0.0))
    with pytest.raises(ClewError, match="which is missing"):
        clue_table(samples(), [lone])
