"""An overview of one track: its frames in a grid, each face above its heatmap, all on a scale that the caller gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.media.overlay import COLOURS, overlaid, shown
from clew.media.pictures import Picture

SIDE, COLUMNS = 160, 8  # pixels of a picture; cells in a row, read from left to right
MARGIN, GAP, HEAD, CAPTION, FOOT = 16, 10, 52, 24, 46
PAPER, INK, SOFT, FAKE = (253, 252, 250), (29, 28, 26), (95, 91, 85), (168, 50, 26)
FONT, LARGE, SMALL, THRESHOLD = cv2.FONT_HERSHEY_SIMPLEX, 0.62, 0.44, 0.5
BAR = (56, 120)  # where the legend's colours begin, and how wide they are


@dataclass(frozen=True)
class Cell:
    """One frame: the crop (H, W, 3), its raw heatmap (h, w), the probability of fake, and its moment in seconds.

    detected: whether the face was found in this very frame.
    """

    crop: NDArray[np.uint8]
    heat: NDArray[np.float32]
    prob: float
    time_s: float
    detected: bool = True


def place_of(at: int, count: int) -> tuple[int, int]:
    """Left and top, in pixels, of the picture `at` of `count`; its heatmap stands right below it."""
    columns = min(COLUMNS, count)
    row, column = divmod(at, columns)
    return MARGIN + column * (SIDE + GAP), HEAD + row * (CAPTION + 2 * SIDE + GAP) + CAPTION


def sheet(title: str, cells: Sequence[Cell], scale: float) -> Picture:
    """The frames of a track as one picture (H, W, 3), their heatmaps drawn on `scale`.

    The most suspicious frame is outlined; a probability of fake of 0.5 or more is red.
    """
    count, legend = len(cells), _legend(cells, scale)
    right = place_of(min(COLUMNS, count) - 1, count)[0] + SIDE
    bottom = place_of(count - 1, count)[1] + 2 * SIDE
    words = max(_wide(title, LARGE), sum(BAR) + 8 + _wide(legend, SMALL))
    page = np.empty((bottom + FOOT, max(right, MARGIN + words) + MARGIN, 3), np.uint8)
    page[:] = PAPER
    _write(page, title, MARGIN, 32, INK, LARGE)
    for at, cell in enumerate(cells):
        _draw(page, *place_of(at, count), cell, scale)
    if count > 1:
        x, y = place_of(max(range(count), key=lambda at: cells[at].prob), count)
        cv2.rectangle(page, (x - 3, y - 3), (x + SIDE + 2, y + 2 * SIDE + 2), FAKE, 2)
    _scale(page, legend, bottom + 20)
    return page


def clock(seconds: float) -> str:
    """A moment of a video for people: 3.2 s, 1:03.2, 1:00:03.2."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    if not minutes:
        return f"{rest / 10:.1f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"


def _draw(page: Picture, x: int, y: int, cell: Cell, scale: float) -> None:
    page[y : y + SIDE, x : x + SIDE] = shown(cell.crop, side=SIDE)
    page[y + SIDE : y + 2 * SIDE, x : x + SIDE] = overlaid(cell.crop, cell.heat, scale, side=SIDE)
    _write(page, clock(cell.time_s) + ("" if cell.detected else " *"), x, y - 7, SOFT)
    _write(page, f"fake {cell.prob:.2f}", x + SIDE, y - 7, FAKE if cell.prob >= THRESHOLD else INK, right=True)


def _legend(cells: Sequence[Cell], scale: float) -> str:
    told = [f"{scale:.3g}, one scale for the whole video"]
    told += ["outlined: the most suspicious"] if len(cells) > 1 else []
    told += [] if all(cell.detected for cell in cells) else ["* place follows from the frames around"]
    return "; ".join(told)


def _scale(page: Picture, text: str, y: int) -> None:
    """The colours from no heat to the scale's end, which the text names."""
    left, wide = MARGIN + BAR[0], BAR[1]
    _write(page, "heat 0", MARGIN, y + 11, SOFT)
    bar = cv2.applyColorMap(np.linspace(0, 255, wide).astype(np.uint8)[None], COLOURS)
    page[y : y + 12, left : left + wide] = cv2.cvtColor(bar, cv2.COLOR_BGR2RGB)
    _write(page, text, left + wide + 8, y + 11, SOFT)


def _write(
    page: Picture, text: str, x: int, y: int, colour: tuple[int, int, int], size: float = SMALL, right: bool = False
) -> None:
    """Puts a line on the page, its base line's left (or right) end at x, y."""
    if right:
        x -= _wide(text, size)
    cv2.putText(page, text, (x, y), FONT, size, colour, 1, cv2.LINE_AA)


def _wide(text: str, size: float) -> int:
    return int(cv2.getTextSize(text, FONT, size, 1)[0][0])
