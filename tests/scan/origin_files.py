"""Files that tell of their origin, made byte by byte."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:CreatorTool="A &lt;painter&gt; 3"\n'
    b' xmp:CreateDate="2026-01-02T03:04:05">'
    b"<Iptc4xmpExt:DigitalSourceType>" + SOURCE.encode() + b"</Iptc4xmpExt:DigitalSourceType>"
    b'<rdf:li stEvt:softwareAgent="Editor 1"/><rdf:li stEvt:softwareAgent="Editor 1"/></rdf:Description></x:xmpmeta>'
)
STORE = struct.pack(">I4sI4s", 120, b"jumb", 40, b"jumd") + b"c2pa\0" + bytes(20) + SOURCE.encode() + bytes(20)


def picture(ending: str, quality: int = 70) -> bytes:
    """A small picture as OpenCV writes it."""
    noise = np.random.default_rng(7).integers(0, 255, (24, 32, 3), np.uint8)
    return cv2.imencode(ending, noise, [cv2.IMWRITE_JPEG_QUALITY, quality] if ending == ".jpg" else [])[1].tobytes()


def tiff(order: str = "<", gps: bool = True) -> bytes:
    """A TIFF block: three directories, with a make, a model, a date, a comment and, with `gps`, a place."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    make, model, taken = b"A maker\0", b"Model\x1b[31m Z\0", b"2026:01:02 03:04:05\0"
    comment = b"UNICODE\0" + "steps: 20".encode("utf-16-le")
    first = [(0x10F, 2, make), (0x110, 2, model), (0x8769, 4, None), (0x8825, 4, None)]
    inner = [(0x9003, 2, taken), (0x9286, 7, comment)]
    place = [(1, 2, b"N\0")] + ([(2, 5, bytes(24))] if gps else [])
    sizes = [2 + 12 * len(one) + 4 for one in (first, inner, place)]
    starts = [8, 8 + sizes[0], 8 + sizes[0] + sizes[1]]
    data, at = b"", 8 + sum(sizes)
    tables = b""
    links = iter(starts[1:])
    for entries in (first, inner, place):
        tables += struct.pack(order + "H", len(entries))
        for tag, kind, value in entries:
            if value is None:
                tables += struct.pack(order + "HHII", tag, kind, 1, next(links))
            elif len(value) <= 4:
                tables += struct.pack(order + "HHI", tag, kind, len(value)) + value.ljust(4, b"\0")
            else:
                count = len(value) // 8 if kind == 5 else len(value)
                tables += struct.pack(order + "HHII", tag, kind, count, at + len(data))
                data += value
        tables += bytes(4)
    return head + tables + data


def jpeg(*segments: tuple[int, bytes], quality: int = 70) -> bytes:
    """A JPEG with further segments after its beginning."""
    whole = picture(".jpg", quality)
    return (
        whole[:2] + b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(b) + 2) + b for m, b in segments) + whole[2:]
    )


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks after its header."""
    whole = picture(".png")
    more = b"".join(struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    return whole[:33] + more + whole[33:]


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP with further chunks at its end."""
    whole = picture(".webp")
    body = whole[8:] + b"".join(k + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for k, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, body: bytes, wide: bool = False) -> bytes:
    """A box of an MP4, with a length of 64 bits if `wide`."""
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body
    return struct.pack(">I4s", 8 + len(body), kind) + body
