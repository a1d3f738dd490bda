"""How honest the embedded videos are: what shortcuts tell, and in how many frames a face is found.

    python benchmarks/embedded_videos.py OUT --videos 40 --compression c23,c40

Draws a set in FaceForensics++'s layout into OUT (or takes what is there), then prints for every compression the AUC
with which duration, codec, picture size, bytes, and sharpness outside the forged region tell fakes from reals, in
all and per manipulation (0.5: nothing; max(AUC, 1 - AUC) is printed, and should stay within 0.60), and the share of
frames in which dlib's HOG detector finds a face without enlarging the frame. Ends with status 1 when a limit is broken.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
from sklearn.metrics import roc_auc_score

from clew.datasets.synth.produce import write_videos
from clew.datasets.synth.truth import Truth, read_truth

MOST_AUC, LEAST_FOUND = 0.60, 0.95
FRAMES = 4  # looked at of each video
FEATURES = ("duration", "codec", "pixels", "bytes", "sharpness outside")


@dataclass
class Video:
    """What is measured of one video."""

    codec: float
    duration: float
    pixels: int
    bytes: int
    frames: list[np.ndarray]  # luma, FRAMES of them


def read(path: Path) -> Video:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        luma = [frame.to_ndarray()[: frame.height] for frame in container.decode(stream)]
        kept = [luma[k] for k in np.linspace(0, len(luma) - 1, FRAMES).round().astype(int)]
        seconds = len(luma) / float(stream.average_rate)
        codec = float(sum(stream.codec_context.name.encode()))
        return Video(codec, seconds, luma[0].size, path.stat().st_size, kept)


def sharpness(video: Video, mask: Video) -> float:
    """Mean variance of the Laplacian outside the region."""
    values = []
    for luma, region in zip(video.frames, mask.frames, strict=True):
        reach = cv2.dilate((region > 127).astype(np.uint8), np.ones((3, 3), np.uint8))
        values.append(cv2.Laplacian(luma, cv2.CV_64F)[reach == 0].var())
    return float(np.mean(values))


def auc(labels: list[int], values: list[float]) -> float:
    area = float(roc_auc_score(labels, values))
    return max(area, 1.0 - area)


def table(root: Path, rows: list[Truth]) -> dict[str, dict[str, float]]:
    """AUC of each feature, for all methods and each."""
    videos = {row.path: read(root / row.path) for row in rows}
    real = {row.groups[0]: videos[row.path] for row in rows if row.label == 0}
    pairs: dict[str, list[tuple[int, list[float]]]] = {}
    for row in rows:
        if row.label == 0:
            continue
        mask = read(root / row.region)
        for label, video in ((0, real[row.groups[0]]), (1, videos[row.path])):
            facts = [video.duration, video.codec, video.pixels, video.bytes, sharpness(video, mask)]
            for name in (row.method, "all"):
                pairs.setdefault(name, []).append((label, facts))
    return {
        name: {
            feature: auc([label for label, _ in entries], [facts[k] for _, facts in entries])
            for k, feature in enumerate(FEATURES)
        }
        for name, entries in sorted(pairs.items())
    }


def found(root: Path, rows: list[Truth]) -> float:
    """The share of frames in which a face is found."""
    detector = dlib.get_frontal_face_detector()
    hits = []
    for row in rows:
        hits += [len(detector(np.ascontiguousarray(luma), 0)) > 0 for luma in read(root / row.path).frames]
    return float(np.mean(hits))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compression", default="c23,c40")
    parser.add_argument("--workers", type=int, default=0)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    begun = time.process_time(), time.perf_counter()
    levels = args.compression.split(",")
    write_videos(
        args.out, "faceforensics", videos=args.videos, seed=args.seed, compression=levels, workers=args.workers
    )
    if args.workers == 1:
        print(f"drawn in {(time.process_time() - begun[0]) / args.videos:.2f} s of CPU per original")
    print(f"set ready after {time.perf_counter() - begun[1]:.0f} s")
    good = True
    for level in levels:
        rows = [row for row in read_truth(args.out) if row.compression == level]
        print(f"\n{level}: {sum(row.label == 0 for row in rows)} real, {sum(row.label for row in rows)} fake")
        print(f"{'':16}" + "".join(f"{feature:>19}" for feature in FEATURES))
        for name, areas in table(args.out, rows).items():
            print(f"{name:16}" + "".join(f"{areas[feature]:19.3f}" for feature in FEATURES))
            good &= max(areas.values()) <= MOST_AUC
        for what, label in (("real", 0), ("fake", 1)):
            share = found(args.out, [row for row in rows if row.label == label])
            print(f"face found in {share:.3f} of the frames of {what} videos")
            good &= share >= LEAST_FOUND
    print("\nwithin the limits" if good else "\nA LIMIT IS BROKEN")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
