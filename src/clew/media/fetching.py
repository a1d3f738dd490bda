"""Files of face detectors that do not come with Clew: fetched once, kept only if they are what they should be."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError, unknown_name
from clew.base.files import write_bytes
from clew.base.progress import SILENT, Progress

MOST_BYTES = 16 * 2**20
TIMEOUT = 30.0
_PIECE = 1 << 16


@dataclass(frozen=True)
class ModelFile:
    """A file that is known by its SHA-256; label: what the crop protocol calls it; licence: as its authors state it."""

    label: str
    file: str
    url: str
    sha256: str
    licence: str


# The first of each is the one that is fetched; the others are good too when they are given.
MODELS: dict[str, tuple[ModelFile, ...]] = {
    "yunet": (
        ModelFile(
            "yunet-2023mar",
            "face_detection_yunet_2023mar.onnx",
            "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
            "face_detection_yunet_2023mar.onnx",
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            "MIT",
        ),
        ModelFile(
            "yunet-n-320",
            "yunet_n_320_320.onnx",
            "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/master/onnx/yunet_n_320_320.onnx",
            "81dbde155e982455488235acb8ec2dec5d647edf7cf7080d33e4abb69b93a0d2",
            "Apache-2.0",
        ),
    )
}


def detectors_folder() -> Path:
    """Where fetched files are kept: `detectors` in the folder that CLEW_CACHE names, else in ~/.cache/clew."""
    return Path(os.environ.get("CLEW_CACHE") or Path.home() / ".cache" / "clew") / "detectors"


def stored_detector(name: str) -> Path | None:
    """The fetched file of a detector, None when there is none."""
    paths = (detectors_folder() / model.file for model in _known(name))
    return next((path for path in paths if path.is_file()), None)


def checked_detector(name: str, path: Path) -> tuple[ModelFile, bytes]:
    """Which of the known files `path` is, and its bytes; raises ClewError naming it when it is none of them."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ClewError(f"{path} has {size:,} bytes; a file of '{name}' has at most {MOST_BYTES:,}.")
        data = path.read_bytes()
    except OSError as error:
        raise ClewError(f"the model file {path} cannot be read ({error.strerror or error}).") from None
    found = hashlib.sha256(data).hexdigest()
    for model in _known(name):
        if model.sha256 == found:
            return model, data
    labels = ", ".join(model.file for model in _known(name))
    raise ClewError(
        f"{path} is none of the known files of '{name}' ({labels}): it is truncated or another one"
        f" (SHA-256 {found[:16]}…). Run `clew data fetch-detector {name}`."
    )


def fetch_detector(name: str, to: Path | None = None, url: str | None = None, progress: Progress = SILENT) -> Path:
    """Downloads a detector's file into the folder `to` (None: the user's cache) and returns its path.

    `url` names another place to get one of the known files from. Raises ClewError, and leaves nothing behind, when it
    cannot be reached, is too large or is not the file that its SHA-256 says it should be.
    """
    models = _known(name)
    address = url or models[0].url
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise ClewError(f"a detector is fetched from an http or https address, found {address}.")
    data = _downloaded(address, name, progress)
    found = hashlib.sha256(data).hexdigest()
    wanted = models if url else models[:1]
    for model in wanted:
        if model.sha256 == found:
            path = (to or detectors_folder()) / model.file
            try:
                write_bytes(path, data)
            except OSError as error:
                raise ClewError(f"{path} cannot be written ({error.strerror or error}).") from None
            return path
    expected = " or ".join(f"{model.sha256[:16]}…" for model in wanted)
    raise ClewError(
        f"{address} gave {len(data):,} bytes with SHA-256 {found[:16]}…, expected {expected}; nothing was kept."
    )


def _known(name: str) -> tuple[ModelFile, ...]:
    if name not in MODELS:
        raise unknown_name("face detector with a file to fetch", name, MODELS)
    return MODELS[name]


def _downloaded(address: str, name: str, progress: Progress) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": "clew"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return _read(answer, address, name, progress)
    except urllib.error.HTTPError as error:
        raise ClewError(f"{address} answered {error.code} ({error.reason}); name another place with --url.") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ClewError(f"{address} cannot be fetched ({reason}); name another place with --url.") from None


def _read(answer: http.client.HTTPResponse, address: str, name: str, progress: Progress) -> bytes:
    claimed = answer.length  # None where the server does not say
    if claimed is not None and claimed > MOST_BYTES:
        raise ClewError(f"{address} claims {claimed:,} bytes; a file of '{name}' has at most {MOST_BYTES:,}.")
    parts: list[bytes] = []
    total = 0
    with progress.task(f"fetching {name}", claimed) as task:
        while part := answer.read(_PIECE):
            parts.append(part)
            total += len(part)
            task.advance(len(part))
            if total > MOST_BYTES:
                raise ClewError(f"{address} gives more than {MOST_BYTES:,} bytes; that is no file of '{name}'.")
    if claimed is not None and total < claimed:
        raise ClewError(f"{address} ended after {total:,} of {claimed:,} bytes; try again.")
    return b"".join(parts)
