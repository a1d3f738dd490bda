"""Rings of frequency, pictures without one, and what a net makes of them, on nets of which the answer is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.explain.band_table import Banded, band_table
from clew.explain.bands import Response, band_of, band_response, joined, logit_difference, without_rings
from clew.explain.leaning import leaning
from clew.explain.rings import FINEST, octaves, ring_numbers
from clew.training.data import Samples

SIZE = 32  # rings, in cycles per picture: below 2, 2 to 4, 4 to 8, 8 and above


class Linear(nn.Module):
    """A net that weighs the pixels: logits (0, 10 * sum of weights * picture)."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, images: Tensor) -> Tensor:
        score = 10 * (images * self.weights).flatten(1).mean(1)
        return torch.stack([torch.zeros_like(score), score], 1)


def pictures(count: int = 4, low: float = 0.3, high: float = 0.7) -> Tensor:
    return low + (high - low) * torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def checkerboard() -> Tensor:
    at = torch.arange(SIZE)
    return ((at[:, None] + at[None, :]) % 2 * 2 - 1).float()


def wave(cycles: int) -> Tensor:
    """A picture that varies so many times along its rows."""
    return torch.cos(2 * torch.pi * cycles * torch.arange(SIZE) / SIZE).expand(SIZE, SIZE)


def test_octaves_are_alike_in_cycles_per_pixel_for_every_size() -> None:
    per_picture = [ring.as_dict(64)["low_per_picture"] for ring in octaves(64)]
    assert per_picture == [0, 2, 4, 8, 16]
    assert octaves(64)[-1].high == FINEST
    assert [ring.low for ring in octaves(48)] == [0, 1 / 32, 1 / 16, 1 / 8, 1 / 4]
    assert octaves(224)[-2:] == octaves(64)[-2:]
    with pytest.raises(ClewError, match="8 pixels or more"):
        octaves(7)


def test_rings_of_8_pixels_by_hand() -> None:
    numbers = ring_numbers(8)
    inner = {(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)} - {(0, 0)}
    for y in range(-4, 4):
        for x in range(-4, 4):
            assert numbers[y, x] == (0 if (y, x) == (0, 0) else 1 if (y, x) in inner else 2)


@pytest.mark.parametrize("size", [8, 32, 48, 75])
def test_rings_part_the_spectrum_and_hold_what_they_say(size: int) -> None:
    numbers, rings = ring_numbers(size), octaves(size)
    assert set(np.unique(numbers)) == set(range(len(rings) + 1))
    turns = np.fft.fftfreq(size)
    radius = np.hypot(turns[:, None], turns[None, :])
    for number, ring in enumerate(rings, 1):
        inside = radius[numbers == number]
        assert inside.min() >= ring.low - 1e-12
        assert inside.max() < ring.high or (ring is rings[-1] and inside.max() <= FINEST + 1e-12)


def test_no_ring_gives_the_picture_back_and_all_of_them_add_up_to_what_varies() -> None:
    images = pictures()
    assert torch.equal(images - band_of(images, []), images)
    parts = torch.stack([band_of(images, [ring]) for ring in range(1, 5)]).sum(0)
    assert torch.allclose(parts + images.mean((2, 3), keepdim=True), images, atol=1e-6)
    assert torch.allclose(band_of(images, range(5)), images, atol=1e-6)


def test_a_removed_ring_takes_one_wave_and_leaves_the_others() -> None:
    images = (0.5 + 0.1 * wave(1) + 0.05 * wave(3) + 0.1 * wave(5) + 0.1 * wave(12)).expand(1, 3, SIZE, SIZE)
    for ring, (cycles, size) in enumerate([(1, 0.1), (3, 0.05), (5, 0.1), (12, 0.1)]):
        removed = list(without_rings(images))[ring]
        assert torch.allclose(removed.pictures, images - size * wave(cycles), atol=1e-6)
        assert removed.energy[0] == pytest.approx(size**2 / 2, rel=1e-4)
        assert removed.clipped[0] == 0


def test_energy_adds_up_by_parseval() -> None:
    images = pictures()
    energy = np.stack([removed.energy for removed in without_rings(images)])
    assert energy.sum(0) == pytest.approx(images.double().var((2, 3), correction=0).mean(1).numpy(), rel=1e-5)


