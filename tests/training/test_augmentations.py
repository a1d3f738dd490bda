import hashlib

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.training.augmentations import Mix, augmentations, parse_augmentation
from clew.training.augmentations.recompress import through_h264
from clew.training.choices import Choices
from clew.training.data import load_split
from clew.training.feeds import mixed, wanted
from clew.training.loop import Start, train
from clew.training.settings import TrainSettings

CHANGING = [name for name in augmentations if augmentations.get(name).change is not None]


def smooth_crops(count=6, size=33, seed=0):
    rng = np.random.default_rng(seed)
    fields = [cv2.GaussianBlur(rng.random((size, size, 3)).astype(np.float32), (0, 0), 2) for _ in range(count)]
    fields = 0.5 + 2 * (np.stack(fields) - 0.5) + 0.05 * rng.standard_normal((count, size, size, 3))
    return (np.clip(fields, 0, 1) * 255).astype(np.uint8)


def test_the_registry_holds_what_is_promised():
    assert set(augmentations) == {
        "blur", "colour", "cutout", "flip", "jpeg", "mixup", "mixup-alpha-0.5", "noise", "recompress", "resize",
        "shift", "zoom",
    }  # fmt: skip


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("size", [16, 33])
def test_every_change_keeps_the_shape_follows_from_its_generator_and_can_be_switched_off(name, size):
    crops = smooth_crops(6, size)
    always, never = parse_augmentation(f"{name}:1"), parse_augmentation(f"{name}:0")
    first = always(crops.copy(), np.random.default_rng(3))
    assert (first.dtype, first.shape) == (np.uint8, crops.shape)
    assert all((a != b).any() for a, b in zip(first, crops, strict=True)), "each crop is changed"
    np.testing.assert_array_equal(first, always(crops.copy(), np.random.default_rng(3)))
    if name != "flip":
        assert (first != always(crops.copy(), np.random.default_rng(4))).any()
    np.testing.assert_array_equal(never(crops.copy(), np.random.default_rng(3)), crops)
    assert always.mix(6, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    "name", [n for n in CHANGING if n not in ("flip", "cutout", "colour", "noise", "shift", "zoom")]
)
def test_what_only_spoils_details_keeps_the_mean_colour(name):
    """Channels in the wrong order, or levels clipped to the studio range, would show here."""
    crops = smooth_crops(4, 64)
    crops[..., 0] = crops[..., 0] // 4 + 180  # reddish
    spoiled = parse_augmentation(f"{name}:1")(crops.copy(), np.random.default_rng(0))
    moved = np.abs(spoiled.mean((1, 2)) - crops.mean((1, 2)))
    assert moved.max() < 4
    distance = np.abs(spoiled.astype(int) - crops).mean()
    assert 0 < distance < 20


def test_a_probability_is_the_share_of_the_crops():
    crops = smooth_crops(400, 16)
    flipped = parse_augmentation("flip:0.25")(crops.copy(), np.random.default_rng(1))
    share = (flipped != crops).any((1, 2, 3)).mean()
    assert 0.18 < share < 0.32
    mirrored = (flipped == crops[:, :, ::-1]).all((1, 2, 3))
    assert mirrored.mean() == share


def test_steps_run_in_their_order():
    crops = smooth_crops()
    both = parse_augmentation("flip:1,cutout:1")(crops.copy(), np.random.default_rng(5))
    rng = np.random.default_rng(5)
    one = parse_augmentation("flip:1")(crops.copy(), rng)
    np.testing.assert_array_equal(both, parse_augmentation("cutout:1")(one, rng))


def test_standard_and_none_are_what_they_always_were():
    """The bytes of recorded trainings depend on every draw; the digest stands for the first release's code."""
    crops = np.random.default_rng(11).integers(0, 256, (64, 16, 16, 3)).astype(np.uint8)
    rng = np.random.default_rng(7)
    found = parse_augmentation("standard")(crops.copy(), rng)
    flips = np.random.default_rng(7).random((64, 3))
    plain = flips[:, 1] >= 0.3
    expected = np.where((flips[:, 0] < 0.5)[:, None, None, None], crops[:, :, ::-1], crops)
    np.testing.assert_array_equal(found[plain], expected[plain])
    assert (found[~plain] != expected[~plain]).any((1, 2, 3)).all()
    noised = np.flatnonzero((flips[:, 1] >= 0.2) & (flips[:, 1] < 0.3))
    again = np.random.default_rng(7)
    again.random((64, 3))
    for i in noised:
        noise = again.standard_normal((16, 16, 3), np.float32) * np.float32(1 + 4 * flips[i, 2])
        np.testing.assert_array_equal(found[i], np.clip(expected[i] + noise, 0, 255).astype(np.uint8))
    assert again.bit_generator.state == rng.bit_generator.state, "nothing else is drawn"
    quiet = np.random.default_rng(7)
    assert parse_augmentation("none")(crops, quiet) is crops
    assert parse_augmentation("none").mix(4, quiet) is parse_augmentation("standard").mix(4, quiet) is None
    assert quiet.bit_generator.state == np.random.default_rng(7).bit_generator.state


def test_h264_at_a_higher_rate_factor_loses_more_and_odd_sides_come_back():
    crop = np.ascontiguousarray(smooth_crops(1, 65)[0, :, :47])
    noisy = np.clip(crop + np.random.default_rng(0).normal(0, 12, crop.shape), 0, 255).astype(np.uint8)
    losses = [np.abs(through_h264(noisy, crf).astype(int) - noisy).mean() for crf in (10, 25, 40)]
    assert losses[0] < losses[1] < losses[2]
    assert through_h264(noisy, 30).shape == (65, 47, 3)


