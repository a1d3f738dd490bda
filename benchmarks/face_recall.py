"""Recall and false alarms of the face detectors on still pictures with known boxes, by size of the face.

    python benchmarks/face_recall.py FOLDER [--faces dlib opencv yunet] [--model FILE] [--json FILE]

FOLDER holds pictures and dlib's XML lists of boxes; boxes marked `ignore` count neither as faces nor as false alarms.
A box that two lists name counts once.
"""

from __future__ import annotations

import argparse
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import cv2

from clew.base.files import write_json
from clew.media.faces.base import Box, Detection, FaceDetector, iou, make_detector
from clew.media.faces.searching import faces_in_picture
from clew.media.pictures import read_picture

SIZES = ((0, 40), (40, 80), (80, 160), (160, 10_000))
LEVELS = (0.4, 0.5)


def annotated(folder: Path) -> dict[Path, list[tuple[Box, bool]]]:
    """The boxes of each picture, and whether they are to be ignored."""
    boxes: dict[Path, list[tuple[Box, bool]]] = {}
    for path in sorted(folder.rglob("*.xml")):
        for image in ElementTree.parse(path).iter("image"):
            known = boxes.setdefault(path.parent / image.attrib["file"], [])
            for element in image.iter("box"):
                box = Box(*(float(element.attrib[name]) for name in ("left", "top", "width", "height")))
                if all(iou(box, other) < 0.7 for other, _ in known):
                    known.append((box, element.attrib.get("ignore") == "1"))
    return boxes


def tally(truth: list[tuple[Box, bool]], found: list[Detection], counts: dict[str, int]) -> None:
    """Adds one picture's hits and false alarms."""
    for box, ignored in truth:
        if ignored:
            continue
        best = max((iou(box, face.box) for face in found), default=0.0)
        low, high = next((low, high) for low, high in SIZES if low <= max(box.width, box.height) < high)
        for name in ("all", f"{low}-{high}"):
            counts[f"{name} faces"] = counts.get(f"{name} faces", 0) + 1
            for level in LEVELS:
                key = f"{name} at {level}"
                counts[key] = counts.get(key, 0) + (best >= level)
    alarms = sum(all(iou(face.box, box) < 0.2 for box, _ in truth) for face in found)
    counts["false alarms"] = counts.get("false alarms", 0) + alarms


def measure(detector: FaceDetector, truth: dict[Path, list[tuple[Box, bool]]]) -> dict[str, Any]:
    """One detector on all pictures."""
    counts: dict[str, int] = {"false alarms": 0}
    seconds = 0.0
    for path, boxes in truth.items():
        picture = read_picture(path)
        start = time.process_time()
        found = faces_in_picture(picture, detector)
        seconds += time.process_time() - start
        tally(boxes, found, counts)
    return {"detector": detector.version, "pictures": len(truth), "cpu_s": seconds, **counts}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", nargs="+", default=["dlib", "opencv"])
    parser.add_argument("--model", type=Path, help="YuNet's file")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    truth = {path: boxes for path, boxes in annotated(options.folder).items() if path.is_file()}
    rows = []
    for name in options.faces:
        row = measure(make_detector(name, options.model if name == "yunet" else None), truth)
        rows.append(row)
        print(
            f"{row['detector']}: {row['pictures']} pictures, {row['cpu_s']:.1f} s, {row['false alarms']} false alarms"
        )
        for size in ("all", *(f"{low}-{high}" for low, high in SIZES)):
            faces = row.get(f"{size} faces", 0)
            shares = ", ".join(f"{row[f'{size} at {level}']}/{faces} at IoU {level}" for level in LEVELS if faces)
            print(f"  {size:>10} px: {shares or 'no faces'}")
    if options.json:
        write_json(options.json, {"rows": rows})


if __name__ == "__main__":
    main()
