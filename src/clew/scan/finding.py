"""What a scan says of a file: of each face, each person and the whole, with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["real", "fake", "inconclusive"]
Kind = Literal["picture", "video", "unknown"]

FORMAT = 1

# Why there is no verdict, or why a face does not count; what is said of each stands beside it.
REASONS: dict[str, str] = {
    "no-face": "no face was found",
    "too-small": "the face is too small",
    "too-blurred": "the face is too blurred",
    "too-compressed": "the picture is too strongly compressed",
    "too-dark": "the face is too dark or too bright",
    "too-few-frames": "too few frames show the face well enough",
    "unfamiliar": "the face is far from what the ticket was trained on",
    "uncertain": "the score lies between what the ticket calls real and what it calls fake",
    "not-everybody": "not every person in it could be judged",
    "not-calibrated": "the ticket carries no operating point",
    "no-score": "the ticket's network gives no number for it",
    "unreadable": "the file cannot be read",
}


@dataclass(frozen=True)
class FaceFinding:
    """One face in one frame (0 in a picture).

    `box` (x, y, width, height) in pixels of the frame as displayed; `detected` False where its place follows from the
    frames around; `probability` of fake, calibrated, None where it was not scored; `reason` one of `REASONS` where the
    face does not count towards its person's verdict, else ""; `quality` its measures by name.
    """

    frame: int
    time_s: float
    box: tuple[float, float, float, float]
    detected: bool
    probability: float | None
    reason: str = ""
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonFinding:
    """One person, followed through the frames: the mean probability of the faces that count, and the verdict.

    `person` from 1, in the order of appearance; `counted` how many faces count; `decisive` places in `faces` of those
    that speak most for the verdict, the strongest first.
    """

    person: int
    verdict: Verdict
    probability: float | None
    reason: str
    counted: int
    faces: tuple[FaceFinding, ...]
    decisive: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a scan says of one file; equal choices on equal processors give it bit for bit.

    `verdict` fake where a person is called fake, real where everybody is called real; `probability` the highest of the
    persons'; `reason` one of `REASONS`, "" where there is a verdict; `text` all of it in a sentence.
    `file`: {"sha256", "bytes"}; `media`: what a picture or video holds: {"width", "height"} and, of a video, {"frames",
    "fps", "duration_s", "codec", "damage"}; `sampling`: {"frames": [index], "wanted", "unreadable": [[index, why]]};
    `ticket`: {"name", "hash", "detector", "protocol", "version" (of Clew), "form"}; `operating_point`: {"level"
    (picture or video), "measured_on" (the same), "fake": {...}, "real": {...}} as the ticket carries them,
    None where it has none; `provenance`: what the file says of its own origin (see `clew.scan.provenance`); `settings`:
    what changes a finding; `command`: what makes this finding again.
    """

    path: str
    kind: Kind
    verdict: Verdict
    probability: float | None
    reason: str
    text: str
    persons: tuple[PersonFinding, ...] = ()
    file: Mapping[str, Any] = field(default_factory=dict)
    media: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    ticket: Mapping[str, Any] = field(default_factory=dict)
    operating_point: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    notes: tuple[str, ...] = ()  # what else a reader should know, in plain words

    @property
    def readable(self) -> bool:
        """Whether the file could be read at all."""
        return self.reason != "unreadable"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the fields by name, and {"format": 1}."""
        return {"format": FORMAT, **asdict(self)}