def test_clipping_is_done_and_told() -> None:
    half = torch.zeros(1, 3, SIZE, SIZE)
    half[:, :, :, SIZE // 2 :] = 1.0  # without its third wave it is above 1 and below 0 beside the edges
    removed = list(without_rings(half))[1]
    beyond = half - band_of(half, [2])
    assert removed.pictures.min() == 0
    assert removed.pictures.max() == 1
    assert removed.clipped[0] == pytest.approx(((beyond < 0) | (beyond > 1)).double().mean())
    assert removed.clipped[0] > 0.1


def test_a_net_of_the_checkerboard_reacts_to_the_highest_ring_alone() -> None:
    images = pictures() + 0.1 * checkerboard()
    found = band_response([Linear(checkerboard())], images)
    change = logit_difference(found.logits[0])
    change = change[1:] - change[0]
    assert np.abs(change[:-1]).max() < 1e-5
    assert change[-1] == pytest.approx(np.full(4, -1.0), abs=0.1)


def test_a_net_of_the_mean_reacts_to_none() -> None:
    found = logit_difference(band_response([Linear(torch.ones(SIZE, SIZE))], pictures()).logits[0])
    assert np.abs(found[1:] - found[0]).max() < 1e-5


def test_nets_see_the_same_pictures_and_keep_their_modes() -> None:
    net = nn.Sequential(nn.Dropout(0.5), Linear(checkerboard()))
    both = band_response([net, Linear(torch.ones(SIZE, SIZE))], pictures())
    assert net.training
    assert both.logits.shape == (2, 5, 4, 2)
    assert np.array_equal(both.logits[0], band_response([Linear(checkerboard())], pictures()).logits[0])
    halves = joined([band_response([net], part) for part in pictures().split(3)])
    assert np.allclose(halves.logits, both.logits[:1], atol=1e-6)
    assert halves.energy.shape == (4, 4)


def test_the_logit_difference_is_the_log_odds_of_fake() -> None:
    assert logit_difference(np.array([2.0, 5.0])) == pytest.approx(3.0)
    assert logit_difference(np.array([2.0, 0.0])) == pytest.approx(-2.0)  # one logit of "real": (x, 0)
    many = np.array([0.3, 1.0, -2.0])
    share = np.exp(many) / np.exp(many).sum()
    assert logit_difference(many) == pytest.approx(np.log((1 - share[0]) / share[0]))


def test_oblong_pictures_are_refused() -> None:
    with pytest.raises(ClewError, match=r"square images.*\(1, 3, 32, 16\)"):
        band_response([Linear(checkerboard())], torch.zeros(1, 3, 32, 16))


# The table

COUNT, SIDE = 80, 16  # rings, in cycles per picture: below 2, 2 to 4, 4 and above


def samples(videos: bool = False) -> Samples:
    names = [f"p{at:02}" for at in range(COUNT)]
    columns = {"sample": names, "video": [f"v{at // 2}" if videos else "" for at in range(COUNT)]}
    columns |= {"cluster": [f"c{at // 2}" if videos else "" for at in range(COUNT)], "compression": [""] * COUNT}
    labels = np.arange(COUNT) // 2 % 2
    table = pa.table({**columns, "method": ["fake" if label else "real" for label in labels]})
    return Samples((), "test", table, labels, np.zeros((COUNT, 2), np.int64))


def response(*nets: list[np.ndarray]) -> Response:
    """Logits (0, z) for each net's rows of z (N,): left alone, and without each ring."""
    odds = np.stack([np.stack(rows) for rows in nets])
    logits = np.stack([np.zeros_like(odds), odds], -1).astype(np.float32)
    return Response(logits, np.full((3, COUNT), 0.25), np.stack([np.full(COUNT, part) for part in (6.0, 3.0, 1.0)]))


def test_changes_shares_and_reliance_by_hand() -> None:
    score = np.where(samples().labels == 1, 2.0, -2.0)
    signs = np.where(np.arange(COUNT) % 4 < 1, -1.0, 1.0)
    dense = [score, score + signs, score + 2.0, 0 * score]  # |change| 1, 2, 2
    ticket = [score, score + 1.0, score - 3.0, -score]  # |change| 1, 3, 4
    nets = [Banded("dense", 0.0, (0, 1, 2), response(dense, dense, dense))]
    nets += [Banded("imp", 0.8, (0, 1, 2), response(ticket, ticket, ticket), ("dense", 0.0))]
    found = band_table(samples(), SIDE, nets)
    assert (found["pictures"], found["rows"], found["unit"], found["clusters"]) == (COUNT, COUNT, "picture", COUNT)
    assert [ring["energy"] for ring in found["rings"]] == pytest.approx([0.6, 0.3, 0.1])
    assert [ring["clipped"] for ring in found["rings"]] == [0.25] * 3
    first, second = found["levels"]
    assert [ring["change"]["mean"] for ring in first["rings"]] == pytest.approx([1, 2, 2])
    assert [ring["signed"]["mean"] for ring in first["rings"]] == pytest.approx([0.5, 2, 0])
    assert [ring["share"]["mean"] for ring in first["rings"]] == pytest.approx([0.2, 0.4, 0.4])
    assert [ring["lost"]["mean"] for ring in first["rings"]] == pytest.approx([0, 0, 0.5])
    assert [ring["lost"]["mean"] for ring in second["rings"]] == pytest.approx([0, 0, 1])
    gap = 1 / (1 + np.exp(-2)) - 0.5
    assert first["rings"][2]["probability"]["mean"] == pytest.approx(gap, abs=1e-6)
    assert first["reliance"]["mean"] == pytest.approx(4 / 5)
    assert second["reliance"]["mean"] == pytest.approx(7 / 8)
    assert second["minus_dense"]["reliance"]["mean"] == pytest.approx(7 / 8 - 4 / 5)
    assert (second["leans"], first["leans"]) == ("more", None)
    assert first["auc"]["mean"] == 1


def test_reliance_does_not_depend_on_the_scale_of_the_logits() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=COUNT) for _ in range(4)]
    nets = [Banded("dense", 0.0, (0,), response(rows)), Banded("imp", 0.5, (0,), response([3 * r for r in rows]))]
    one, other = band_table(samples(), SIDE, nets)["levels"]
    assert one["reliance"]["mean"] == pytest.approx(other["reliance"]["mean"], abs=1e-6)
    assert 3 * one["rings"][0]["change"]["mean"] == pytest.approx(other["rings"][0]["change"]["mean"], rel=1e-5)


