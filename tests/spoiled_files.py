"""Files that nothing can be read from, of every kind that lies about."""

import os

import cv2
import numpy as np


def whole_jpeg():
    """A JPEG of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def ends_early(junk=b"\xff\xd9"):
    """A JPEG whose picture data are broken off in the middle by `junk`; it ends as it should."""
    data = whole_jpeg()
    return data[: len(data) // 2] + junk + data[len(data) // 2 :]


def spoiled(folder, picture, video):
    """Files that nothing can be read from, by name, with words that say why."""
    good, film = picture.read_bytes(), video.read_bytes()
    files = {
        "empty.jpg": (b"", "empty"),
        "cut.png": (good[: len(good) // 2], "truncated"),
        "noise.jpg": (bytes(range(256)) * 9, "no picture or video"),
        "moving.gif": (b"GIF89a" + bytes(90), "it is a GIF"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(90), "HEIF"),
        "bomb.png": (good[:16] + b"\0\1\0\0" * 2 + good[24:], "pixels"),
        "head.mp4": (film[:200], "it"),
        "text.mp4": (b"hello " * 99, "not a video"),
        "half.avi": (film[len(film) // 2 :], "not a video"),
        "renamed.mp4": (good[:40], "truncated"),
        "early.jpg": (ends_early(), "its picture data end early"),
        "junk.jpg": (ends_early(b"\xff\x68"), "its picture data are damaged"),
    }
    for name, (data, why) in files.items():
        (folder / name).write_bytes(data)
        yield folder / name, why
    os.mkfifo(folder / "pipe.mp4")
    yield folder / "pipe.mp4", "pipe"
    (folder / "link.png").symlink_to(folder / "pipe.mp4")
    yield folder / "link.png", "pipe"
    (folder / "loop.png").symlink_to(folder / "loop.png")
    yield folder / "loop.png", "cannot be read"
    yield folder, "folder"
    yield folder / "absent.png", "cannot be read"
    yield type(folder)("/dev/zero"), "device"
