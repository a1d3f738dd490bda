"""JPEGs whose picture data are not whole, which decoders fill up in silence."""

import cv2
import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.media.jpeg_scans import broken, filled
from clew.media.pictures import decode_picture
from spoiled_files import ends_early, whole_jpeg


def jpeg(picture, *how):
    return cv2.imencode(".jpg", picture, list(how))[1].tobytes()


@pytest.mark.parametrize("how", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)])
def test_a_whole_picture_is_read_though_it_is_grey_where_nothing_was_filled(how):
    grey = np.full((70, 90, 3), 128, np.uint8)
    grey[:30] = 200
    for data in (jpeg(grey, *how), jpeg(grey[..., 0], *how), whole_jpeg()):
        assert broken(data) == ""
        assert not filled(data, decode_picture(data, "a"))
        assert decode_picture(data + b"what a camera keeps behind it \xff\x68", "a").shape


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (ends_early(), "a is damaged: its picture data end early"),
        (ends_early(b"\xff\x68"), "a is damaged: its picture data are damaged"),
        (ends_early(b"\xff\xc0\0\x0b"), "a is damaged: its picture data are damaged"),
        (ends_early()[:-200].replace(b"\xff\xd9", b""), "a is truncated: its end is missing"),
        (whole_jpeg()[:2] + b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\1\x11\0\xff\xd9", "a is damaged: it ends before its"),
    ],
)
def test_what_is_not_whole_is_refused(data, why):
    with pytest.raises(ClewError, match=why):
        decode_picture(data, "a")
