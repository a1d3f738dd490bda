"""What lies on real disks: each file is a good crop or a row with its reason; the store stays whole."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from clew.datasets.cropping import crop_dataset
from clew.datasets.drops import dropped
from clew.datasets.store import open_store
from clew.media.jpeg import jpeg_quality
from clew.media.pictures import encode_jpeg

SIZE = 32
ODD_NAMES = ("plain", "with space", "two\nlines", "лицо-脸", "quote's \"")


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A PNG of a few kilobytes that claims `width` x `height` pixels, all of them black."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(64 * 2**20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.integers(0, 256, (40, 40, 3), np.uint8), (0, 0), 2)


@pytest.fixture
def root(tmp_path, noise):
    root = tmp_path / "pictures"
    for part in ("train", "val", "test"):
        for name in ("real", "fake"):
            (root / part / name).mkdir(parents=True)
            for odd in ODD_NAMES:
                (root / part / name / f"{odd}.jpg").write_bytes(encode_jpeg(noise, 90))
    bad = root / "train/real"
    (bad / "one.png").write_bytes(png(noise[:1, :1]))
    (bad / "wide.png").write_bytes(png(np.zeros((20, 30_000, 3), np.uint8) + 90))
    (bad / "bomb.png").write_bytes(bomb(30_000, 30_000))
    (bad / "smaller-bomb.png").write_bytes(bomb(9_000, 9_000))
    (bad / "sixteen.png").write_bytes(png(noise.astype(np.uint16) * 257))
    (bad / "grey.png").write_bytes(png(noise[..., 0]))
    (bad / "alpha.png").write_bytes(png(np.dstack([noise, noise[..., :1]])))
    (bad / "grey.jpg").write_bytes(cv2.imencode(".jpg", noise[..., 0])[1].tobytes())
    (bad / "empty.jpg").touch()
    (bad / "text.jpg").write_text("not a picture")
    (bad / "cut.jpg").write_bytes(encode_jpeg(noise, 90)[:-200])
    (bad / "cut.png").write_bytes(png(noise)[:-200])
    (bad / "png-inside.jpg").write_bytes(png(noise))
    (bad / "moving.gif").write_bytes(b"GIF89a")
    (bad / "folder.jpg").mkdir()
    (bad / "loop.jpg").symlink_to("loop.jpg")
    return root


LOST = {
    "one.png": "too-small",
    "bomb.png": "unreadable",
    "smaller-bomb.png": "unreadable",
    "empty.jpg": "unreadable",
    "text.jpg": "unreadable",
    "cut.jpg": "unreadable",
    "cut.png": "unreadable",
    "loop.jpg": "unreadable",
}


@pytest.mark.parametrize("faces", ["none", "dlib"])
def test_every_file_is_a_crop_or_a_row_with_a_reason(root, tmp_path, faces):
    if faces == "dlib":  # nothing is found in noise, and that is said of each
        for part in ("train", "val", "test"):
            (root / part / "real" / "face.jpg").write_bytes(portrait())
    store = crop_dataset(root, "folder", tmp_path / "store", size=SIZE, faces=faces)
    lost = {row["sample"].rsplit("/", 1)[1]: row for row in dropped(store) if row["sample"].startswith("train/real/")}
    for name, status in LOST.items():
        if faces == "none" or name != "one.png":
            assert lost[name]["status"] == status
        assert lost[name]["detail"].startswith(f"train/real/{name}")
    if faces == "none":
        assert set(lost) == set(LOST)
    assert open_store(tmp_path / "store").hash == store.hash


def portrait():
    from clew.datasets.synth.pictures import draw_portrait

    return encode_jpeg(draw_portrait(0, 1, 0, "real", 160).picture, 90)


def test_depth_colour_and_alpha_are_read_as_what_they_show(root, tmp_path, noise):
    store = crop_dataset(root, "folder", tmp_path / "store", size=40)
    crops = {
        row["source"].rsplit("/", 1)[1]: store.crop(row["crop"]) for row in store.index.to_pylist() if row["crop"] >= 0
    }
    np.testing.assert_array_equal(crops["sixteen.png"], noise[..., ::-1])
    np.testing.assert_array_equal(crops["png-inside.jpg"], noise[..., ::-1])
    np.testing.assert_array_equal(crops["alpha.png"], noise[..., ::-1])
    for channel in range(3):
        np.testing.assert_array_equal(crops["grey.png"][..., channel], noise[..., 0])


def test_file_facts_stand_in_the_index(root, tmp_path):
    store = crop_dataset(root, "folder", tmp_path / "store", size=SIZE)
    rows = {row["source"]: row for row in store.index.to_pylist()}
    jpeg = rows[f"train/real/{ODD_NAMES[0]}.jpg"]
    assert (jpeg["width"], jpeg["height"], jpeg["quality"]) == (40, 40, 90.0)
    assert jpeg["bytes"] == (root / jpeg["source"]).stat().st_size
    assert rows["train/real/grey.png"]["quality"] is None
    assert any("1 picture of kinds that are not read" in note for note in store.facts["notes"])


@pytest.mark.parametrize("quality", [5, 25, 50, 75, 90, 100])
def test_jpeg_quality_is_told_by_the_tables(noise, quality):
    assert jpeg_quality(encode_jpeg(noise, quality)) == quality
    assert jpeg_quality(png(noise)) is None
    assert jpeg_quality(b"\xff\xd8\xff") is None
    assert jpeg_quality(encode_jpeg(noise, quality)[:30]) is None


def test_print_colours_and_moving_pictures(noise, tmp_path):
    """A CMYK JPEG shows its colours; of an animation the first picture counts; a palette is looked up."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow to write what OpenCV cannot")
    first, second = image.fromarray(noise), image.fromarray(255 - noise)
    for part in ("train", "val", "test"):
        for name in ("real", "fake"):
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "x.jpg").write_bytes(encode_jpeg(noise, 90))
    bad = tmp_path / "train/real"
    first.convert("CMYK").save(bad / "cmyk.jpg", quality=95)
    first.save(bad / "moving.webp", save_all=True, append_images=[second], lossless=True)
    first.save(bad / "moving.png", save_all=True, append_images=[second])
    first.quantize(256).save(bad / "palette.png")
    first.convert("LA").save(bad / "grey-alpha.png")
    store = crop_dataset(tmp_path, "folder", tmp_path / "store", size=40)
    crops = {row["source"].rsplit("/", 1)[1]: store.crop(row["crop"]) for row in store.index.to_pylist()}
    for name, most in (("moving.webp", 0), ("moving.png", 0), ("cmyk.jpg", 3), ("palette.png", 3)):
        assert np.abs(crops[name].astype(int) - noise).mean() <= most, name
    grey = crops["grey-alpha.png"]
    assert (grey[..., 0] == grey[..., 1]).all()
