"""The frequency response of filters against the padded transform, and what survives of a net with masks by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.explain import surviving
from clew.explain.by_seed import BySeed
from clew.explain.filters import GRID, flat_share, high_share, is_spatial, ring_shares
from clew.explain.rings import ring_numbers
from clew.explain.surviving import kept_inputs, living_filters, surviving_filters


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (2, 1, 5, 5), (3, 2, 1, 7), (2, 2, 9, 9), (1, 2, 2, 3)])
def test_shares_are_those_of_the_padded_transform(shape: tuple[int, ...]) -> None:
    kernels = np.random.default_rng(0).normal(size=shape)
    energy = (np.abs(np.fft.fft2(kernels, s=(GRID, GRID))) ** 2).sum(axis=1)
    numbers = ring_numbers(GRID)
    expected = np.stack([energy[:, numbers == ring].sum(1) for ring in range(5)], 1) / energy.sum((1, 2))[:, None]
    assert ring_shares(kernels) == pytest.approx(expected, abs=1e-12)


def test_a_single_weight_passes_all_alike() -> None:
    kernel = np.zeros((1, 2, 3, 3))
    kernel[0, 1, 2, 0] = -3.0
    points = sum(x * x + y * y < 64 for x in range(-16, 16) for y in range(-16, 16))  # below 8 cycles of 32 pixels
    assert flat_share() == 1 - points / 1024 == high_share(ring_shares(kernel))[0] == pytest.approx(0.8115, abs=1e-4)


def test_a_mean_is_low_and_a_difference_is_high() -> None:
    mean, difference = np.ones((1, 1, 3, 3)), np.array([[1.0, -1.0], [-1.0, 1.0]])[None, None]
    assert high_share(ring_shares(mean))[0] < 0.25
    assert high_share(ring_shares(difference))[0] > 0.95
    assert ring_shares(difference)[0, 0] == pytest.approx(0, abs=1e-12)
    # The constant of a mean of nine weights: 9^2 of 32^2 * 9 in all.
    assert ring_shares(mean)[0, 0] == pytest.approx(81 / (1024 * 9))


def test_each_filter_counts_its_inputs_by_their_energy_and_none_by_its_size() -> None:
    rng = np.random.default_rng(1)
    kernels = rng.normal(size=(2, 2, 3, 3))
    apart = [ring_shares(kernels[:, at : at + 1]) for at in (0, 1)]
    weight = (kernels**2).sum(axis=(2, 3))
    joined = (apart[0] * weight[:, :1] + apart[1] * weight[:, 1:]) / weight.sum(1, keepdims=True)
    assert ring_shares(kernels) == pytest.approx(joined)
    assert ring_shares(1e-6 * kernels) == pytest.approx(joined)


def test_a_dead_filter_has_no_response_and_rows_sum_to_one() -> None:
    kernels = np.random.default_rng(2).normal(size=(3, 2, 3, 3)).astype(np.float32)
    kernels[1] = 0
    shares = ring_shares(kernels)
    assert np.isnan(shares[1]).all()
    assert shares[[0, 2]].sum(axis=1) == pytest.approx([1, 1])


def test_what_is_no_kernel_is_refused_and_points_have_no_frequencies() -> None:
    with pytest.raises(ClewError, match=r"32x32 pixels or less, found \(1, 1, 33, 3\)"):
        ring_shares(np.ones((1, 1, 33, 3)))
    with pytest.raises(ClewError, match="expected kernels"):
        ring_shares(np.ones((4, 3)))
    assert is_spatial((8, 3, 1, 3))
    assert not is_spatial((8, 3, 1, 1))
    assert not is_spatial((8, 3))


def test_living_filters_and_kept_inputs_by_hand() -> None:
    kept = np.zeros((3, 2, 3, 3), bool)
    kept[0, 0, 0, 0] = kept[0, 1, 2, 2] = kept[2, 1] = True
    assert living_filters(kept).tolist() == [True, False, True]
    assert kept_inputs(kept).tolist() == [2, 0, 1]
    assert kept_inputs(np.array([[True, False, True]])).tolist() == [2]


def test_intervals_over_seeds_by_hand() -> None:
    one, other = BySeed((0, 1, 2), (1.0, 2.0, 3.0)), BySeed((2, 1, 5), (1.0, 1.5, 9.0))
    half = 2.9199856 / np.sqrt(3)  # Student's t with 2 degrees, 5 % on each side; the variance is 1
    found = one.as_dict()
    assert found is not None
    assert [found[key] for key in ("mean", "low", "high", "n")] == pytest.approx([2, 2 - half, 2 + half, 3])
    assert found["seeds"] == {"0": 1.0, "1": 2.0, "2": 3.0}
    assert one.as_dict(0.5, 3)["low"] == 0.5
    assert one.as_dict(0.5, 3)["high"] == 3
    assert one.minus(other) == BySeed((1, 2), (0.5, 2.0))
    single = BySeed((0, 1), (np.nan, 4.0)).as_dict()
    assert single == {"mean": 4.0, "low": None, "high": None, "n": 1, "seeds": {"1": 4.0}}
    assert BySeed((0,), (np.nan,)).as_dict() is None


# A ladder of stand-ins: two layers and a head, masks and weights by hand


def member(seed: int, values: dict[str, np.ndarray], mask: dict[str, np.ndarray]) -> Any:
    cut = {name: np.where(mask[name], part, 0).astype(np.float32) for name, part in values.items()}
    content = SimpleNamespace(mask=mask, values=cut)
    return SimpleNamespace(
        seed=seed, path=Path(f"s{seed}.safetensors"), ticket=lambda: SimpleNamespace(content=content)
    )


def weights(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "conv": rng.normal(size=(4, 3, 3, 3)),
        "point": rng.normal(size=(2, 4, 1, 1)),
        "head": rng.normal(size=(2, 4)),
    }


def full() -> dict[str, np.ndarray]:
    return {name: np.ones(part.shape, bool) for name, part in weights(0).items()}


@pytest.fixture
def ladder(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Dense nets of two seeds, and tickets that keep a filter less and the middle weight of the other filters."""
    mask = full()
    mask["conv"] = np.zeros((4, 3, 3, 3), bool)
    mask["conv"][:3, 0, 1, 1] = True
    mask["conv"][0, 2, 1, 1] = True
    mask["head"][0, 1:] = False
    dense = SimpleNamespace(method="dense", level=0.0, members=[member(s, weights(s), full()) for s in (0, 1)])
    model = SimpleNamespace(level=0.8, members=[member(s, weights(s + 10), mask) for s in (0, 1)])
    level = SimpleNamespace(method="imp", sparsity=0.79, control=False, model=model, reference=dense)
    monkeypatch.setattr(surviving, "side_by_side", lambda *_: SimpleNamespace(dense=dense, levels=(level,)))
    return SimpleNamespace()


