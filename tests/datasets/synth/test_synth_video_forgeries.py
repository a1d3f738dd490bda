"""The law of the region, for every registered forgery of videos."""

from itertools import pairwise

import dlib
import numpy as np
import pytest
from drawn_videos import SMALL, changed, luma, small_clip

from clew.datasets.synth.clip import ClipId, Format, shoot, write_script
from clew.datasets.synth.encode import encode_regions, encode_video
from clew.datasets.synth.films import Take, forge
from clew.datasets.synth.video_forge import VIDEO_FORGERIES, even_blocks

SOURCE = ClipId(11, 7)
TARGET = ClipId(11, 2)
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
SWAPS = ("Deepfakes", "FaceSwap")


@pytest.fixture(scope="module")
def forged():
    return {method: forge(small_clip(), TARGET, Take(method, SOURCE), SMALL) for method in VIDEO_FORGERIES}


def test_the_four_manipulations_are_there():
    assert set(METHODS) <= set(VIDEO_FORGERIES)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_outside_the_region_changes(forged, method):
    for real, fake, region in zip(small_clip().pictures, forged[method].pictures, forged[method].regions, strict=True):
        assert np.array_equal(real[~region], fake[~region])
        assert (real[region] != fake[region]).any(1).mean() > 0.8


@pytest.mark.parametrize("method", METHODS)
def test_nothing_outside_the_region_changes_in_lossless_files(forged, method):
    real = encode_video(small_clip().pictures, 25, "raw")
    fake = encode_video(forged[method].pictures, 25, "raw")
    region = luma(encode_regions(forged[method].regions, 25)) > 127
    off = changed(real, fake)
    assert not (off & ~region).any()
    assert off[region].mean() > 0.8


@pytest.mark.parametrize("method", METHODS)
def test_the_region_is_on_the_face_and_moves_with_it(forged, method):
    clip = small_clip()
    left = (SMALL.width - SMALL.height) // 2
    for moment, region in zip(clip.moments, forged[method].regions, strict=True):
        head = np.zeros((SMALL.height, SMALL.width), np.float32)
        head[:, left : left + SMALL.height] = moment.parts["head"]
        assert (head[region] > 0.02).mean() > 0.97
        share = region.sum() / (moment.parts["face"] > 0.5).sum()
        assert (0.1 < share < 0.7) if method == "NeuralTextures" else (0.6 < share < 1.35)
    sizes = np.array([region.sum() for region in forged[method].regions], float)
    overlap = [(a & b).sum() / (a | b).sum() for a, b in pairwise(forged[method].regions)]
    assert min(overlap) > 0.8
    assert sizes.std() < 0.15 * sizes.mean()


@pytest.mark.parametrize("method", METHODS)
def test_a_forgery_depends_on_its_arguments_alone(forged, method):
    again = forge(small_clip(), TARGET, Take(method, SOURCE), SMALL)
    other = forge(small_clip(), TARGET, Take(method, ClipId(11, 9)), SMALL)
    assert all(np.array_equal(a, b) for a, b in zip(again.pictures, forged[method].pictures, strict=True))
    assert not np.array_equal(again.pictures[0], other.pictures[0])


@pytest.mark.parametrize("method", METHODS)
def test_traces_hang_together_over_time(forged, method):
    real = np.stack(small_clip().pictures).astype(float)
    fake = np.stack(forged[method].pictures).astype(float)
    both = np.logical_and.reduce(forged[method].regions)
    error = np.stack([(f - r)[both].mean(0) for r, f in zip(real, fake, strict=True)])  # mean colour shift per frame
    assert np.abs(np.diff(error, axis=0)).mean() < 4.0


def test_a_source_shorter_than_the_target_is_enough():
    short = Format(SMALL.width, SMALL.height, seconds=(0.12, 0.12))
    assert write_script(SOURCE, short).frames < len(small_clip().pictures)
    made = forge(small_clip(), TARGET, Take("Face2Face", SOURCE), short)
    assert len(made.pictures) == len(small_clip().pictures)


def test_blocks_are_whole():
    region = np.zeros((6, 6), bool)
    region[1, 2] = region[4, 5] = True
    grown = even_blocks(region)
    assert grown.sum() == 8
    assert grown[0:2, 2:4].all()
    assert grown[4:6, 4:6].all()


def test_dlib_finds_faces_in_real_and_forged_frames():
    form = Format(seconds=(0.2, 0.2))
    detector = dlib.get_frontal_face_detector()
    found, wide = [], []
    for person in range(4):
        clip = shoot(ClipId(3, person), form)
        take = Take(METHODS[person], ClipId(3, 90 + person))
        fake = forge(clip, ClipId(3, person), take, form)
        for picture in (*clip.pictures[::2], *fake.pictures[::2]):
            boxes = detector(picture, 0)
            found.append(len(boxes) > 0)
            wide += [box.width() for box in boxes]
    assert np.mean(found) >= 0.95
    assert np.median(wide) >= 80
