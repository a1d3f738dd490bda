import struct
import zlib

import cv2
import numpy as np
import pytest

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.media.pictures import decode_picture, encode_jpeg, header_size, is_picture, read_picture, square

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)


def encoded(suffix):
    done, data = cv2.imencode(suffix, PICTURE[..., ::-1])
    assert done
    return data.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_every_format_is_read_and_its_header_told(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(encoded(suffix))
    assert is_picture(path)
    assert header_size(path.read_bytes()) == (60, 40)
    assert read_picture(path).shape == (40, 60, 3)


def test_lossless_formats_keep_rgb_order():
    for suffix in (".png", ".bmp"):
        np.testing.assert_array_equal(decode_picture(encoded(suffix), "x"), PICTURE)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_truncated_picture_is_an_error_not_a_grey_one(suffix, share, tmp_path):
    data = encoded(suffix)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ClewError, match="cut"):
        read_picture(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b"<html>not a picture</html>", "is not a JPEG"), (b"\xff\xd8", "is not a JPEG")],
)
def test_mislabelled_and_empty_files(content, why, tmp_path):
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    with pytest.raises(ClewError, match=rf"odd\.jpg {why}"):
        read_picture(path)


def test_a_bomb_is_refused_by_its_header():
    ihdr = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + ihdr
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"IEND"
    with pytest.raises(ClewError, match="claims 60000 x 60000 pixels"):
        decode_picture(bomb, "bomb.png")


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ClewError, match="No such file"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(ClewError, match="cannot be read"):
        read_picture(tmp_path)


def test_square_takes_the_centre_and_area_averages():
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = 100
    assert (square(wide, 2) == 100).all()
    checks = np.indices((4, 4)).sum(0)[..., None].repeat(3, 2) % 2 * 200
    assert (resize(checks.astype(np.uint8), 2) == 100).all()
    assert resize(PICTURE[:40, :40], 40) is not None
    floats = resize(np.full((8, 8, 3), 0.25, np.float32), 4)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, 0.25)


def test_jpeg_round_trip_is_near():
    smooth = cv2.GaussianBlur(PICTURE, (0, 0), 4)
    again = decode_picture(encode_jpeg(smooth, 95), "x")
    assert np.abs(again.astype(int) - smooth).mean() < 2
