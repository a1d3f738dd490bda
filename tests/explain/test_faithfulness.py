"""Curves, infidelity, sensitivity and the sanity check, on networks of which the answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.explain.changed import blurred
from clew.explain.faithfulness import areas, curves, infidelity, sanity, sensitivity
from clew.explain.fidelity import NOISES, RADIUS, _squares
from clew.explain.sanity import _over_draws, _randomise

SIZE = 16


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fakes(count: int) -> Tensor:
    return torch.ones(count, dtype=torch.int64)


class Weighed(nn.Module):
    """Logits (0, the weighted sum of the picture)."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor) -> Tensor:
        fake = (images * self.weights).sum((1, 2, 3))
        return torch.stack([torch.zeros_like(fake), fake], 1)


def looking_at(row: int, column: int, weight: float) -> Weighed:
    weights = torch.zeros(3, SIZE, SIZE)
    weights[0, row, column] = weight
    return Weighed(weights)


def sigmoid(value: float) -> float:
    return 1 / (1 + np.exp(-value))


def test_curves_by_hand_of_a_network_that_looks_at_one_pixel():
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[0, 0, 5, 9] = 1
    soft = float(blurred(image)[0, 0, 5, 9])
    assert 0.05 < soft < 0.6
    sharp, gone = sigmoid(4), sigmoid(4 * soft)
    first = torch.zeros(1, SIZE, SIZE)
    first[0, 5, 9] = 1
    deletion, insertion = curves(looking_at(5, 9, 4.0), image, fakes(1), first, steps=4)
    np.testing.assert_allclose(deletion, [[sharp, gone, gone, gone, gone]], atol=1e-6)
    np.testing.assert_allclose(insertion, [[gone, sharp, sharp, sharp, sharp]], atol=1e-6)
    deletion, insertion = curves(looking_at(5, 9, 4.0), image, fakes(1), -first, steps=4)
    np.testing.assert_allclose(deletion, [[sharp, sharp, sharp, sharp, gone]], atol=1e-6)
    np.testing.assert_allclose(insertion, [[gone, gone, gone, gone, sharp]], atol=1e-6)
    real = curves(looking_at(5, 9, 4.0), image, fakes(1) * 0, first, steps=1)[0]
    np.testing.assert_allclose(real, [[1 - sharp, 1 - gone]], atol=1e-6)


def test_curves_of_a_batch_are_those_of_pictures_changed_pixel_by_pixel():
    net, images, maps = (
        Weighed(drawn(3, SIZE, SIZE) - 0.5),
        drawn(5, 3, SIZE, SIZE, seed=1),
        drawn(5, SIZE, SIZE, seed=2),
    )
    deletion, insertion = curves(net, images, fakes(5), maps, steps=20)
    assert deletion.shape == insertion.shape == (5, 21)
    soft = blurred(images)
    for number in range(5):
        order = np.argsort(-maps[number].flatten().numpy())
        for step in range(21):
            pixels = order[: round(step * SIZE * SIZE / 20)]
            gone, come = images[number].flatten(1).clone(), soft[number].flatten(1).clone()
            gone[:, pixels], come[:, pixels] = soft[number].flatten(1)[:, pixels], images[number].flatten(1)[:, pixels]
            for found, picture in ((deletion, gone), (insertion, come)):
                expected = net(picture.view(1, 3, SIZE, SIZE)).softmax(1)[0, 1].detach()
                assert found[number, step] == pytest.approx(float(expected), abs=1e-5)


class Recorder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return torch.zeros(len(images), 2)


