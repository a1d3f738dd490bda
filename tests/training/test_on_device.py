import gc
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.datasets.blending.transforms import colour_matrix, soften, through_jpeg
from clew.datasets.store import open_store
from clew.training.augmentations import augmentations, cutout, parse_augmentation
from clew.training.blended import load_part
from clew.training.data import load_split
from clew.training.on_device import (
    DeviceAugmentation,
    DeviceCrops,
    DeviceMix,
    StreamedCrops,
    bytes_needed,
    fits,
    supported,
)  # fmt: skip
from clew.training.on_device import jpeg as jpeg_form
from clew.training.on_device.forms import FORMS, colour_matrices
from clew.training.on_device.jpeg import quantisation
from clew.training.on_device.linear import filtered, gaussians, softened

CPU = torch.device("cpu")


def smooth_crops(count=6, size=33, seed=0):
    rng = np.random.default_rng(seed)
    fields = [cv2.GaussianBlur(rng.random((size, size, 3)).astype(np.float32), (0, 0), 2) for _ in range(count)]
    fields = 0.5 + 3 * (np.stack(fields) - 0.5) + 0.03 * rng.standard_normal((count, size, size, 3))
    return (np.clip(fields, 0, 1) * 255).astype(np.uint8)


def tensor(crops):
    return torch.from_numpy(crops).permute(0, 3, 1, 2)


def array(images):
    return images.permute(0, 2, 3, 1).numpy()


def distance(one, other):
    return np.abs(np.asarray(one, int) - np.asarray(other, int))


# --- augmentation


@pytest.mark.parametrize("name", [*FORMS, "standard"])
@pytest.mark.parametrize(("count", "size"), [(1, 33), (7, 100), (40, 32)])
def test_every_form_follows_from_its_key_and_leaves_what_it_is_given(name, count, size):
    images = tensor(smooth_crops(count, size))
    before = images.clone()
    augmentation = DeviceAugmentation(name if name == "standard" else f"{name}:1")
    first = augmentation(images, 3)
    assert torch.equal(images, before)
    assert (first.dtype, first.shape) == (torch.uint8, images.shape)
    assert first.is_contiguous(memory_format=torch.channels_last) or first is images
    assert torch.equal(first, augmentation(images.contiguous(), 3)), "whatever the layout in memory"
    if name != "standard":
        assert (first != images).flatten(1).any(1).all(), "each crop is changed"
    if name != "flip" and count == 40:
        assert not torch.equal(first, augmentation(images, 4))
    assert augmentation.mix(count, 0, CPU) is None


def test_where_nobody_is_chosen_nothing_happens():
    images = tensor(smooth_crops(3))
    for spec in ("none", "flip:0,jpeg:0,mixup:0", "mixup"):
        assert DeviceAugmentation(spec)(images, 1) is images
    alone = DeviceAugmentation("standard")
    results = [alone(images[:1], key) for key in range(60)]
    same = [torch.equal(r, images[:1]) for r in results]
    assert 10 < sum(same) < 35, "no flip and no kind: 0.5 * 0.7 of the keys"


def test_each_sample_is_changed_alone():
    """The widest blur of a batch, or the other samples' choices, must not reach the others."""
    images = tensor(smooth_crops(8, 48))
    for name in ("blur", "jpeg", "colour", "resize", "cutout"):
        form = FORMS[name]
        numbers = torch.from_numpy(form.draw(8, (48, 48), np.random.default_rng(1)))
        whole = form.apply(images, numbers, torch.Generator())
        for i in (0, 5):
            torch.testing.assert_close(
                form.apply(images[i : i + 1], numbers[i : i + 1], torch.Generator())[0], whole[i], atol=1, rtol=0
            )


def test_standard_makes_the_choices_of_the_cpu_crop_by_crop():
    crops = smooth_crops(300, 32, seed=2)
    expected = parse_augmentation("standard")(crops.copy(), np.random.default_rng(9))
    found = array(DeviceAugmentation("standard")(tensor(crops), 9))
    flip, kind, _ = np.random.default_rng(9).random((300, 3)).T
    noised = (kind >= 0.2) & (kind < 0.3)
    coded, plain = kind < 0.1, kind >= 0.3
    np.testing.assert_array_equal(found[plain], expected[plain])
    assert 0.4 < (flip < 0.5).mean() < 0.6
    assert distance(found[coded], expected[coded]).mean() < 0.15, "red and blue exchanged would be about 1"
    assert distance(found[(kind >= 0.1) & (kind < 0.2)], expected[(kind >= 0.1) & (kind < 0.2)]).max() <= 1
    added = found[noised] - np.where(flip[noised, None, None, None] < 0.5, crops[noised, :, ::-1], crops[noised]) * 1.0
    on_cpu = (
        expected[noised] - np.where(flip[noised, None, None, None] < 0.5, crops[noised, :, ::-1], crops[noised]) * 1.0
    )
    np.testing.assert_allclose(added.std((1, 2, 3)), on_cpu.std((1, 2, 3)), rtol=0.08)
    assert added.mean() == pytest.approx(on_cpu.mean(), abs=0.1)
    assert not np.array_equal(added[0], added[1])


