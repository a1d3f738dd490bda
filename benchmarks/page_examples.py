"""Draws the examples of the page of `clew serve`: people that never lived, some forged, two minutes of one core.

    python benchmarks/page_examples.py src/clew/serve/page/examples

Draws the embedded data with fixed seeds, and copies three pictures, a video and a frame of it to OUT, with
`examples.json`, which the page reads.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from clew.datasets.synth.pictures import write_pictures
from clew.datasets.synth.produce import write_videos

SEED = 5
EXAMPLES = [  # file, its picture on the page, what truth.csv says of it, where it is drawn
    ("face.jpg", "face.jpg", "A drawn person", "crowd/Images/Test-Challenge/0000000006.jpg"),
    ("forged.jpg", "forged.jpg", "A drawn face, forged", "faces/Test/Fake/p00007-1.jpg"),
    ("three.jpg", "three.jpg", "Three drawn people, one of them forged", "crowd/Images/Train/0000000007.jpg"),
    ("video.mp4", "video.jpg", "A drawn video, forged",
     "videos/manipulated_sequences/NeuralTextures/c23/videos/002_004.mp4"),
]  # fmt: skip


def draw(folder: Path) -> None:
    """All sets that the examples are of."""
    write_pictures(folder / "faces", "openforensics-crops", people=8, per_person=4, size=400, seed=SEED, workers=1)
    write_videos(folder / "crowd", "openforensics", videos=8, size=480, seed=SEED, workers=1)
    write_videos(folder / "videos", "faceforensics", videos=6, size=360, seconds=(3.0, 3.2), seed=SEED, workers=1)


def middle(video: Path) -> bytes:
    """The frame in the middle of a video, as JPEG."""
    frames = cv2.VideoCapture(str(video))
    frames.set(cv2.CAP_PROP_POS_FRAMES, frames.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
    return bytes(cv2.imencode(".jpg", frames.read()[1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        draw(Path(folder))
        for file, shown, _, place in EXAMPLES:
            shutil.copyfile(Path(folder) / place, out / file)
            if shown != file:
                (out / shown).write_bytes(middle(out / file))
    listed = [{"file": file, "shown": shown, "text": text} for file, shown, text, _ in EXAMPLES]
    (out / "examples.json").write_text(json.dumps(listed, indent=1) + "\n")
    for path in sorted(out.iterdir()):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
