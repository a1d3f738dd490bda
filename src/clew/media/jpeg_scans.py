"""Whether a JPEG's picture data are whole: decoders fill what is missing with grey, and say so to nobody."""

from __future__ import annotations

import re

import av
import av.error
import numpy as np
from numpy.typing import NDArray

_MARK = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)  # in picture data 0xff is followed by 0 or a restart
_EOI, _SOS = 0xD9, 0xDA
_BETWEEN = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)}  # tables and remarks between two scans
_FIRST = _BETWEEN | {*range(0xC0, 0xD0)} - {0xC8}
_GREY, _SIDE = 128, 8  # what blocks without data come out as


def broken(data: bytes) -> str:
    """What is wrong with the order of a JPEG's parts, "" when nothing is; what follows its end does not count.

    ITU-T T.81, B.2: tables, a frame's header, then scans, with tables between them, and the end.
    """
    at, scans = 2, 0
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            return "its parts do not follow one another"
        mark = data[at + 1]
        if mark == 0xFF:  # fill byte
            at += 1
            continue
        if mark == _EOI:
            return "" if scans else "it ends before its picture"
        if mark != _SOS and mark not in (_BETWEEN if scans else _FIRST):
            return "its picture data are damaged"
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if mark == _SOS:
            scans += 1
            found = _MARK.search(data, at)
            if found is None:
                return "its end is missing"
            at = found.end() - 2
    return "its end is missing"


def filled(data: bytes, picture: NDArray[np.uint8]) -> bool:
    """Whether the decoder that made `picture` (H, W, 3) of a JPEG ran out of data and went on in grey.

    That is asked of a second, stricter decoder where a corner is plain grey, else nothing was filled.
    """
    corners = [picture[rows, columns] for rows in _ENDS for columns in _ENDS]
    return any((corner == _GREY).all() for corner in corners) and not _decodes(data)


_ENDS = (slice(None, _SIDE), slice(-_SIDE, None))


def _decodes(data: bytes) -> bool:
    context = av.CodecContext.create("mjpeg", "r")
    context.options = {"err_detect": "explode"}
    try:
        return bool([*context.decode(av.Packet(data)), *context.decode(None)])
    except (av.error.FFmpegError, ValueError):
        return False
