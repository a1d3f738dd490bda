"""What the service lets an upload cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from clew.base.errors import ClewError, unknown_name

MEBI = 2**20


@dataclass(frozen=True)
class Limits:
    """The most of everything, in bytes, pixels, seconds and counts; raises ClewError for what is not above 0.

    Of one upload: `bytes` of the file, `pixels` of a picture or frame, `duration_s` of a video, `frames` that may be
    asked for, `fields` of the form, `name` letters of a file name or value. While it arrives: `upload_s` in all,
    `idle_s` between two pieces, `rate` bytes a second after the first `idle_s`, `head_s` for the request's head.
    Of a scan: `scan_s`; videos longer than `short_s`, and what is not done after `wait_s`, go on as jobs.
    Of all at once: `uploads` that arrive, `queue` of scans that wait, `connections`. Of what is kept after a scan:
    `kept` jobs, for `kept_s`, in `kept_bytes`; `crops` of one job. `memory` bytes of address space of a worker.
    """

    bytes: int = 200 * MEBI
    pixels: int = 50_000_000
    duration_s: float = 1800.0
    frames: int = 256
    fields: int = 8
    name: int = 255
    upload_s: float = 600.0
    idle_s: float = 10.0
    rate: int = 16 * 1024
    head_s: float = 10.0
    scan_s: float = 300.0
    short_s: float = 20.0
    wait_s: float = 60.0
    uploads: int = 64
    queue: int = 256
    connections: int = 1024
    kept: int = 128
    kept_s: float = 1800.0
    kept_bytes: int = 512 * MEBI
    crops: int = 512
    memory: int = 6144 * MEBI

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) > 0:
                raise ClewError(f"the limit '{one.name}' is {getattr(self, one.name)}: expected more than 0.")


def limits_from(words: Iterable[str]) -> Limits:
    """The usual limits with some changed by NAME=VALUE; raises ClewError for a name or value that is none."""
    known = {one.name: int if one.type == "int" else float for one in fields(Limits)}
    found: dict[str, int | float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ClewError(f"--limit {word}: expected NAME=VALUE, such as --limit bytes=50000000.")
        if name not in known:
            raise unknown_name("limit", name, known)
        try:
            found[name] = known[name](text)
        except ValueError:
            raise ClewError(f"--limit {word}: expected a {'whole ' if known[name] is int else ''}number.") from None
    return Limits(**found)  # type: ignore[arg-type]
