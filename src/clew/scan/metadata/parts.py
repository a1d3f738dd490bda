"""The parts of a file that tell of its origin, found by walking its container: each read up to a limit, none decoded.

JPEG: ITU-T T.81 and, for credentials in its APP11 segments, ISO 19566-5; PNG: W3C, third edition; WebP and AVI: RIFF;
MP4 and MOV: ISO 14496-12. Where content credentials lie: C2PA 2.2, appendix A.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MOST_PARTS = 100_000  # segments, chunks or boxes of a file
MOST_BYTES = 2**20  # of a part that is read
MOST_CREDENTIALS = 8 * 2**20
MOST_TEXTS, MOST_TEXT = 32, 65_536
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_C2PA_LABEL = b"c2pa"


@dataclass
class Parts:
    """What was found: `exif` a TIFF block, `xmp` a packet, `texts` by keyword, `tables` of a JPEG as segments.

    `credentials` is the store of C2PA, or its beginning; None where there is none. `brand` of an MP4 or MOV.
    """

    container: str = ""
    exif: bytes = b""
    xmp: bytes = b""
    texts: dict[str, bytes] = field(default_factory=dict)
    tables: bytes = b""
    credentials: bytes | None = None
    brand: str = ""


def parts_of(path: Path) -> Parts:
    """The parts of a file; of a damaged one, what comes before the damage. Raises OSError when it cannot be read."""
    found = Parts()
    with path.open("rb") as file:
        head = file.read(16)
        size = path.stat().st_size
        if head.startswith(b"\xff\xd8"):
            _jpeg(file, found)
        elif head.startswith(b"\x89PNG\r\n\x1a\n"):
            _png(file, size, found)
        elif head.startswith(b"RIFF"):
            _riff(file, size, head[8:12], found)
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"uuid"):
            _boxes(file, size, found)
    return found


def _jpeg(file: BinaryIO, found: Parts) -> None:
    found.container = "JPEG"
    for marker, body in _segments(file):
        if marker == 0xE1 and body.startswith(_EXIF):
            found.exif = found.exif or body[len(_EXIF) :]
        elif marker == 0xE1 and body.startswith(_XMP):
            found.xmp = found.xmp or body[len(_XMP) :]
        elif marker == 0xDB and len(found.tables) < MOST_TEXT:
            found.tables += b"\xff\xdb" + (len(body) + 2).to_bytes(2, "big") + body
        elif marker == 0xEB and body.startswith(b"JP") and len(body) >= 16:
            _jumbf(body, found)


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The segments before the picture itself."""
    file.seek(2)
    for _ in range(MOST_PARTS):
        start = file.read(2)
        while start == b"\xff\xff":  # fill bytes
            start = start[1:] + file.read(1)
        if len(start) < 2 or start[0] != 0xFF or start[1] in (0xDA, 0xD9):
            return
        length = int.from_bytes(file.read(2), "big")
        if length < 2:
            return
        yield start[1], file.read(length - 2)


def _jumbf(body: bytes, found: Parts) -> None:
    """A piece of a JUMBF box: JP, number of the box, number of the piece, then the box's own head again and again."""
    if found.credentials is None:
        if body[12:16] != b"jumb" or _C2PA_LABEL not in body[16:64]:
            return  # other boxes lie in such segments too
        found.credentials = body[8:]
    elif len(found.credentials) < MOST_CREDENTIALS:
        found.credentials += body[16:]


def _png(file: BinaryIO, size: int, found: Parts) -> None:
    found.container = "PNG"
    at = 8
    for _ in range(MOST_PARTS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            found.exif = file.read(min(length, MOST_BYTES))
        elif head[4:] == b"caBX":
            found.credentials = file.read(min(length, MOST_CREDENTIALS))
        elif head[4:] in (b"tEXt", b"zTXt", b"iTXt") and len(found.texts) < MOST_TEXTS:
            _png_text(head[4:], file.read(min(length, MOST_BYTES)), found)
        at += 12 + length
        if at > size:
            return


def _png_text(kind: bytes, body: bytes, found: Parts) -> None:
    keyword, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        text = _unpacked(rest) if packed else rest
    else:
        text = (_unpacked(rest[1:]) if kind == b"zTXt" else rest).decode("latin-1").encode()
    if keyword == b"XML:com.adobe.xmp":
        found.xmp = text
    else:
        found.texts.setdefault(keyword[:79].decode("latin-1"), text[:MOST_TEXT])


def _unpacked(data: bytes) -> bytes:
    """At most so much of what is packed: a small chunk may claim gigabytes."""
    try:
        return zlib.decompressobj().decompress(data, MOST_BYTES)
    except zlib.error:
        return b""


def _riff(file: BinaryIO, size: int, form: bytes, found: Parts) -> None:
    found.container = {b"WEBP": "WebP", b"AVI ": "AVI"}.get(form, "RIFF")
    at = 12
    for _ in range(MOST_PARTS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            block = file.read(min(length, MOST_BYTES))
            found.exif = block[len(_EXIF) :] if block.startswith(_EXIF) else block
        elif head[:4] == b"XMP ":
            found.xmp = file.read(min(length, MOST_BYTES))
        elif head[:4] == b"C2PA":
            found.credentials = file.read(min(length, MOST_CREDENTIALS))
        at += 8 + length + length % 2
        if at > size:
            return


def _boxes(file: BinaryIO, size: int, found: Parts) -> None:
    found.container = "MP4"
    at = 0
    for _ in range(MOST_PARTS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        length, start = int.from_bytes(head[:4], "big"), at + 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), at + 16
        length = length or size - at  # 0: up to the end
        if length < start - at:
            return
        file.seek(start)
        if head[4:8] == b"ftyp":
            found.brand = file.read(4).decode("latin-1")
        elif head[4:8] == b"uuid":
            _uuid(file, length - (start - at), found)
        at += length
        if at >= size:
            return


def _uuid(file: BinaryIO, length: int, found: Parts) -> None:
    name = file.read(16)
    if name == C2PA_UUID:
        found.credentials = file.read(max(0, min(length - 16, MOST_CREDENTIALS)))
    elif name == XMP_UUID:
        found.xmp = file.read(max(0, min(length - 16, MOST_BYTES)))