def test_a_list_has_the_shares_it_names_and_flips_exactly():
    crops = smooth_crops(600, 16)
    found = array(DeviceAugmentation("flip:0.25")(tensor(crops), 1))
    changed = (found != crops).any((1, 2, 3))
    np.testing.assert_array_equal(found[changed], crops[changed][:, :, ::-1])
    assert 0.2 < changed.mean() < 0.3
    usual = (array(DeviceAugmentation("cutout")(tensor(crops), 2)) != crops).any((1, 2, 3)).mean()
    assert usual == pytest.approx(augmentations.get("cutout").usual, abs=0.06)


def test_steps_run_in_their_order():
    crops = np.zeros((1, 32, 32, 3), np.uint8)
    crops[:, :, :16] = 200
    for key in range(4):
        both = array(DeviceAugmentation("flip:1,cutout:1")(tensor(crops), key))
        other = array(DeviceAugmentation("cutout:1,flip:1")(tensor(crops), key))
        assert (both[..., 0] == 100).sum() >= 16, "the mean's rectangle"
        assert both[0, 0, -1, 0] in (200, 100)
        if not np.array_equal(both, other):
            return
    pytest.fail("the order made no difference")


def test_noise_has_the_deviations_of_the_cpu():
    flat = np.full((200, 24, 24, 3), 128, np.uint8)
    found = array(DeviceAugmentation("noise:1")(tensor(flat), 5)).astype(float) - 128
    sigmas = found.std((1, 2, 3))
    on_cpu = (parse_augmentation("noise:1")(flat.copy(), np.random.default_rng(5)) - 128.0).std((1, 2, 3))
    assert abs(found.mean()) < 0.05
    assert (sigmas > 0.9).all()
    assert (sigmas < 8.4).all()
    np.testing.assert_allclose([sigmas.mean(), sigmas.std()], [on_cpu.mean(), on_cpu.std()], rtol=0.12)
    assert abs(np.corrcoef(found[..., 0].ravel(), found[..., 1].ravel())[0, 1]) < 0.02, "its own in each channel"
    numbers = torch.tensor([[2.0], [6.0]])
    twice = FORMS["noise"].apply(tensor(flat[:2]), numbers, torch.Generator().manual_seed(0)).float().std((1, 2, 3))
    np.testing.assert_allclose(twice, [2.02, 6.01], rtol=0.05)


@pytest.mark.parametrize("size", [33, 100])
def test_blur_is_opencvs_within_a_level(size):
    sigma = np.array([0.3, 0.41, 0.58, 0.83, 1.0, 1.94])
    crops = smooth_crops(6, size)
    expected = [cv2.GaussianBlur(c, (0, 0), s) for c, s in zip(crops, sigma, strict=True)]
    found = filtered(tensor(crops).float(), torch.from_numpy(gaussians(sigma))).round()
    assert distance(array(found), expected).max() <= 1
    assert distance(crops, expected).max() > 10


def test_the_draws_of_blur_and_resize_lie_where_the_cpus_do():
    rng = np.random.default_rng(0)
    weights = FORMS["blur"].draw(2000, (128, 100), rng)
    middle = weights.shape[1] // 2
    sigma = np.sqrt(0.5 / np.log(weights[:, middle] / weights[:, middle + 1]))
    np.testing.assert_allclose([sigma.min(), sigma.mean(), sigma.max()], [0.4, 1.0, 1.6], atol=0.03)
    assert not weights[sigma < 0.58, 0].any(), "each ends at its own reach"
    small = FORMS["resize"].draw(2000, (100, 60), rng)
    assert (small.min(0).tolist(), small.max(0).tolist()) == ([35, 21], [90, 54])
    np.testing.assert_allclose(small.mean(0), [62.5, 37.5], rtol=0.03)
    assert FORMS["resize"].draw(50, (8, 8), rng).min() == 4
    tables = FORMS["jpeg"].draw(4000, (8, 8), rng)
    drawn = {tuple(t) for t in tables.tolist()}
    assert drawn == {tuple(t) for t in quantisation(np.arange(30, 96)).tolist()}


