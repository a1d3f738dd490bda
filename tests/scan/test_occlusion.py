import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.media.overlay import overlaid
from clew.scan.evidence import Shown, read_evidence, write_evidence
from clew.scan.occlusion import occlusion, occlusion_of

SIDE = 64


def noisy(count=2, side=SIDE):
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def one_corner(crops):
    """Logits (B, 2): fake speaks by how rough the upper right corner is."""
    corner = crops[:, :16, -16:].astype(np.float32)
    rough = np.abs(np.diff(corner, axis=2)).mean((1, 2, 3))
    return np.stack([np.zeros_like(rough), rough], 1).astype(np.float32)


def test_the_heat_is_where_the_network_looks_and_nowhere_else():
    heat = occlusion(one_corner, noisy(), SIDE)
    assert heat.shape == (2, 8, 8)
    assert heat.dtype == np.float32
    for one in heat:
        row, column = np.unravel_index(one.argmax(), one.shape)
        assert row < 2
        assert column > 5
        assert one.max() > 5  # of a roughness of about 85
        outside = one.copy()
        outside[:3, 5:] = 0
        assert np.abs(outside).max() == 0  # no patch reaches the corner from there


def test_a_place_that_speaks_for_real_is_negative():
    heat = occlusion(lambda crops: one_corner(crops)[:, ::-1], noisy(1), SIDE)[0]
    assert heat.min() < -5
    assert heat.max() <= 0


def test_several_kinds_of_fake_speak_together():
    def three(crops):
        two = one_corner(crops)
        return np.concatenate([two, two[:, 1:]], 1)

    one, both = (occlusion(net, noisy(1), SIDE) for net in (one_corner, three))
    assert np.allclose(one, both, atol=1e-3)  # log(e^x + e^x) - log 2 = x


def test_a_crop_gives_the_same_bits_alone_and_among_others_at_any_size():
    crops = noisy(3)
    heatmaps = occlusion_of(one_corner, SIDE)
    assert np.array_equal(heatmaps(crops)[1:2], heatmaps(crops[1:2]))
    assert np.array_equal(heatmaps(crops), occlusion(one_corner, crops, SIDE))
    assert occlusion(one_corner, noisy(1, 100), SIDE, cells=5).shape == (1, 5, 5)
    assert occlusion(one_corner, noisy(0), SIDE).shape == (0, 8, 8)


@pytest.mark.parametrize(("crops", "cells"), [(noisy(1) / 255, 8), (noisy(1), 0), (noisy(1), 65), (noisy(1)[0], 8)])
def test_what_is_no_crop_is_refused(crops, cells):
    with pytest.raises(ClewError):
        occlusion(one_corner, crops, SIDE, cells)


def test_the_overlay_is_bright_where_the_heat_is():
    heat = np.zeros((8, 8), np.float32)
    heat[0, 7] = 2
    drawn = overlaid(np.full((SIDE, SIDE, 3), 128, np.uint8), heat, 2.0, side=80).astype(int).sum(2)
    assert drawn[:6, -6:].min() > drawn[40:].max() + 150


def test_evidence_comes_back_as_it_was_and_equal_evidence_is_equal_bytes(tmp_path):
    crops = noisy(2)
    evidence = {(2, 7): Shown(crops[1]), (1, 0): Shown(crops[0], np.float32([[0.5, -1], [2, 0]]))}
    path = write_evidence(tmp_path / "a.zip", evidence)
    back = read_evidence(path)
    assert set(back) == {(1, 0), (2, 7)}
    assert np.array_equal(back[1, 0].crop, crops[0])
    assert back[1, 0].heat.tolist() == [[0.5, -1], [2, 0]]
    assert back[2, 7].heat is None
    again = write_evidence(tmp_path / "b.zip", dict(reversed(evidence.items())))
    assert path.read_bytes() == again.read_bytes()


def test_damaged_evidence_is_refused_by_name(tmp_path):
    path = write_evidence(tmp_path / "a.zip", {(1, 0): Shown(noisy(1)[0], np.zeros((2, 2), np.float32))})
    data = path.read_bytes()
    for changed in (b"", data[:100], data.replace(b"1-0.png", b"../a.pn"), data.replace(b"NUMPY", b"NUMPX")):
        path.write_bytes(changed)
        with pytest.raises(ClewError, match=r"a\.zip"):
            read_evidence(path)
