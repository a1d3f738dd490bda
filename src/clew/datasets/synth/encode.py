"""H.264 in MP4, as the public sets come: equal pictures give equal bytes, whoever made them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import cast

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.pictures import Picture

# Quantiser settings of x264. FaceForensics++ calls the constant rate factors 23 and 40 c23 and c40.
COMPRESSIONS: dict[str, dict[str, str]] = {
    "raw": {"qp": "0"},  # lossless in YUV 4:2:0
    "c23": {"crf": "23"},
    "c40": {"crf": "40"},
}
# One thread: how x264 splits work among threads changes its bytes. No macroblock tree: what it makes of equal
# pictures differs from run to run (seen with preset medium in about every third run).
_FIXED = {"preset": "medium", "x264-params": "threads=1:lookahead-threads=1:mbtree=0"}


def to_planes(picture: Picture) -> Picture:
    """The planes Y, U, V (H * 3 / 2, W) of `picture` (H, W, 3), BT.601 in limited range, chroma per 2 x 2 pixels."""
    return cast(Picture, cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420))


def mask_planes(region: NDArray[np.bool_]) -> Picture:
    """The planes of a mask picture: white where `region` (H, W), black elsewhere."""
    height, width = region.shape
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = np.where(region, 235, 16)
    return planes


def encode_planes(frames: Iterable[Picture], fps: int, compression: str) -> bytes:
    """The bytes of an MP4 file that shows `frames`, each (H * 3 / 2, W) as of `to_planes`; H and W even."""
    if compression not in COMPRESSIONS:
        raise ClewError(f"unknown compression '{compression}'; known: {', '.join(COMPRESSIONS)}.")
    target = io.BytesIO()
    options = {"fflags": "+bitexact"}  # no time of creation, no names of versions
    with av.open(target, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=fps, options={**_FIXED, **COMPRESSIONS[compression]})
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.codec_context.colorspace = Colorspace.ITU601
        stream.codec_context.color_range = ColorRange.MPEG
        for planes in frames:
            if not stream.codec_context.is_open:
                stream.height, stream.width = planes.shape[0] * 2 // 3, planes.shape[1]
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.colorspace, frame.color_range = Colorspace.ITU601, ColorRange.MPEG
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def encode_video(pictures: Iterable[Picture], fps: int, compression: str) -> bytes:
    """The bytes of an MP4 file of `pictures`, each (H, W, 3) uint8 RGB."""
    return encode_planes((to_planes(picture) for picture in pictures), fps, compression)


def encode_regions(regions: Iterable[NDArray[np.bool_]], fps: int) -> bytes:
    """The bytes of a lossless MP4 file of mask pictures."""
    return encode_planes((mask_planes(region) for region in regions), fps, "raw")