@pytest.mark.parametrize("size", [33, 64, 100])
def test_resize_is_opencvs(size):
    share = np.array([0.35, 0.5, 0.62, 0.77, 0.9])
    crops = smooth_crops(5, size)
    expected = [soften(c, s) for c, s in zip(crops, share, strict=True)]
    small = torch.tensor([[max(4, round(size * s))] * 2 for s in share], dtype=torch.float32)
    found = distance(array(softened(tensor(crops).float(), small, 0.9).round()), expected)
    assert found.max() <= 2, "OpenCV rounds a step between the two scalings and inside the second"
    assert found.mean() < 0.25
    assert distance(crops, expected).mean() > 1


@pytest.mark.parametrize("size", [33, 64, 100])
@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_jpeg_is_opencvs_at_equal_quality(size, quality):
    crops = smooth_crops(4, size)
    expected = [through_jpeg(c, quality) for c in crops]
    found = jpeg_form.through_jpeg(tensor(crops), torch.from_numpy(quantisation(np.full(4, quality))))
    assert torch.equal(found, found.round())
    apart = distance(array(found), expected)
    assert apart.mean() < 0.1
    assert (apart > 2).mean() < 0.01
    assert distance(crops, expected).mean() > 20 * apart.mean()


def test_jpeg_of_an_oblong_crop_and_each_at_its_own_quality():
    crops = np.ascontiguousarray(smooth_crops(3, 64)[:, :, :37])
    quality = np.array([95, 30, 60])
    found = jpeg_form.through_jpeg(tensor(crops), torch.from_numpy(quantisation(quality)))
    expected = [through_jpeg(c, int(q)) for c, q in zip(crops, quality, strict=True)]
    assert distance(array(found), expected).mean() < 0.1


def test_quantisation_by_hand():
    tables = quantisation(np.array([50, 100, 25, 1]))
    assert tables[0, :3].tolist() == [16, 11, 10]
    assert tables[0, 64:67].tolist() == [17, 18, 24]
    assert (tables[1] == 1).all()
    assert tables[2, :3].tolist() == [32, 22, 20]
    assert (tables[3] == 255).all()


def test_colour_maps_are_those_of_the_cpu():
    rng = np.random.default_rng(0)
    hue, saturation, brightness, contrast = rng.uniform([-10, 0.6, -0.12, 0.8], [10, 1.4, 0.12, 1.25], (20, 4)).T
    maps = colour_matrices(hue, saturation, brightness, contrast)
    for i in range(20):
        expected = colour_matrix(np.zeros(3), hue[i], saturation[i], brightness[i], contrast[i])
        np.testing.assert_allclose(maps[i], expected, rtol=1e-4, atol=1e-5)
    crops = smooth_crops(20, 16)
    found = array(FORMS["colour"].apply(tensor(crops), torch.from_numpy(maps.reshape(20, 12)), torch.Generator()))
    expected = [
        np.clip(c @ m[:, :3].T + m[:, 3] + 0.5, 0, 255).astype(np.uint8) for c, m in zip(crops, maps, strict=True)
    ]
    assert distance(found, expected).max() <= 1
    assert (distance(found, expected) > 0).mean() < 0.001
    drawn = FORMS["colour"].draw(2000, (8, 8), rng).reshape(-1, 3, 4)
    gain = drawn[:, :, :3].sum(2)
    np.testing.assert_allclose([gain.min(), gain.mean(), gain.max()], [0.8, 1.025, 1.25], atol=0.02)


def test_cutout_fills_one_rectangle_with_the_mean():
    crops = smooth_crops(300, 40)
    found = array(DeviceAugmentation("cutout:1")(tensor(crops), 2))
    sides, corners = [], []
    for crop, cut in zip(crops, found, strict=True):
        changed = np.argwhere((cut != crop).any(2))
        (top, left), (bottom, right) = changed.min(0), changed.max(0) + 1
        assert distance(cut[top:bottom, left:right], crop.mean((0, 1))).max() <= 1
        sides.append((bottom - top, right - left))
        corners.append((top, left))
    assert 5 <= np.min(sides) <= 7
    assert 17 <= np.max(sides) <= 18
    np.testing.assert_allclose(np.mean(sides, 0), 40 * np.mean(cutout.SIDE), rtol=0.06)
    assert np.min(corners) == 0
    assert (np.add(corners, sides).max(0) == 40).all()


