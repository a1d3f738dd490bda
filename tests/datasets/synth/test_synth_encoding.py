"""Encoding: lossless is lossless, coarser is smaller, and equal pictures give equal bytes."""

import io

import av
import numpy as np
import pytest
from drawn_videos import luma, planes, small_clip

from clew.base.errors import ClewError
from clew.datasets.synth.encode import COMPRESSIONS, encode_regions, encode_video, to_planes


@pytest.fixture(scope="module")
def files():
    return {level: encode_video(small_clip().pictures, 25, level) for level in COMPRESSIONS}


@pytest.mark.parametrize("level", sorted(COMPRESSIONS))
def test_files_are_h264_that_every_player_reads(files, level):
    clip = small_clip()
    with av.open(io.BytesIO(files[level])) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert float(stream.average_rate) == 25.0
        assert stream.frames == len(clip.pictures)
        assert (stream.height, stream.width) == clip.pictures[0].shape[:2]
        assert "creation_time" not in {**container.metadata, **stream.metadata}


def test_raw_is_lossless_and_coarser_settings_lose_more(files):
    truth = np.stack([to_planes(p) for p in small_clip().pictures]).astype(int)
    error = {level: np.abs(np.stack(planes(data)).astype(int) - truth).mean() for level, data in files.items()}
    assert error["raw"] == 0.0
    assert 0.3 < error["c23"] < error["c40"] < 10.0
    assert 2 * len(files["c40"]) < len(files["c23"]) < 0.5 * len(files["raw"])


def test_the_rate_factor_is_written_in_the_stream(files):
    # x264 leaves its settings in the stream (SEI user data), as the public sets have it.
    assert b"crf=23.0" in files["c23"]
    assert b"crf=40.0" in files["c40"]
    assert b"rc=cqp" in files["raw"]


def test_colours_come_back_as_they_were(files):
    with av.open(io.BytesIO(files["raw"])) as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    drawn = small_clip().pictures[0].astype(int)
    assert np.abs(decoded - drawn).mean() < 4.0
    assert np.abs((decoded - drawn).mean((0, 1))).max() < 2.0  # a wrong matrix or range is off by five and more


@pytest.mark.parametrize("level", sorted(COMPRESSIONS))
def test_equal_pictures_give_equal_bytes(files, level):
    rng = np.random.default_rng(0)
    for _ in range(6):
        junk = [rng.bytes(int(n)) for n in rng.integers(1000, 2_000_000, 4)]  # other memory beneath the encoder
        assert encode_video(small_clip().pictures, 25, level) == files[level]
        del junk


def test_masks_come_back_exactly():
    rng = np.random.default_rng(1)
    regions = [rng.random((160, 214)) < 0.5 for _ in range(4)]
    assert np.array_equal(luma(encode_regions(regions, 25)) > 127, np.stack(regions))


def test_an_unknown_compression_is_refused():
    with pytest.raises(ClewError, match="c24.*raw, c23, c40"):
        encode_video(small_clip().pictures, 25, "c24")
