"""Laws that every registered forgery keeps."""

from __future__ import annotations

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.synth import forgeries  # noqa: F401  (registers them)
from clew.datasets.synth.camera import photograph
from clew.datasets.synth.forge import FORGERIES, Target, blend
from clew.datasets.synth.person import draw_person
from clew.datasets.synth.render import render
from clew.datasets.synth.shot import draw_shot


def make_target(seed: int, size: int = 96) -> Target:
    rng = np.random.default_rng(seed)
    person, shot = draw_person(rng), draw_shot(rng)
    drawn = render(person, shot, size)
    return Target(photograph(drawn.rgb, shot, rng), drawn, person, shot)


@pytest.mark.parametrize("name", FORGERIES.names())
@pytest.mark.parametrize("seed", range(4))
def test_pixels_change_inside_the_region_alone(name: str, seed: int) -> None:
    target = make_target(seed)
    genuine = target.picture.copy()
    rng = np.random.default_rng(100 + seed)
    forged, region = FORGERIES.get(name)(target, draw_person(rng), rng)
    assert forged.dtype == np.uint8
    assert region.dtype == np.bool_
    assert np.array_equal(target.picture, genuine)
    changed = (forged != genuine).any(axis=2)
    assert not (changed & ~region).any()
    assert changed.sum() > 0.7 * region.sum() > 50
    head = target.rendered.parts["head"]
    assert head[region].mean() > 0.97
    edge = np.ones_like(region)
    edge[1:-1, 1:-1] = False
    assert not (region & edge).any()


@pytest.mark.parametrize("name", FORGERIES.names())
def test_forgeries_depend_on_the_generator_alone(name: str) -> None:
    target = make_target(9, 64)
    pictures = []
    for seed in (1, 1, 2):
        rng = np.random.default_rng(seed)
        pictures.append(FORGERIES.get(name)(target, draw_person(rng), rng)[0])
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_a_swap_covers_the_middle_of_the_face_and_a_reenactment_less() -> None:
    shares: dict[str, list[float]] = {"swap": [], "reenact": []}
    for seed in range(4):
        target = make_target(seed)
        for name, found in shares.items():
            rng = np.random.default_rng(seed)
            region = FORGERIES.get(name)(target, draw_person(rng), rng)[1]
            found.append(float(region.mean()))
            x, y = (round(v) for v in target.rendered.landmarks["nose_tip"])
            assert name == "reenact" or region[y, x]
    assert 0.2 < np.mean(shares["swap"]) < 0.5
    assert 0.03 < np.mean(shares["reenact"]) < 0.25


def test_blend_by_hand() -> None:
    target = np.full((1, 4, 3), 100, np.uint8)
    alpha = np.array([[0.0, 0.02, 0.5, 1.0]], np.float32)
    mixed, region = blend(target, np.full((1, 4, 3), 200 / 255, np.float32), alpha)
    assert mixed[0, :, 0].tolist() == [100, 100, 150, 200]
    assert region[0].tolist() == [False, False, True, True]


def test_an_unknown_forgery_lists_the_known_ones() -> None:
    with pytest.raises(ClewError, match=r"unknown forgery 'swop'.*Did you mean 'swap'\?.*reenact, swap"):
        FORGERIES.get("swop")
