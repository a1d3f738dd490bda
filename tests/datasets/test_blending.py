import cv2
import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.blending import BlendSettings, self_blend
from clew.datasets.blending import transforms as tf
from clew.datasets.blending.hull import CANONICAL, FIVE, KINDS, canonical, fill, from_five, hull, whole
from clew.datasets.blending.region import draw_weights, settle

PLAIN = BlendSettings(jpeg_share=0.0)
STILL = {"stretch": (1.0, 1.0), "shift": 0.0, "elastic": 0.0, "jpeg_share": 0.0}


def face_like(size=96, seed=0, height=None):
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.random((height or size, size, 3)).astype(np.float32), (0, 0), 3)
    field = 0.5 + 4 * (field - 0.5) + 0.03 * rng.standard_normal(field.shape)
    return (np.clip(field, 0, 1) * 255).astype(np.uint8)


def inside(points, outline):
    return np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in points])


@pytest.mark.parametrize("jpeg_share", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(96, 96), (64, 80), (17, 16)])
def test_outside_the_region_fake_and_real_are_equal_bit_for_bit(shape, jpeg_share):
    settings = BlendSettings(jpeg_share=jpeg_share)
    for seed in range(40):
        made = self_blend(face_like(shape[1], seed, shape[0]), np.random.default_rng(seed), settings)
        assert (made.picture.dtype, made.region.dtype, made.real.dtype) == (np.uint8, bool, np.uint8)
        assert made.picture.shape == made.real.shape == (*shape, 3)
        np.testing.assert_array_equal(made.picture[~made.region], made.real[~made.region])
        assert (made.picture[made.region] != made.real[made.region]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_is_one_piece_inside_the_frame_that_leaves_most_of_it_alone(kind):
    for seed in range(40):
        made = self_blend(face_like(64, seed), np.random.default_rng(seed), BlendSettings(kinds=(kind,)))
        pieces, _ = cv2.connectedComponents(made.region.astype(np.uint8), connectivity=4)
        assert pieces == 2, "one piece and the outside"
        assert 0.01 < made.region.mean() < 0.8
        edge = np.concatenate([made.region[0], made.region[-1], made.region[:, 0], made.region[:, -1]])
        assert not edge.any()


def test_everything_follows_from_the_generator():
    face = face_like()
    before = face.copy()
    first, again, other = (self_blend(face, np.random.default_rng(seed)) for seed in (3, 3, 4))
    for part in ("picture", "region", "real"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert (first.region != other.region).any()
    np.testing.assert_array_equal(face, before)


def test_either_the_face_or_its_copy_is_changed():
    face = face_like()
    untouched = [np.array_equal(self_blend(face, np.random.default_rng(s), PLAIN).real, face) for s in range(200)]
    assert 0.4 < np.mean(untouched) < 0.6


def test_a_full_blend_of_an_unmoved_copy_shows_the_copy_in_the_middle_of_the_region():
    face = face_like()
    settings = BlendSettings(ratios=(1.0,), **STILL)
    for seed in range(10):
        made = self_blend(face, np.random.default_rng(seed), settings)
        if not np.array_equal(made.real, face):  # the face was changed, so the copy is the face as it came
            depth = cv2.distanceTransform(made.region.astype(np.uint8), cv2.DIST_L2, 5)
            deepest = depth > 0.8 * depth.max()
            np.testing.assert_array_equal(made.picture[deepest], face[deepest])


def test_the_ratio_scales_the_change():
    face = face_like()

    def change(ratio, seed):
        made = self_blend(face, np.random.default_rng(seed), BlendSettings(ratios=(ratio,), **STILL))
        return np.abs(made.picture.astype(float) - made.real).sum()

    for seed in range(8):
        assert change(0.25, seed) == pytest.approx(change(1.0, seed) / 4, rel=0.12)


def test_jpeg_meets_real_and_fake_alike():
    face = face_like(64)
    for seed in range(30):
        plain = self_blend(face, np.random.default_rng(seed), PLAIN)
        spoiled = self_blend(face, np.random.default_rng(seed), BlendSettings(jpeg_share=1.0, jpeg_quality=(60, 60)))
        np.testing.assert_array_equal(spoiled.real, tf.through_jpeg(plain.real, 60))
        whole_fake = tf.through_jpeg(plain.picture, 60)
        np.testing.assert_array_equal(spoiled.picture[plain.region], whole_fake[plain.region])
        np.testing.assert_array_equal(spoiled.region, plain.region)


def test_the_canonical_face_is_symmetric_and_has_the_points_of_68_landmarks():
    assert CANONICAL.shape == (68, 2)
    mirrored = CANONICAL * (-1, 1)
    gaps = np.abs(mirrored[:, None] - CANONICAL[None]).sum(2).min(1)
    assert gaps.max() < 1e-5
    assert (np.diff(CANONICAL[:17, 0]) > 0).all(), "the jaw runs from left to right"
    assert CANONICAL[8] == pytest.approx([0, 0.75], abs=1e-6), "the chin"
    brows, eyes, nose, mouth = (CANONICAL[part].mean(0)[1] for part in map(slice, (17, 36, 31, 48), (27, 48, 36, 68)))
    assert brows < eyes < nose < mouth < 0.75


@pytest.mark.parametrize("shape", [(64, 64), (40, 90)])
@pytest.mark.parametrize("width", [0.3, 0.64, 0.9])
def test_canonical_hulls_lie_inside_the_frame(shape, width):
    for seed in range(60):
        points = canonical(shape, width, 0.2, np.random.default_rng(seed))
        for kind in KINDS:
            outline = hull(points, kind)
            assert outline.min() >= 0
            assert (outline.max(0) <= (shape[1], shape[0])).all()
            assert fill(outline, shape).sum() > 3


def test_hulls_cover_their_landmarks_and_lie_within_the_whole():
    points = (CANONICAL * 50 + 64).astype(np.float32)
    face, everything = hull(points, "face"), hull(points, "whole")
    assert inside(points, face).min() > -1e-3
    assert inside(whole(points), everything).min() > -1e-3
    assert inside(hull(points, "lower"), face).min() > -1e-3
    assert inside(points[48:], hull(points, "lower")).min() > -1e-3
    assert inside(points[36:48], hull(points, "lower")).max() < 0, "below the eyes"
    assert inside(points[[0, 8, 16]], hull(points, "centre")).max() < 0, "neither cheeks nor chin"
    assert everything[:, 1].min() < points[:, 1].min() - 5, "the forehead"
    scattered = np.random.default_rng(0).uniform(10, 90, (23, 2)).astype(np.float32)
    for kind in KINDS:
        assert inside(scattered, hull(scattered, kind)).min() > -1e-3


def test_five_points_place_a_whole_face():
    turn = np.deg2rad(20)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    placed = (FIVE @ rotation * 40 + (50, 30)).astype(np.float32)
    np.testing.assert_allclose(from_five(placed), CANONICAL @ rotation * 40 + (50, 30), atol=1e-3)
    assert inside(placed, hull(placed, "face")).min() > 0
    odd = placed + np.random.default_rng(1).normal(0, 3, (5, 2)).astype(np.float32)
    assert inside(odd, hull(odd, "face")).min() > -1e-3


def test_given_landmarks_decide_where_the_region_lies():
    face = face_like(128)
    points = (CANONICAL * 30 + (32, 90)).astype(np.float32)
    for seed in range(20):
        made = self_blend(face, np.random.default_rng(seed), landmarks=points)
        y, x = np.nonzero(made.region)
        assert abs(x.mean() - 32) < 15
        assert abs(y.mean() - 98) < 20
        assert not made.region[:40].any()


def test_a_hull_is_filled_to_the_pixel():
    square = np.array([[10, 20], [29, 20], [29, 39], [10, 39]], np.float32)
    filled = fill(square, (64, 64))
    assert filled[20:40, 10:30].all()
    assert filled.sum() == 400


def test_only_the_largest_piece_is_kept():
    weights = np.zeros((20, 20), np.float32)
    weights[2:8, 2:8] = 0.5
    weights[12:14, 12:14] = 1.0
    weights[17, 17] = 0.02
    kept, region = settle(weights)
    assert region.sum() == 36
    assert (kept[region] == 0.5).all()
    assert kept[~region].max() == 0


def test_weights_reach_one_inside_and_fall_smoothly():
    weights = draw_weights((128, 128), CANONICAL * 80 + (64, 54), np.random.default_rng(0), PLAIN)
    assert weights.max() == 1
    assert (weights == 0).mean() > 0.2
    assert np.abs(np.diff(weights, axis=0)).max() < 0.4, "no seam that is sharp"


def test_colours_by_hand():
    grey = np.full((4, 4, 3), 100, np.uint8)
    none = np.zeros(3)
    same = tf.recolour(grey, tf.colour_matrix(none, 40.0, 1.7, 0.0, 1.0))
    np.testing.assert_array_equal(same, grey)  # hue and saturation leave grey alone
    shifted = tf.recolour(grey, tf.colour_matrix(np.array([10, -10, 0.0]), 0.0, 1.0, 0.0, 1.0))
    assert shifted[0, 0].tolist() == [110, 90, 100]
    assert tf.recolour(grey, tf.colour_matrix(none, 0.0, 1.0, 0.1, 1.0))[0, 0].tolist() == [126, 126, 126]  # 125.5
    assert tf.recolour(grey, tf.colour_matrix(none, 0.0, 1.0, 0.0, 2.0))[0, 0].tolist() == [73, 73, 73]  # 72.5
    red = np.array([[[200, 50, 50]]], np.uint8)
    turned = tf.recolour(red, tf.colour_matrix(none, 120.0, 1.0, 0.0, 1.0))
    assert turned[0, 0].argmax() == 1, "a third of a turn makes red green"
    bleached = tf.recolour(red, tf.colour_matrix(none, 0.0, 0.0, 0.0, 1.0))[0, 0]
    assert bleached.tolist() == [95, 95, 95], "0.299 * 200 + 0.701 * 50 = 94.85"


def test_softening_and_sharpening_change_the_detail_not_the_mean():
    face = face_like(64)
    detail = [cv2.Laplacian(p, cv2.CV_32F).std() for p in (tf.soften(face, 0.4), face, tf.sharpen(face, 1.0, 1.0))]
    assert detail[0] < 0.7 * detail[1] < detail[1] < 0.8 * detail[2]
    for picture in (tf.soften(face, 0.4), tf.sharpen(face, 1.0, 1.0)):
        assert abs(picture.mean() - face.mean()) < 1.5


def test_placement_keeps_the_middle_and_shifts():
    move = tf.placement((9, 9), np.array([1.1, 0.9]), np.array([2.0, -1.0]))
    assert move @ [4, 4, 1] == pytest.approx([6, 3])
    assert move @ [5, 6, 1] == pytest.approx([7.1, 4.8])


def test_jpeg_leaves_multiples_of_its_quantisation_table():
    """At quality 30 the IJG library scales the table of ITU-T T.81 Annex K by 166 %: 11 becomes 18 (10 becomes 17)."""
    grey = np.repeat(face_like(64)[..., :1], 3, 2)
    left = tf.through_jpeg(grey, 30)[..., 0].astype(np.float32) - 128
    first = np.array([cv2.dct(left[y : y + 8, x : x + 8])[0, 1] for y in range(0, 64, 8) for x in range(0, 64, 8)])
    off = np.abs(first / 18 - np.round(first / 18))
    assert np.median(off) < 0.05
    assert np.abs(first).max() > 18
    other = np.abs(first / 15 - np.round(first / 15))[np.abs(first) > 9]
    assert np.median(other) > 0.1, "and of no other step"


def test_landmarks_far_beyond_the_frame_cost_no_more_than_others():
    points = (CANONICAL * 4e4 + 48).astype(np.float32)
    made = self_blend(face_like(96), np.random.default_rng(0), BlendSettings(kinds=("face",)), points)
    assert 0 < made.region.mean() < 1


@pytest.mark.parametrize(
    ("face", "landmarks", "why"),
    [
        (np.zeros((8, 64, 3), np.uint8), None, "expected uint8 \\(H, W, 3\\), 16 pixels at least"),
        (np.zeros((64, 64, 3), np.float32), None, "float32"),
        (np.zeros((64, 64), np.uint8), None, "expected uint8"),
        (np.zeros((64, 64, 3), np.uint8), np.full((68, 2), 500.0), "the landmarks lie outside their crop of 64 x 64"),
        (np.zeros((64, 64, 3), np.uint8), np.zeros((2, 2)), "landmarks of shape \\(2, 2\\)"),
        (np.zeros((64, 64, 3), np.uint8), np.full((6, 2), np.nan), "finite numbers"),
    ],
)
def test_wrong_input_is_told_in_one_line(face, landmarks, why):
    with pytest.raises(ClewError, match=why) as caught:
        self_blend(face, np.random.default_rng(0), landmarks=landmarks)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kinds": ("nose",)}, "blend regions nose: expected some of whole, face, lower, centre"),
        ({"kinds": ()}, "expected some of"),
        ({"ratios": (0.0, 1.0)}, "blend ratios"),
        ({"face": 0.05}, "face width 0.05"),
        ({"jpeg_quality": (90, 40)}, "JPEG"),
        ({"jpeg_share": 1.5}, "JPEG 1.5"),
    ],
)
def test_settings_are_checked_where_they_are_built(wrong, why):
    with pytest.raises(ClewError, match=why):
        BlendSettings(**wrong)


def test_settings_stand_in_json():
    assert BlendSettings().as_dict()["ratios"] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