def test_where_a_map_says_nothing_pixels_go_by_lot_and_steps_share_batches():
    net, images = Recorder(), drawn(2, 3, SIZE, SIZE)
    curves(net, images, fakes(2), torch.zeros(2, SIZE, SIZE), steps=40)
    assert [len(batch) for batch in net.seen] == [64, 18] * 2
    half = torch.cat(net.seen)[20]  # of the first picture's deletion
    changed = (half != images[0]).any(0)
    assert int(changed.sum()) == SIZE * SIZE // 2
    assert 0.35 < float(changed[: SIZE // 2].float().mean()) < 0.65
    again = Recorder()
    curves(again, images, fakes(2), torch.zeros(2, SIZE, SIZE), steps=40)
    assert all(torch.equal(one, other) for one, other in zip(net.seen, again.seen, strict=True))


def test_areas_by_hand():
    np.testing.assert_allclose(areas(np.array([[1.0, 0.5, 0.0], [1, 0, 0], [1, 1, 1]])), [0.5, 0.25, 1.0])
    np.testing.assert_allclose(areas(np.array([[1.0, 0.0]])), [0.5])


def test_the_blur_keeps_flat_pictures_and_grows_with_the_side():
    assert torch.allclose(blurred(torch.full((2, 3, 32, 32), 0.25)), torch.tensor(0.25), atol=1e-6)
    spot = torch.zeros(1, 3, 224, 224)
    spot[0, 1, 112, 112] = 1
    soft = blurred(spot)[0]
    assert float(soft[1].sum()) == pytest.approx(1, abs=1e-3)
    assert not soft[0].any()  # colours do not mix
    assert float(soft[1, 112, 112]) == pytest.approx(1 / (2 * np.pi * 10**2), rel=0.01)  # a standard deviation of 10


def true_map(net: Weighed, images: Tensor) -> Tensor:
    """What the score of a weighted sum loses with each pixel (B, H, W)."""
    return ((images - blurred(images)) * net.weights.detach()).sum(1)


def test_infidelity_of_a_map_that_foretells_all_is_0_and_of_its_opposite_1():
    net, images = Weighed(drawn(3, SIZE, SIZE) - 0.5), drawn(3, 3, SIZE, SIZE, seed=1)
    right = true_map(net, images)
    np.testing.assert_allclose(infidelity(net, images, fakes(3), right, seeded()), 0, atol=1e-4)
    np.testing.assert_allclose(infidelity(net, images, fakes(3), 1e-20 * right, seeded()), 0, atol=1e-4)
    np.testing.assert_allclose(infidelity(net, images, fakes(3), 1e20 * right, seeded()), 0, atol=1e-4)
    assert infidelity(net, images, fakes(3), -right, seeded()).tolist() == [1, 1, 1]
    assert infidelity(net, images, fakes(3), 0 * right, seeded()).tolist() == [1, 1, 1]


def test_infidelity_of_any_map_is_what_is_left_of_the_best_line_through_zero():
    net, images = Weighed(drawn(3, SIZE, SIZE) - 0.5), drawn(3, 3, SIZE, SIZE, seed=1)
    maps = true_map(net, images) + 0.1 * drawn(3, SIZE, SIZE, seed=2)
    squares = _squares(SIZE, SIZE, seeded())[:, 0].numpy()
    assert {int(one.sum()) for one in squares} == {side**2 for side in range(2, 9)}
    change = np.einsum("bhw,nhw->bn", true_map(net, images).numpy(), squares)
    said = np.einsum("bhw,nhw->bn", maps.numpy(), squares)
    product = (change * said).sum(1)
    expected = np.where(product > 0, 1 - product**2 / ((said**2).sum(1) * (change**2).sum(1)), 1)
    found = infidelity(net, images, fakes(3), maps, seeded())
    assert 0.01 < expected.min() < expected.max() <= 1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    one_by_one = [infidelity(net, images[i : i + 1], fakes(1), maps[i : i + 1], seeded()) for i in range(3)]
    np.testing.assert_allclose(found, np.concatenate(one_by_one), atol=1e-5)


def test_infidelity_of_a_network_that_never_changes_its_mind_is_unknown():
    net, images = Weighed(torch.zeros(3, SIZE, SIZE)), drawn(2, 3, SIZE, SIZE)
    assert np.isnan(infidelity(net, images, fakes(2), drawn(2, SIZE, SIZE), seeded())).all()


class Squared(nn.Module):
    """Its gradient by the picture is the picture."""

    def forward(self, images: Tensor) -> Tensor:
        fake = images.square().sum((1, 2, 3)) / 2
        return torch.stack([-fake, fake], 1)


def test_sensitivity_by_hand():
    images = drawn(8, 3, SIZE, SIZE) * 0.8 + 0.1
    noise = (torch.rand((NOISES, 3, SIZE, SIZE), generator=seeded()) * 2 - 1) * RADIUS
    top = images.max(1).values
    changes = [((images + one).max(1).values - top).flatten(1).norm(dim=1) for one in noise]
    expected = torch.stack(changes).max(0).values / top.flatten(1).norm(dim=1)
    found = sensitivity(Squared(), images, fakes(8), "", "input-gradient", seeded())
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    flat = sensitivity(Weighed(drawn(3, SIZE, SIZE)), images, fakes(8), "", "input-gradient", seeded())
    assert flat.tolist() == [0] * 8  # the gradient of a weighted sum is the same everywhere


def test_sensitivity_of_an_empty_heatmap_is_unknown():
    net, images = Tiny(), drawn(2, 3, SIZE, SIZE)
    nn.init.zeros_(net.head.weight)
    assert np.isnan(sensitivity(net, images, fakes(2), "blocks.2", "grad-cam", seeded())).all()


class Tiny(nn.Module):
    """Two convolutions and a linear layer; `spare` does not run."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 2)
        self.spare = nn.Linear(8, 2)
        self.blocks = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.blocks(images - 0.5).mean((2, 3)))


def patched(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of noise; every other is a fake with a patch of stripes somewhere."""
    rng = np.random.default_rng(seed)
    images = rng.random((count, 3, SIZE, SIZE), np.float32)
    for image in images[1::2]:
        top, left = rng.integers(0, SIZE - 6, 2)
        image[:, top : top + 6, left : left + 6] = np.arange(6) % 2
    return torch.from_numpy(images), torch.arange(count) % 2


@pytest.fixture(scope="module")
def trained() -> Tiny:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Tiny()
    images, labels = patched(64, 0)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    return net


def test_a_trained_network_passes_the_sanity_check(trained):
    images, labels = patched(16, 1)
    assert float((trained(images).argmax(1) == labels).float().mean()) > 0.9
    found = sanity(trained, images[1::2], labels[1::2], "blocks.2", seeded())
    assert found["passed"] is True
    assert (found["pictures"], found["n"], found["bound"]) == (8, 5, 0.5)
    assert found["low"] <= found["mean"] <= found["high"] < 0.5
    assert [one["layers"] for one in found["stages"]] == [["head"], ["blocks.2"], ["blocks.0"]]
    assert {key: found["stages"][-1][key] for key in ("mean", "low", "high", "n")} == {
        key: found[key] for key in ("mean", "low", "high", "n")
    }
    assert json.loads(json.dumps(found)) == found
    two = sanity(trained, images[1::2], labels[1::2], "blocks.2", seeded(), stages=2, draws=2)
    assert [one["layers"] for one in two["stages"]] == [["head", "blocks.2"], ["blocks.0"]]
    assert two["n"] == 2


class Untaught(nn.Module):
    """Its map is the picture's light, whatever its weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.light = nn.AvgPool2d(2)
        self.head = nn.Linear(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        light = self.light(images).mean((1, 2, 3))
        return torch.stack([-light, light], 1) + self.head(torch.ones(len(images), 1))


@pytest.mark.parametrize("method", ["grad-cam", "input-gradient"])
def test_heatmaps_that_do_not_hang_on_the_weights_fail_the_sanity_check(method):
    net = Untaught()
    images = drawn(4, 3, SIZE, SIZE)
    if method == "input-gradient":
        net.light = nn.Identity()
        net.forward = lambda x: torch.stack([-x.square().sum((1, 2, 3)), x.square().sum((1, 2, 3))], 1) + net.head(torch.ones(len(x), 1))  # fmt: skip
    found = sanity(net, images, fakes(4), "light", seeded(), method)
    assert found["passed"] is False
    assert found["mean"] == pytest.approx(1)
    assert [one["layers"] for one in found["stages"]] == [["head"]]


def test_empty_heatmaps_do_not_pass():
    net = Tiny()
    nn.init.zeros_(net.head.weight)
    found = sanity(net, drawn(2, 3, SIZE, SIZE), fakes(2), "blocks.2", seeded())
    assert (found["passed"], found["pictures"], found["mean"], found["high"]) == (False, 0, None, None)


def test_a_map_that_randomising_empties_correlates_with_0(trained, monkeypatch):
    maps = iter([drawn(2, 4, 4), *[torch.zeros(2, 4, 4)] * 6])
    monkeypatch.setattr("clew.explain.sanity.heatmaps", lambda *given, **how: next(maps))
    found = sanity(trained, *patched(2, 2), "blocks.2", seeded(), draws=2)
    assert (found["mean"], found["low"], found["high"], found["pictures"], found["passed"]) == (0, 0, 0, 2, True)


def test_the_interval_over_draws_decides_by_hand(trained, monkeypatch):
    assert _over_draws(np.array([[0.1, 0.3], [0.2, 0.4]])) == {
        "mean": pytest.approx(0.25),
        "low": pytest.approx(0.25 - 6.3138 * 0.05, abs=1e-4),
        "high": pytest.approx(0.25 + 6.3138 * 0.05, abs=1e-4),
        "n": 2,
    }
    one = drawn(2, 4, 4)
    maps = iter([one, *[sign * one for sign in (1, 1, -1, 1, 1, 1, 1, 1, -1, 1, 1, -1)]])
    monkeypatch.setattr("clew.explain.sanity.heatmaps", lambda *given, **how: next(maps))
    found = sanity(trained, *patched(2, 2), "blocks.2", seeded(), draws=4)
    assert [stage["mean"] for stage in found["stages"]] == pytest.approx([1, 1, -0.5])
    assert (found["low"], found["passed"]) == (-1, False)  # a map that keeps its shape and loses its sign


def test_new_weights_are_as_large_as_the_old_and_heed_no_mask(trained):
    net = Tiny()
    net.load_state_dict(trained.state_dict())
    with torch.no_grad():
        net.blocks[2].weight[:6] = 0
    size = float(net.blocks[2].weight.square().mean().sqrt())
    _randomise(net, ["blocks.2"], seeded())
    assert float(net.blocks[2].weight.square().mean().sqrt()) == pytest.approx(size, rel=0.15)
    assert net.blocks[2].weight.ne(0).all()
    assert torch.equal(net.blocks[0].weight, trained.blocks[0].weight)


def test_nothing_but_the_generator_moves(trained):
    images, labels = patched(4, 3)
    trained.train()
    before = {name: one.clone() for name, one in trained.state_dict().items()}
    grads = {name: one.grad for name, one in trained.named_parameters()}
    state = torch.get_rng_state()
    maps = drawn(4, SIZE, SIZE)

    def all_of() -> list:
        generator = seeded()
        return [
            *curves(trained, images, labels, maps, 4),
            infidelity(trained, images, labels, maps, generator),
            sensitivity(trained, images, labels, "blocks.2", "grad-cam", generator),
            sanity(trained, images, labels, "blocks.2", generator, draws=2),
        ]

    one = all_of()
    torch.manual_seed(99)
    moved = torch.get_rng_state()
    other = all_of()
    assert torch.equal(torch.get_rng_state(), moved)
    torch.set_rng_state(state)
    for first, second in zip(one[:4], other[:4], strict=True):
        np.testing.assert_array_equal(first, second)
    assert one[4] == other[4]
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())
    assert all(part.training for part in trained.modules())
    assert all(one.requires_grad and one.grad is grads[name] for name, one in trained.named_parameters())
    assert not any(part._forward_hooks for part in trained.modules())


def test_bad_input(trained):
    images = drawn(2, 3, SIZE, SIZE)
    with pytest.raises(ClewError, match=r"of the pictures' size, \(2, 16, 16\), found \(2, 4, 4\): draw them large"):
        curves(trained, images, fakes(2), torch.zeros(2, 4, 4))
    with pytest.raises(ClewError, match="finite heatmaps"):
        infidelity(trained, images, fakes(2), torch.full((2, SIZE, SIZE), torch.nan), seeded())
    with pytest.raises(ClewError, match="1 to 256 steps, the number of pixels; found 257"):
        curves(trained, images, fakes(2), torch.zeros(2, SIZE, SIZE), 257)
    with pytest.raises(ClewError, match="'nose' of Tiny is not there"):
        sensitivity(trained, images, fakes(2), "nose", "grad-cam", seeded())
    with pytest.raises(ClewError, match="1 stage and 2 draws or more, found 8 and 1"):
        sanity(trained, images, fakes(2), "blocks.2", seeded(), draws=1)
    with pytest.raises(ClewError, match="Squared has no weights that run"):
        sanity(Squared(), images, fakes(2), "", seeded(), "input-gradient")
