"""What a file is, by its first bytes: names lie. Nothing here waits, however odd the file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from clew.media.pictures import is_picture
from clew.media.videos import is_video
from clew.scan.finding import Kind

HEAD = 400  # bytes: two packets of an MPEG transport stream, which begin alike
_SYNC, _PACKET = b"\x47", 188

_PICTURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP"}
_VIDEOS = {
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"FLV\x01": "FLV",
    b"OggS": "Ogg",
    b"DKIF": "IVF",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "ASF",
}
_ATOMS = {b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot"}  # QuickTime files from before `ftyp`
_OTHERS = {
    b"GIF8": "a GIF",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 picture",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or office document",
    b"\x1f\x8b": "a gzip archive",
    b"<svg": "an SVG drawing",
    b"ID3": "music",
    b"fLaC": "music",
}
_STILL_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"avif", b"avis", b"crx "}
_READ = "JPEG, PNG, WebP and BMP pictures and videos are read"


def kind_of(path: Path) -> tuple[Kind, str]:
    """What a file is, and why it cannot be scanned ("" where it may be).

    Only regular files are opened, so that no pipe or device is waited for; a symbolic link counts as what it leads to.
    """
    try:
        head = _head(path)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return "unknown", f"it cannot be read ({getattr(error, 'strerror', None) or error})"
    if isinstance(head, str):
        return "unknown", head
    if not head:
        return "unknown", "it is empty"
    form = form_of(head)
    if form is None and is_video(path):
        return "video", ""  # the decoder knows more containers than are told apart here
    if form is None:
        return "unknown", f"it is no picture or video that is known here; {_READ}"
    kind, name = form
    return kind, "" if kind != "unknown" else f"it is {name}; {_READ}"


def named_otherwise(path: Path, kind: Kind) -> str:
    """A note where a file's name says another kind than its content."""
    named = "picture" if is_picture(path) else "video" if is_video(path) else kind
    return "" if named == kind else f"its name says {named}, its content is a {kind}"


def form_of(head: bytes) -> tuple[Kind, str] | None:
    """Kind and name of the format that a file's first bytes tell; None for bytes that tell nothing."""
    if head[:4] == b"RIFF":
        return {b"WEBP": ("picture", "WebP"), b"AVI ": ("video", "AVI")}.get(head[8:12])  # type: ignore[return-value]
    if head[4:8] == b"ftyp":
        return ("unknown", "an HEIF or AVIF picture") if head[8:12] in _STILL_BRANDS else ("video", "MP4")
    if head[4:8] in _ATOMS:
        return "video", "QuickTime"
    if head[:1] == _SYNC and head[_PACKET : _PACKET + 1] == _SYNC:
        return "video", "MPEG transport stream"
    tables: tuple[tuple[Kind, dict[bytes, str]], ...] = (
        ("picture", _PICTURES),
        ("video", _VIDEOS),
        ("unknown", _OTHERS),
    )
    for kind, table in tables:
        for magic, name in table.items():
            if head.startswith(magic):
                return kind, name
    return None


def _head(path: Path) -> bytes | str:
    """A regular file's first bytes, or what it is instead."""
    what = _irregular(os.stat(path).st_mode)
    if what:
        return what
    # Between the two looks a pipe may have taken its place: opening it must not wait either.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        return _irregular(os.fstat(handle).st_mode) or file.read(HEAD)


def _irregular(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISDIR(mode):
        return "it is a folder"
    return "it is a pipe" if stat.S_ISFIFO(mode) else "it is a socket" if stat.S_ISSOCK(mode) else "it is a device"
