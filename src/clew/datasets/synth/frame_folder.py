"""A take as aligned face crops with landmarks and regions, the way DeepfakeBench's preprocessing leaves a video."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from clew.base.errors import ClewError
from clew.base.files import write_bytes
from clew.datasets.synth.align import cut, move_points, similarity, template
from clew.datasets.synth.anatomy import pose_face
from clew.datasets.synth.encode import encode_video
from clew.datasets.synth.fields import Array
from clew.datasets.synth.films import Footage, Take
from clew.datasets.synth.points68 import find_points, five_points
from clew.datasets.synth.stage import left_edge
from clew.media.pictures import Picture


@dataclass(frozen=True)
class FrameFolder:
    """`folder`/frames/`name`/NNN.png with landmarks/ and, for fakes, masks/ beside frames/."""

    folder: str
    name: str
    take: Take
    compression: str
    numbers: tuple[int, ...]  # of the frames kept

    def path(self, kind: str, number: int) -> str:
        """The file of `kind` (frames, landmarks or masks) for one frame."""
        return f"{self.folder}/{kind}/{self.name}/{number:03d}.{'npy' if kind == 'landmarks' else 'png'}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of files it has."""
        return ("frames", "landmarks") if self.take.source is None else ("frames", "landmarks", "masks")

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self.path(kind, number) for kind in self.kinds for number in self.numbers)

    def write(self, out: Path, footage: Footage, fps: int) -> None:
        decoded = _through_codec(footage, fps, self.compression)
        stage = footage.clip.stage
        for number in self.numbers:
            moment = footage.clip.moments[number]
            points = find_points(stage.person, moment.shot, pose_face(stage.person, moment.shot), moment.view)
            points[:, 0] += left_edge(stage.width, stage.height)
            turn = similarity(five_points(points), template())
            write_bytes(out / self.path("frames", number), _png(cut(decoded[number], turn)))
            write_bytes(out / self.path("landmarks", number), _npy(move_points(points, turn)))
            if footage.regions is not None:
                region = footage.regions[number].astype(np.uint8) * np.uint8(255)
                write_bytes(out / self.path("masks", number), _png(cut(region, turn, nearest=True)))


def _through_codec(footage: Footage, fps: int, compression: str) -> list[Picture]:
    """The pictures as they come out of the encoded video."""
    data = io.BytesIO(encode_video(footage.pictures, fps, compression))
    with av.open(data, "r") as container:
        return [cast(Picture, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def _png(picture: Picture) -> bytes:
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    done, data = cv2.imencode(".png", np.ascontiguousarray(bgr))
    if not done:
        raise ClewError(f"a picture of shape {picture.shape} cannot be written as PNG.")
    return bytes(data)


def _npy(points: Array) -> bytes:
    target = io.BytesIO()
    np.save(target, points, allow_pickle=False)
    return target.getvalue()
