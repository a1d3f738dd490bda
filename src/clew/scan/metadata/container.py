"""What a video's container says of its making, by PyAV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.media.packets import open_video
from clew.scan.metadata.cleaned import cleaned

# Names as FFmpeg gives them, and the name here; phones write theirs under their makers' names.
_TOLD = {
    "encoder": "encoder",
    "major_brand": "brand",
    "creation_time": "created",
    "com.apple.quicktime.creationdate": "created",
    "com.apple.quicktime.make": "make",
    "com.apple.quicktime.model": "model",
    "com.apple.quicktime.software": "software",
    "com.android.manufacturer": "make",
    "com.android.model": "model",
    "com.android.version": "android",
    "software": "software",
    "comment": "comment",
}
_PLACES = ("location", "location-eng", "com.apple.quicktime.location.iso6709", "xyz")
_OF_STREAM = {"handler_name": "handler", "encoder": "stream_encoder", "creation_time": "created"}


def container_facts(path: Path) -> dict[str, Any]:
    """{"format", "encoder", "brand", "created", "make", "model", "software", "handler", …} of those that it tells.

    "gps": True where it holds a place, which is not told. Empty for a file that is no video.
    """
    try:
        with open_video(path) as (container, stream):
            names = {str(key).lower(): value for key, value in container.metadata.items()}
            found: dict[str, Any] = {"format": cleaned(container.format.name)}
            found |= _chosen(names, _TOLD)
            for key, value in _chosen(dict(stream.metadata), _OF_STREAM).items():
                found.setdefault(key, value)
            if any(names.get(place) for place in _PLACES):
                found["gps"] = True
            return found
    except ClewError:
        return {}


def _chosen(metadata: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, name in names.items():
        text = cleaned(metadata.get(key, ""))
        if text:
            found.setdefault(name, text)
    return found