def test_shift_takes_the_places_of_the_cpu():
    crops = np.random.default_rng(0).integers(0, 256, (1, 25, 50, 3), np.uint8)
    framed = np.pad(crops[0], ((2, 2), (4, 4), (0, 0)), mode="reflect")
    where = {framed[top : top + 25, left : left + 50].tobytes() for top in range(5) for left in range(9)}
    many = np.repeat(crops, 600, 0)
    found = {crop.tobytes() for crop in array(DeviceAugmentation("shift:1")(tensor(many), 3))}
    assert found == where - {crops.tobytes()}


def test_mixup_on_the_device():
    augmentation = DeviceAugmentation("mixup:0.5,flip:0")
    mix = augmentation.mix(2000, 4, CPU)
    assert sorted(mix.partner.tolist()) == list(range(2000))
    assert mix.weight.dtype == torch.float32
    reference = parse_augmentation("mixup:0.5").mix(2000, np.random.default_rng(0)).weight
    for edge in (0.01, 0.5, 0.99, 1):
        assert (mix.weight.numpy() < edge).mean() == pytest.approx((reference < edge).mean(), abs=0.05)
    assert torch.equal(mix.weight, augmentation.mix(2000, 4, CPU).weight)
    assert not torch.equal(mix.partner, augmentation.mix(2000, 5, CPU).partner)


def test_a_mix_by_hand():
    mix = DeviceMix(torch.tensor([1, 2, 0]), torch.tensor([0.75, 1.0, 0.0]))
    soft = mix.targets(torch.tensor([0, 1, 1]), 3)
    assert soft.tolist() == [[0.75, 0.25, 0], [0, 1, 0], [1, 0, 0]]
    images = torch.tensor([0.0, 10.0, 20.0]).reshape(3, 1, 1, 1).expand(3, 3, 2, 2)
    assert mix.images(images)[:, 0, 0, 0].tolist() == [2.5, 10.0, 0.0]
    assert mix.images(images.bfloat16()).dtype == torch.bfloat16


def test_what_has_no_form_on_tensors_is_told():
    assert all(supported(spec) for spec in ("none", "standard", "flip,jpeg:0.2,mixup"))
    assert set(augmentations) - {n for n in augmentations if supported(n)} == {"recompress", "zoom"}
    assert not supported("flip,recompress:0.1")
    with pytest.raises(ClewError, match=r"--augment flip,recompress: .*known: blur, .*mixup.*resize"):
        DeviceAugmentation("flip,recompress")
    with pytest.raises(ClewError, match="unknown augmentation 'jpg'"):
        supported("jpg")


def test_wrong_tensors_are_refused():
    augmentation = DeviceAugmentation("flip")
    for wrong in (torch.zeros(2, 3, 8, 8), torch.zeros(2, 8, 8, 3, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="expected uint8"):
            augmentation(wrong, 0)


def test_autocast_does_not_reach_the_levels():
    images = tensor(smooth_crops(40, 32))
    augmentation = DeviceAugmentation("jpeg:1,resize:1,colour:1")
    plain = augmentation(images, 1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augmentation(images, 1), plain)


@pytest.mark.parametrize("spec", ["standard", ",".join(f"{name}:0.5" for name in FORMS)])
def test_nothing_leaves_the_device_or_asks_it(spec, monkeypatch):
    """On `meta` a tensor made elsewhere, or a number that is asked for, raises."""
    meta = torch.device("meta")
    monkeypatch.setattr(torch, "Generator", lambda device: SimpleNamespace(manual_seed=lambda seed: None))
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: nullcontext())
    images = torch.empty((40, 33, 33, 3), dtype=torch.uint8, device=meta).permute(0, 3, 1, 2)
    found = DeviceAugmentation(spec)(images, 0)
    assert (found.device, found.shape, found.dtype) == (meta, images.shape, torch.uint8)
    mix = DeviceAugmentation("mixup").mix(40, 0, meta)
    assert mix.images(found.float()).device == meta
    assert mix.targets(torch.empty(40, dtype=torch.int64, device=meta), 2).device == meta
    with pytest.raises(RuntimeError):
        FORMS["blur"].apply(images, torch.ones(40, 3), None)


# --- crops


@pytest.fixture(scope="module")
def samples(store_path):
    return load_split([open_store(store_path)], "train")


@pytest.mark.parametrize("size", [32, 24])
@pytest.mark.parametrize("kind", [DeviceCrops, StreamedCrops])
def test_both_sources_hand_out_the_crops_of_the_stores(kind, size, samples):
    with kind(samples, size, CPU) as crops:
        for positions in (np.array([5, 0, 79, 5]), torch.tensor([3]), np.arange(80, dtype=np.int32)):
            found = crops.batch(positions)
            assert found.dtype == torch.uint8
            assert found.is_contiguous(memory_format=torch.channels_last)
            np.testing.assert_array_equal(array(found), samples.crops(np.asarray(positions), size))
    place = int(samples.places[5, 1])
    np.testing.assert_array_equal(
        array(kind(samples, size, CPU).batch([5]))[0], resize(samples.stores[0].crop(place), size)
    )


