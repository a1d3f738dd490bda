"""What a file says of its own origin. Anybody can write it, so no verdict rests on it; it stands beside the finding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clew.media.jpeg import jpeg_quality
from clew.scan.finding import Kind
from clew.scan.metadata.cleaned import cleaned
from clew.scan.metadata.container import container_facts
from clew.scan.metadata.credentials import credential_facts
from clew.scan.metadata.exif import exif_facts
from clew.scan.metadata.parts import Parts, parts_of
from clew.scan.metadata.xmp import xmp_facts

MOST_TEXT = 1000  # characters of a text that a program left beside the picture


def provenance(path: Path, kind: Kind, verify: bool = True) -> dict[str, Any]:
    """What a picture or a video says of its origin, by source: each entry is there where the file tells something.

    `exif` {"make", "model", "software", "changed", "taken", "digitised", "comment", "gps": True for a place, which is
    not told}; `xmp` {"creator_tool", "digital_source_type", "created", "changed", "credentials_at", "agents"}; `texts`
    of a PNG by keyword; `jpeg_quality` 1 to 100; `video` {"format", "encoder", "brand", "created", "handler", …};
    always `credentials` {"found", …}, C2PA's (see `clew.scan.metadata.credentials`), verified where `verify` and a
    library allow. Never raises for what is in the file; one that cannot be read gives {}. Nothing is fetched.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            return {}
        parts = parts_of(path)
        size = path.stat().st_size
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return {}
    found = {
        "exif": exif_facts(parts.exif),
        "xmp": xmp_facts(parts.xmp),
        "texts": {cleaned(name, 79): cleaned(text, MOST_TEXT) for name, text in parts.texts.items()},
        "jpeg_quality": _quality(parts),
        "video": _video(path, kind, parts),
    }
    told: dict[str, Any] = {key: value for key, value in found.items() if value}
    told["credentials"] = credential_facts(path, parts.credentials, size, verify)
    return told


def _quality(parts: Parts) -> int | None:
    quality = jpeg_quality(b"\xff\xd8" + parts.tables) if parts.tables else None
    return None if quality is None else round(quality)


def _video(path: Path, kind: Kind, parts: Parts) -> dict[str, Any]:
    found = container_facts(path) if kind == "video" else {}
    if parts.brand and cleaned(parts.brand):
        found.setdefault("brand", cleaned(parts.brand))
    return found
