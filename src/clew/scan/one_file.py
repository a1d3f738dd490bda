"""A finding on one picture or video."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from clew.base.hashing import hash_file
from clew.base.progress import SILENT, Progress
from clew.media.pictures import Picture, read_picture
from clew.media.videos import VideoFacts, probe
from clew.runtime.load import cores
from clew.scan.decide import decided, file_verdict, least_counted
from clew.scan.finding import Finding, Kind, PersonFinding
from clew.scan.keeping import Kept, keep
from clew.scan.kinds import kind_of, named_otherwise
from clew.scan.occlusion import Heatmaps
from clew.scan.operating import Level
from clew.scan.people import Every, People, Person
from clew.scan.provenance import provenance
from clew.scan.reading import Unreadable, as_far, reading
from clew.scan.reproduce import command, effective, shown
from clew.scan.sampling import sampled
from clew.scan.settings import ScanSettings
from clew.scan.shots import MOST_IN_FRAME, MOST_IN_PICTURE, Sampled, Shot, picture_shots, video_shots
from clew.scan.ticket import ReadyTicket
from clew.scan.wording import NO_REAL, count, sentence, unreadable

_DEFAULT = ScanSettings()
HASHED_FIRST = 256 * 2**20  # bytes: a larger file is not read for minutes to be refused then


@dataclass
class _File:
    """What is known of a file while it is scanned."""

    path: Path
    ready: ReadyTicket
    kind: Kind = "unknown"
    file: dict[str, Any] = field(default_factory=dict)
    media: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    sampled: Sampled = field(default_factory=lambda: Sampled([0]))
    wanted: int | None = None  # frames, of a video
    picture: Picture | None = None  # until it is searched

    @property
    def video(self) -> bool:
        """Whether it is a video."""
        return self.kind == "video"


def scan_file(
    path: Path,
    ready: ReadyTicket,
    settings: ScanSettings = _DEFAULT,
    heatmaps: Heatmaps | None = None,
    progress: Progress = SILENT,
    evidence: Kept | None = None,
    every: Every | None = None,
) -> Finding:
    """Scans one picture or video; a file that cannot be read gives a finding that says why, never an exception.

    `settings` are those that `ready` was made with. `evidence` is filled with the decisive faces of each person, by
    person and place among the person's faces, with what `heatmaps` makes of them; `every` sees each face with its crop.
    Raises ClewError only for a ticket that cannot score.
    """
    one = _File(Path(path), ready)
    try:
        one.kind, why = kind_of(one.path)
        if why:
            raise Unreadable(why)
        before = _opened(one, settings)
        found = _scanned(one, settings, progress, evidence is not None, every)
        with reading(one.path):
            if _identity(one.path) != before:
                raise Unreadable("it changed while it was read")
    except Unreadable as error:
        return _unreadable(one, str(error))
    return _finding(one, found, evidence, heatmaps)


def _opened(one: _File, settings: ScanSettings) -> tuple[int, ...]:
    """Opens and hashes a file, and gives what tells that it changes; a large one only once it is known to open."""
    with reading(one.path):
        before = _identity(one.path)
        one.file = {"bytes": before[0]}
        if before[0] <= HASHED_FIRST:
            _identified(one)
        if one.video:
            _open_video(one, settings)
        else:
            one.picture = _picture(one)
        if "sha256" not in one.file:
            _identified(one)
    return before


def _identified(one: _File) -> None:
    one.file = {"sha256": hash_file(one.path), **one.file}
    one.provenance = provenance(one.path, one.kind)


def _scanned(
    one: _File, settings: ScanSettings, progress: Progress, keep: bool, every: Every | None
) -> dict[int, Person]:
    """The persons by number, from 1; raises Unreadable where no frame can be read."""
    people, ready = People(one.ready, one.video, keep, every), one.ready
    if one.video:
        threads = settings.threads or cores()
        with progress.task(shown(one.path.name), len(one.sampled.wanted)) as task:
            _take(video_shots(one.path, ready.finder, ready.cropping, one.sampled, threads, task), people)
    else:
        picture, one.picture = one.picture, None
        assert picture is not None
        faces = partial(picture_shots, picture, ready.finder, ready.cropping, one.sampled)
        _take(as_far(one.path, faces, one.sampled.damaged), people)
    if not one.sampled.read:
        raise Unreadable(_nothing_read(one.sampled, one.video))
    return people.persons()


def _take(shots: Iterable[Shot], people: People) -> None:
    for shot in shots:
        people.add(shot)


def _picture(one: _File) -> Picture:
    picture = read_picture(one.path)
    one.media = {"width": picture.shape[1], "height": picture.shape[0]}
    return picture


def _open_video(one: _File, settings: ScanSettings) -> None:
    """Notes what a video holds and which frames are looked at."""
    facts: VideoFacts = probe(one.path)
    names = ("width", "height", "frames", "fps", "duration_s", "codec", "damage")
    one.media = {name: getattr(facts, name) for name in names}
    one.sampled = Sampled(sampled(facts, settings.frames))
    one.wanted = settings.frames or len(one.sampled.wanted)
    if not one.sampled.wanted:
        raise Unreadable("it holds no frames")


def _finding(one: _File, found: dict[int, Person], evidence: Kept | None, heatmaps: Heatmaps | None) -> Finding:
    read = one.sampled.read
    level = one.ready.levels["video" if one.video and read > 1 else "picture"]
    least = least_counted(read, one.video)
    persons = [decided(number, person, level, least) for number, person in found.items()]
    if evidence is not None:
        keep(evidence, persons, found, heatmaps)
    verdict, reason, on = file_verdict(persons, one.sampled.left_out == 0)
    text = sentence(shown(one.path.name), verdict, reason, persons, on, level, read)
    scores = [person.probability for person in persons if person.probability is not None]
    return Finding(
        shown(one.path),
        one.kind,
        verdict,
        max(scores, default=None),
        reason,
        text,
        tuple(persons),
        operating_point=level.as_dict(),
        notes=tuple(_notes(one, level, persons)),
        **_facts(one),
    )


def _unreadable(one: _File, why: str) -> Finding:
    text = unreadable(shown(one.path.name), shown(why))
    level = one.ready.levels["video" if one.video else "picture"]
    path = shown(one.path)
    return Finding(
        path, one.kind, "inconclusive", None, "unreadable", text, operating_point=level.as_dict(), **_facts(one)
    )


def _facts(one: _File) -> dict[str, Any]:
    """What a finding holds whatever was found."""
    settings = effective(one.ready, one.wanted)
    frames = {"frames": one.sampled.wanted, "wanted": len(one.sampled.wanted), "unreadable": one.sampled.unreadable}
    return {
        "file": one.file,
        "media": one.media,
        "sampling": frames if one.video else {},
        "ticket": one.ready.facts,
        "provenance": one.provenance,
        "settings": settings,
        "command": command(one.path, one.ready, settings),
    }


def _notes(one: _File, level: Level, persons: list[PersonFinding]) -> list[str]:
    most = MOST_IN_FRAME if one.video else MOST_IN_PICTURE
    lost = len(one.sampled.unreadable)
    ended = one.sampled.damage or one.media.get("damage", "")
    told = {
        named_otherwise(one.path, one.kind): True,
        f"{count(lost, 'sampled frame')} of {len(one.sampled.wanted)} cannot be read": lost > 0,
        f"it is damaged: {ended}": bool(ended),
        f"only the {most} largest faces are judged, {one.sampled.left_out} more are seen": one.sampled.left_out > 0,
        "where every picture or frame is a face crop already, '--faces none' takes it as one": not persons,
        "the ticket states no threshold at which anything is called fake": level.fake is None,
        NO_REAL: level.fake is not None and level.real is None,
        "the ticket is not calibrated: its probabilities say less than they seem to": not one.ready.calibrated,
    }
    return [shown(note) for note, holds in told.items() if holds and note]


def _nothing_read(found: Sampled, video: bool) -> str:
    if not video:
        return found.damage
    why = found.damage or (str(found.unreadable[0][1]) if found.unreadable else "")
    return f"none of {count(len(found.wanted), 'sampled frame')} can be read" + (f" ({why})" if why else "")


def _identity(path: Path) -> tuple[int, int, int, int]:
    """Bytes, and what changes when a file is written to or another takes its name."""
    facts = os.stat(path)
    return facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_dev
