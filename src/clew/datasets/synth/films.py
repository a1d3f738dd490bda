"""One clip and the files made of it: the genuine video, its forgeries and their regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from clew.base.files import write_bytes
from clew.base.hashing import stable_seed
from clew.datasets.synth import video_forgeries  # noqa: F401  (registers them)
from clew.datasets.synth.clip import Clip, ClipId, Format, shoot, write_script
from clew.datasets.synth.encode import encode_regions, encode_video
from clew.datasets.synth.forge import Region
from clew.datasets.synth.video_forge import VIDEO_FORGERIES
from clew.media.pictures import Picture


@dataclass(frozen=True)
class Take:
    """What the target's clip is turned into: nothing else (`real`), or a forgery with the face of `source`."""

    method: str = "real"
    source: ClipId | None = None


REAL = Take()


@dataclass(frozen=True)
class Footage:
    """The finished frames of one take, before encoding."""

    clip: Clip
    pictures: Sequence[Picture]
    regions: Sequence[Region] | None  # None: genuine


class Film(Protocol):
    """Files made of one take."""

    @property
    def take(self) -> Take:
        """Which take."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, relative, with /."""

    def write(self, out: Path, footage: Footage, fps: int) -> None:
        """Writes them below `out`."""


@dataclass(frozen=True)
class VideoFile:
    """A take as one H.264 video."""

    path: str
    take: Take
    compression: str

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,)

    def write(self, out: Path, footage: Footage, fps: int) -> None:
        write_bytes(out / self.path, encode_video(footage.pictures, fps, self.compression))


@dataclass(frozen=True)
class RegionFile:
    """The forged region of a take as one lossless video, white on black."""

    path: str
    take: Take

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,)

    def write(self, out: Path, footage: Footage, fps: int) -> None:
        assert footage.regions is not None
        write_bytes(out / self.path, encode_regions(footage.regions, fps))


def forge(clip: Clip, target: ClipId, take: Take, form: Format) -> Footage:
    """The frames of `take`, in which `target`, the genuine `clip`, is forged."""
    if take.source is None:
        return Footage(clip, clip.pictures, None)
    names = (take.method, target.person, target.number, take.source.person, take.source.number)
    rng = np.random.default_rng(stable_seed("video forgery", target.seed, *names))
    script = write_script(take.source, form)
    pictures, regions = zip(*VIDEO_FORGERIES.get(take.method)(clip, script, rng), strict=True)
    return Footage(clip, pictures, regions)


@dataclass(frozen=True)
class VideoUnit:
    """A clip with all films made of it: drawn once, forged once per take, encoded once per film."""

    target: ClipId
    form: Format
    films: tuple[Film, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for film in self.films for path in film.paths)

    def make(self, out: Path, wanted: frozenset[str]) -> None:
        films = [film for film in self.films if wanted.intersection(film.paths)]
        clip = shoot(self.target, self.form)
        for take in dict.fromkeys(film.take for film in films):
            footage = forge(clip, self.target, take, self.form)
            for film in films:
                if film.take == take:
                    film.write(out, footage, self.form.fps)