def test_levels_are_paired_with_dense_by_picture_and_seed() -> None:
    rng = np.random.default_rng(1)
    dense, ticket = [], []
    for seed in range(3):
        sizes = rng.gamma(1.0, 5.0, (3, COUNT)) + 10 * seed  # they vary much between pictures and seeds
        dense.append([np.zeros(COUNT), *sizes])
        ticket.append([np.zeros(COUNT), *(sizes + np.array([[0.5], [1.0], [2.0]]))])
    backwards = response(*ticket[::-1])  # seeds in another order must be told apart by their names
    nets = [Banded("dense", 0.0, (0, 1, 2), response(*dense))]
    nets += [Banded("imp", 0.8, (2, 1, 0), backwards, ("dense", 0.0))]
    rings = band_table(samples(), SIDE, nets)["levels"][1]["minus_dense"]["rings"]
    for ring, more in zip(rings, (0.5, 1.0, 2.0), strict=True):
        assert [ring["change"][key] for key in ("mean", "low", "high")] == pytest.approx([more] * 3, abs=1e-4)


def test_the_auc_is_per_video_where_there_are_videos() -> None:
    labels = samples(True).labels
    swing = np.where(np.arange(COUNT) % 2 == 0, 4.0, -3.5)  # of a video's two pictures; together above 0
    rows = [np.where(labels == 1, swing, -swing)] * 4
    told = band_table(samples(True), SIDE, [Banded("dense", 0.0, (0,), response(rows))])
    assert (told["unit"], told["rows"], told["clusters"]) == ("video", COUNT // 2, COUNT // 2)
    assert told["levels"][0]["auc"]["mean"] == 1
    assert band_table(samples(), SIDE, [Banded("dense", 0.0, (0,), response(rows))])["levels"][0]["auc"]["mean"] < 1


def test_a_net_that_reacts_to_nothing_has_no_reliance() -> None:
    still = response([np.linspace(-1, 1, COUNT)] * 4)
    nets = [Banded("dense", 0.0, (0,), still), Banded("imp", 0.5, (0,), still, ("dense", 0.0))]
    found = band_table(samples(), SIDE, nets)["levels"][1]
    assert found["reliance"] is None
    assert (found["leans"], found["minus_dense"]["rings"][0]["change"]["mean"]) == ("undecided", 0)


@pytest.mark.parametrize(
    ("low", "high", "n", "clusters", "leans"),
    [
        (0.01, 0.1, 3, 40, "more"),
        (-0.1, -0.01, 3, 40, "less"),
        (-0.1, 0.1, 3, 40, "not shown"),
        (0.01, 0.1, 2, 40, "undecided"),
        (0.01, 0.1, 3, 39, "undecided"),
        (None, None, 3, 40, "undecided"),
    ],
)
def test_the_claim_is_judged_by_the_whole_interval(
    low: float | None, high: float | None, n: int, clusters: int, leans: str
) -> None:
    assert leaning({"mean": 0.0, "low": low, "high": high, "n": n}, clusters)[0] == leans


def test_nets_on_other_pictures_and_missing_references_are_refused() -> None:
    rows = [np.zeros(COUNT)] * 4
    with pytest.raises(ClewError, match="80 pictures; found"):
        band_table(samples(), 32, [Banded("dense", 0.0, (0,), response(rows))])
    with pytest.raises(ClewError, match=r"\('dense', 0.0\), which is missing"):
        band_table(samples(), SIDE, [Banded("imp", 0.5, (0,), response(rows), ("dense", 0.0))])