def test_what_survives_layer_by_layer(ladder: Any) -> None:
    found = surviving_filters(ladder)
    assert found["layers"] == [
        {"name": "conv", "filters": 4, "inputs": 3, "kernel": [3, 3]},
        {"name": "point", "filters": 2, "inputs": 4, "kernel": None},
        {"name": "head", "filters": 2, "inputs": 4, "kernel": None},
    ]
    (level,) = found["levels"]
    conv, point, head = level["layers"]
    assert (conv["living"]["mean"], head["living"]["mean"]) == (3, 2)
    assert conv["inputs"]["mean"] == pytest.approx(4 / 3)
    assert head["inputs"]["mean"] == pytest.approx(2.5)
    assert point["frequencies"] is head["frequencies"] is None
    assert found["dense"]["layers"][0]["living"]["seeds"] == {"0": 4.0, "1": 4.0}
    assert (level["method"], level["level"], level["sparsity"], level["control"]) == ("imp", 0.8, 0.79, False)
    json.dumps(found, allow_nan=False)


def test_the_seeds_that_were_chosen_alone_are_told(ladder: Any) -> None:
    found = surviving_filters(ladder, seeds=(1,))
    assert found["dense"]["seeds"] == found["levels"][0]["seeds"] == [1]
    assert found["levels"][0]["layers"][0]["living"]["n"] == 1


def test_frequencies_of_survivors_against_dense_and_against_chance(ladder: Any) -> None:
    found = surviving_filters(ladder)
    (level,) = found["levels"]
    conv = level["layers"][0]["frequencies"]
    # Each kernel that is left has one weight: it passes all alike, whatever its value, trained or not.
    for key in ("high", "kept"):
        assert conv[key]["mean"] == pytest.approx(flat_share(), abs=1e-6)
    assert sum(ring["mean"] for ring in conv["rings"]) + conv["constant"]["mean"] == pytest.approx(1)
    dense = {seed: high_share(ring_shares(weights(seed)["conv"])).mean() for seed in (0, 1)}
    assert found["dense"]["layers"][0]["frequencies"]["high"]["seeds"] == pytest.approx({"0": dense[0], "1": dense[1]})
    change = {str(seed): flat_share() - share for seed, share in dense.items()}
    assert conv["high_minus_dense"]["seeds"] == pytest.approx(change, abs=1e-6)
    drawn = conv["by_lot"]["seeds"]
    assert conv["kept_minus_by_lot"]["seeds"] == pytest.approx(
        {seed: flat_share() - share for seed, share in drawn.items()}, abs=1e-6
    )
    assert level["all"] == conv  # the only layer that has a response
    assert found["dense"]["all"]["kept"] is None
