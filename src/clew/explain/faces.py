"""The face crops of one picture, made as the ticket's own crops were."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.faces.base import Box, make_detector
from clew.media.faces.cutting import cut_face
from clew.media.faces.searching import faces_in_picture
from clew.media.pictures import Picture, square
from clew.tickets.ticket import Ticket

AUTO, NONE, USUAL = "auto", "none", "dlib"
FINDERS = ("dlib", "opencv", "yunet")
SCALE, WIDEST = 1.3, 4.0
READY = "as-given"
MOST = 16


@dataclass(frozen=True)
class Crop:
    """One face: its box in the picture (None: the picture was taken as a crop), and the crop (H, W, 3)."""

    box: Box | None
    crop: NDArray[np.uint8]


@dataclass(frozen=True)
class Cutting:
    """How crops are made: by which face detector ("none": the picture's centre square), how wide, and why so."""

    finder: str
    scale: float
    reason: str


def cutting_for(ticket: Ticket, faces: str = AUTO, what: str = "the picture") -> Cutting:
    """The way that `faces` names; auto follows the crop protocol that the ticket was trained on.

    `what` is cut, for the reason's words.
    """
    protocol = str(ticket.header.get("protocol") or "").split(";")[0]
    told = re.search(r"\b(\d(?:\.\d{1,6})?) times the box", protocol)
    scale = min(max(float(told.group(1)), 1.0), WIDEST) if told else SCALE
    if faces != AUTO:
        return Cutting(faces, scale, "as asked for")
    name = protocol.partition("-v")[0]
    if name == READY:
        return Cutting(
            NONE,
            scale,
            f"the ticket was trained on ready-made crops, so {what} is taken as one; --faces dlib finds faces",
        )
    finder = name if name in FINDERS else USUAL
    return Cutting(finder, scale, f"the ticket was trained on crops made as '{protocol}'")


def crops_of(picture: Picture, name: str, size: int, cutting: Cutting, model: Path | None = None) -> list[Crop]:
    """The faces of a picture, the largest first (at most 16), as crops of `size` pixels.

    Raises ClewError naming the picture when no face is found in it.
    """
    if cutting.finder == NONE:
        return [Crop(None, np.asarray(square(picture, size)))]
    found = faces_in_picture(picture, make_detector(cutting.finder, model))
    if not found:
        raise ClewError(
            f"{name}: {cutting.finder} finds no face in it. Choose a picture with a face, another --faces, or "
            "--faces none where it is a face crop already."
        )
    return [Crop(face.box, cut_face(picture, face.box, size, cutting.scale)) for face in found[:MOST]]
