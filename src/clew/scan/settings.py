"""What a user may choose about a scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError

AUTO, NONE, SPARSE = "auto", "none", "sparse"
FACES = ("auto", "dlib", "opencv", "yunet", "none")
MOST_FRAMES = 4096
MOST_THREADS = 1024


@dataclass(frozen=True)
class ScanSettings:
    """How files are scanned; raises ClewError for values that nothing can be done with.

    faces: the face detector, none (every picture and frame is a face crop already), or auto: as the ticket's own crops
    were made; model: the detector's file, where it needs one; frames: of a video so many, evenly spaced (0: two a
    second, 8 to 64); form: how the ticket runs, one of `clew.runtime.forms` (sparse gives the same numbers every time)
    or auto (the fastest, which may be another one tomorrow); threads: at most so many (0: one for each core), which
    change no finding.
    """

    faces: str = AUTO
    model: Path | None = None
    frames: int = 0
    form: str = SPARSE
    threads: int = 0

    def __post_init__(self) -> None:
        if self.faces not in FACES:
            raise ClewError(f"--faces {self.faces}: expected {', '.join(FACES[:-1])} or {FACES[-1]}.")
        if not 0 <= self.frames <= MOST_FRAMES:
            raise ClewError(f"--frames {self.frames}: expected 1 to {MOST_FRAMES}, or 0 for two a second.")
        if not 0 <= self.threads <= MOST_THREADS:
            raise ClewError(f"--threads {self.threads}: expected 1 to {MOST_THREADS}, or 0 for all cores.")