def test_cutout_fills_one_rectangle_with_the_mean():
    crop = smooth_crops(1, 40)
    cut = parse_augmentation("cutout:1")(crop.copy(), np.random.default_rng(2))
    changed = np.argwhere((cut != crop).any(3)[0])
    (top, left), (bottom, right) = changed.min(0), changed.max(0) + 1
    assert 6 <= bottom - top <= 18
    assert 6 <= right - left <= 18
    assert (cut[0, top:bottom, left:right] == np.round(crop.mean((0, 1, 2)))).all()


def test_mixup_by_hand():
    mix = Mix(np.array([1, 2, 0]), np.array([0.75, 1.0, 0.0], np.float32))
    soft = mix.targets(np.array([0, 1, 1]), 2)
    np.testing.assert_array_equal(soft, np.array([[0.75, 0.25], [0, 1], [1, 0]], np.float32))
    images = torch.tensor([0.0, 10.0, 20.0]).reshape(3, 1, 1, 1)
    assert mixed(images, mix).flatten().tolist() == [2.5, 10.0, 0.0]
    assert mixed(images, None) is images
    logits = torch.tensor([[1.0, -1.0], [0.5, 0.0], [2.0, 3.0]])
    parts = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 1]), reduction="none")
    others = nn.functional.cross_entropy(logits, torch.tensor([1, 1, 0]), reduction="none")
    expected = (0.75 * parts[0] + 0.25 * others[0] + parts[1] + others[2]) / 3
    found = nn.functional.cross_entropy(logits, wanted(np.array([0, 1, 1]), mix, 2))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_mixup_draws_a_permutation_and_leaves_the_others_alone():
    augmentation = parse_augmentation("mixup:0.5,flip:0")
    mix = augmentation.mix(200, np.random.default_rng(0))
    assert sorted(mix.partner) == list(range(200))
    assert 0.35 < (mix.weight == 1).mean() < 0.75
    assert (mix.weight >= 0).all()
    assert (mix.weight <= 1).all()
    again = augmentation.mix(200, np.random.default_rng(0))
    np.testing.assert_array_equal(mix.weight, again.weight)
    crops = smooth_crops()
    np.testing.assert_array_equal(augmentation(crops.copy(), np.random.default_rng(0)), crops)
    assert (parse_augmentation("mixup:0").mix(50, np.random.default_rng(0)).weight == 1).all()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            "heavy",
            "unknown augmentation 'heavy'. Known: blur, colour, .*, noise, none, recompress, resize, shift, standard",
        ),
        ("flip,jpg:0.1", "unknown augmentation 'jpg'. Did you mean 'jpeg'"),
        ("", "unknown augmentation ''"),
        ("flip,", "unknown augmentation ''"),
        ("flip:", "--augment flip:: expected NAME or NAME:PROBABILITY"),
        ("flip:1.5", "the probability from 0 to 1"),
        ("flip:nan", "the probability from 0 to 1"),
        ("standard,flip", "'standard' stands alone"),
        ("standard:0.5", "'standard' stands alone"),
        ("mixup,mixup", "a batch is mixed once"),
    ],
)
def test_wrong_specs_say_what_is_known(spec, why):
    with pytest.raises(ClewError, match=why):
        parse_augmentation(spec)
    with pytest.raises(ClewError, match=why):
        TrainSettings(augment=spec)


def digest(state):
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in state.values())).hexdigest()


def test_training_on_mixed_and_recompressed_crops_repeats_bit_for_bit(store_path):
    store = open_store(store_path)
    splits = load_split([store], "train"), load_split([store], "val")
    config = Config("meso4", 32)
    made = {}
    for spec in ("none", "mixup:1", "flip,recompress:0.2,mixup:1"):
        settings = TrainSettings(epochs=1, batch_size=16, lr=1e-3, augment=spec)
        runs = [train(config, settings, Choices(), Start(initial_state(config, 0)), *splits, seed=0) for _ in range(2)]
        assert digest(runs[0].state) == digest(runs[1].state)
        assert np.isfinite(runs[0].history[0]["loss"])
        made[spec] = digest(runs[0].state)
    assert len(set(made.values())) == 3


def test_shift_moves_whole_pixels_at_most_8_percent_of_the_sides():
    crop = smooth_crops(1, 50)
    framed = np.pad(crop[0], ((4, 4), (4, 4), (0, 0)), mode="reflect")
    where = {
        framed[top : top + 50, left : left + 50].tobytes(): (top - 4, left - 4) for top in range(9) for left in range(9)
    }
    rng = np.random.default_rng(0)
    found = {where[parse_augmentation("shift:1")(crop.copy(), rng)[0].tobytes()] for _ in range(600)}
    assert found == set(where.values()) - {(0, 0)}, "each other place is met"


def test_zoom_moves_the_face_about_and_changes_its_size():
    crop = np.zeros((1, 64, 64, 3), np.uint8)
    crop[:, 24:40, 24:40] = 255
    rng = np.random.default_rng(0)
    areas, middles = [], []
    for _ in range(60):
        moved = parse_augmentation("zoom:1")(crop.copy(), rng)[0, :, :, 0] > 127
        down, across = np.nonzero(moved)
        areas.append(moved.sum() / 256)
        middles.append((down.mean() - 31.5, across.mean() - 31.5))
    assert 0.6 < min(areas) < 0.75, "reduced to 0.8 of its side: 0.64 of its area"
    assert 2.2 < max(areas) < 2.7, "enlarged 1.6 times: 2.56 times its area"
    assert 4 < np.abs(middles).max() < 0.08 * 64 + 1