def test_loading_goes_part_by_part_and_tells(samples, monkeypatch):
    monkeypatch.setattr("clew.training.on_device.crops.CHUNK_BYTES", 32 * 32 * 3 * 30)
    parts = []
    crops = DeviceCrops(samples, 32, CPU, parts.append)
    assert parts == [30, 30, 20]
    np.testing.assert_array_equal(array(crops.batch(np.arange(80))), samples.crops(np.arange(80), 32))
    crops.batch([0]).zero_()
    assert crops.batch([0]).any(), "a batch is a copy"


def test_held_out_blends_come_through_as_well(store_path, tmp_path):
    samples = load_part([open_store(store_path)], "val", blend=True)
    np.testing.assert_array_equal(
        array(DeviceCrops(samples, 32, CPU).batch([len(samples) - 1, 0])), samples.crops([len(samples) - 1, 0], 32)
    )


def test_what_fits(samples, monkeypatch):
    assert bytes_needed(samples, 32) == 80 * 32 * 32 * 3 == DeviceCrops(samples, 32, CPU).levels.nbytes
    assert not fits(samples, 32, CPU)
    assert fits(samples, 32, CPU, force=True)
    cuda = torch.device("cuda")
    for free, expected in ((2 * 80 * 3072, True), (2 * 80 * 3072 - 2, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10**12))
        assert fits(samples, 32, cuda) is expected


def test_crops_on_a_device_stay_there(samples):
    meta = torch.device("meta")
    assert DeviceCrops(samples, 32, meta).batch(np.arange(4)).device == meta
    assert StreamedCrops(samples, 32, meta).batch(np.arange(4)).device == meta


def running():
    return [t for t in threading.enumerate() if t.name.startswith("clew-crops")]


def test_streamed_batches_are_read_ahead_in_order_and_the_threads_end(samples):
    order = list(np.random.default_rng(0).permutation(80).reshape(10, 8))
    crops = StreamedCrops(samples, 32, CPU, ahead=3)
    for _ in range(2):
        crops.prefetch(order)
        for positions in order:
            np.testing.assert_array_equal(array(crops.batch(positions)), samples.crops(positions, 32))
        assert not running()
    crops.prefetch(order)
    crops.batch(order[0])
    assert running()
    crops.prefetch(order[3:])
    np.testing.assert_array_equal(array(crops.batch(order[3])), samples.crops(order[3], 32))
    crops.close()
    crops.close()
    assert not running()
    crops.prefetch([])
    assert not running()
    np.testing.assert_array_equal(array(crops.batch(order[1])), samples.crops(order[1], 32))


class Counting:
    """Samples that tell what was read, and fail at one position."""

    def __init__(self, samples, broken=-1):
        self.samples, self.broken, self.read = samples, broken, []

    def crops(self, positions, size):
        self.read.append(tuple(positions.tolist()))
        if self.broken in positions:
            raise ClewError("store became shorter")
        return self.samples.crops(positions, size)


def test_no_more_is_read_ahead_than_asked(samples):
    counting = Counting(samples)
    crops = StreamedCrops(counting, 32, CPU, ahead=2)
    crops.prefetch([np.array([i]) for i in range(10)])
    crops.batch([0])
    time.sleep(0.1)  # whoever reads too far has done so by now
    crops.close()
    assert set(counting.read) <= {(0,), (1,), (2,)}
    assert (0,) in counting.read


def test_errors_in_the_background_reach_the_caller_and_end_the_threads(samples):
    crops = StreamedCrops(Counting(samples, broken=5), 32, CPU)
    order = [np.array([4]), np.array([5]), np.array([6])]
    crops.prefetch(order)
    crops.batch(order[0])
    with pytest.raises(ClewError, match="became shorter"):
        crops.batch(order[1])
    assert not running()
    crops.prefetch(order)
    with pytest.raises(ValueError, match="expected the batch that prefetch announced"):
        crops.batch(order[2])
    assert not running()


def test_an_early_end_ends_the_threads(samples):
    order = [np.array([i]) for i in range(10)]

    def broken_training():
        with StreamedCrops(samples, 32, CPU) as crops:
            crops.prefetch(order)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_training()
    assert not running()
    forgotten = StreamedCrops(samples, 32, CPU)
    forgotten.prefetch(order)
    threads = running()
    assert threads
    del forgotten
    gc.collect()
    for thread in threads:
        thread.join(5)
    assert not running()
