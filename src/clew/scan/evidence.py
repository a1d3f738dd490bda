"""What is shown of a finding beside its numbers: the decisive faces' crops and heatmaps, in memory or as one file."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import write_bytes
from clew.media.pictures import MOST_BYTES, Picture, decode_picture, header_size, read_bytes

MOST_SIDE = 4096  # pixels of a crop
MOST_FACES = 4096
MOST_CELLS = 1024  # of a heatmap, a side
_NAME = re.compile(r"(\d{1,6})-(\d{1,9})\.(png|npy)")


@dataclass(frozen=True)
class Shown:
    """A face: its crop (H, W, 3) as the network was given it, and the heatmap (h, w) for "fake", if one was made."""

    crop: Picture
    heat: NDArray[np.float32] | None = None


Evidence = Mapping[tuple[int, int], Shown]  # by person (from 1) and place in the person's `faces`


def write_evidence(path: Path, evidence: Evidence) -> Path:
    """Writes the evidence of one finding as a zip of PNG crops and .npy heatmaps; equal evidence gives equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for (person, place), shown in sorted(evidence.items()):
            archive.writestr(_entry(f"{person}-{place}.png"), _png(shown.crop))
            if shown.heat is not None:
                archive.writestr(_entry(f"{person}-{place}.npy"), _npy(shown.heat))
    write_bytes(path, out.getvalue())
    return path


def read_evidence(path: Path) -> dict[tuple[int, int], Shown]:
    """What `write_evidence` wrote; raises ClewError naming the file when it is anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path))) as archive:
            return _faces(archive, path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError, KeyError) as error:
        raise ClewError(f"{path} holds no evidence of a scan ({error}): scan the file again.") from None


def _faces(archive: zipfile.ZipFile, path: Path) -> dict[tuple[int, int], Shown]:
    crops: dict[tuple[int, int], Picture] = {}
    heats: dict[tuple[int, int], NDArray[np.float32]] = {}
    for entry in archive.infolist()[: 2 * MOST_FACES]:
        name = _NAME.fullmatch(entry.filename)
        if name is None or entry.compress_type != zipfile.ZIP_STORED or entry.file_size > MOST_BYTES:
            raise ValueError(f"an entry that is none: {entry.filename[:80]!r}")
        face = int(name[1]), int(name[2])
        data = archive.read(entry)
        if name[3] == "npy":
            heats[face] = _heat(data)
        else:
            size = header_size(data)
            if size is None or max(size) > MOST_SIDE:
                raise ValueError(f"crops have at most {MOST_SIDE} pixels a side")
            crops[face] = decode_picture(data, f"{path} ({entry.filename})")
    return {face: Shown(crop, heats.get(face)) for face, crop in crops.items()}


def _heat(data: bytes) -> NDArray[np.float32]:
    found = np.load(io.BytesIO(data), allow_pickle=False, max_header_size=1000)
    if found.dtype != np.float32 or found.ndim != 2 or not 1 <= max(found.shape) <= MOST_CELLS:
        raise ValueError(f"expected a heatmap (h, w) of float32, found {found.dtype} {found.shape}")
    return np.nan_to_num(found)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # the hour would change the bytes


def _png(crop: Picture) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
    if not done:
        raise ClewError(f"a crop of shape {crop.shape} cannot be written as PNG.")
    return data.tobytes()


def _npy(heat: NDArray[np.float32]) -> bytes:
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(heat, np.float32), allow_pickle=False)
    return out.getvalue()
