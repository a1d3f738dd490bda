"""The command that makes a finding again, and names of files as they can be shown."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from clew.scan.settings import NONE
from clew.scan.ticket import ReadyTicket


def effective(ready: ReadyTicket, frames: int | None) -> dict[str, Any]:
    """What changes a finding, automatic choices settled; `frames` None for a picture, which has none to choose."""
    cropping = ready.cropping
    found: dict[str, Any] = {"faces": cropping.faces, "scale": cropping.scale, "size": cropping.size}
    if ready.finder is not None:
        found["finder"] = ready.finder.version
    if cropping.faces != NONE and ready.model is not None:
        found["model"] = shown(ready.model)
    if frames is not None:
        found["frames"] = frames
    return found | {"form": ready.runtime.form}


def command(path: Path, ready: ReadyTicket, settings: dict[str, Any]) -> str:
    """The command line for a shell that makes the finding again; `settings` as `effective` tells them."""
    words = ["clew", "scan", quoted(path), "--ticket", quoted(ready.path), "--faces", str(settings["faces"])]
    if "model" in settings and ready.model is not None:
        words += ["--model", quoted(ready.model)]
    if "frames" in settings:
        words += ["--frames", str(settings["frames"])]
    return " ".join([*words, "--form", str(settings["form"])])


def quoted(path: Path) -> str:
    """A path as one word of a shell's command line, whatever its bytes are; never taken for an option."""
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    if text.isprintable():
        return shlex.quote(text)
    escaped = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{''.join(escaped)}'"


def shown(path: Path | str) -> str:
    """A name to print: what would move a terminal's cursor, or is no text, is escaped."""
    plain = str(path)
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in plain)
