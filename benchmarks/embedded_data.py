"""How honest the embedded data is: faces found, what shortcuts tell, and a sheet of 64 to look at.

    python benchmarks/embedded_data.py OUT --size 256 --seed 0

Draws the data into OUT (or takes what is there), then prints the share of pictures in which dlib's HOG detector or
OpenCV's cascade finds a face, and the test AUC of a logistic regression and of boosted trees on file size, mean
colour, contrast and sharpness: near 0.5 when a forgery changes nothing but the face.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import dlib
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clew.datasets.layouts import layouts
from clew.datasets.synth.pictures import write_pictures
from clew.media.pictures import read_picture

LAYOUT = "openforensics-crops"


def shortcuts(path: Path) -> list[float]:
    """File size, mean colour (3), contrast, global sharpness (variance of the Laplacian)."""
    picture = read_picture(path)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    return [path.stat().st_size, *picture.mean((0, 1)), float(grey.std()), sharpness]


def face_finder():
    hog = dlib.get_frontal_face_detector()
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def find(picture: np.ndarray) -> tuple[bool, bool]:
        large = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_CUBIC) if len(picture) < 256 else picture
        grey = cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)
        return len(hog(large, 1)) > 0, len(cascade.detectMultiScale(grey, 1.1, 3)) > 0

    return find


def sheet(pictures: list[np.ndarray]) -> np.ndarray:
    """8 x 8 pictures side by side."""
    return np.concatenate([np.concatenate(pictures[row * 8 : row * 8 + 8], 1) for row in range(8)], 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=240)
    parser.add_argument("--sheet", type=Path, help="PNG of 64 pictures to write")
    args = parser.parse_args()
    write_pictures(args.out, LAYOUT, people=args.people, size=args.size, seed=args.seed)
    items = layouts.get(LAYOUT)(args.out)
    labels = np.array([item.label for item in items])
    pictures = [read_picture(args.out / item.source) for item in items]
    find = face_finder()
    found = np.array([find(picture) for picture in pictures])
    for name, rows in (("real", labels == 0), ("fake", labels == 1)):
        hog, cascade, either = found[rows, 0].mean(), found[rows, 1].mean(), found[rows].any(1).mean()
        print(f"face found in {rows.sum()} {name}: HOG {hog:.3f}, cascade {cascade:.3f}, either {either:.3f}")
    features = np.array([shortcuts(args.out / item.source) for item in items])
    train, test = (np.array([item.split == part for item in items]) for part in ("train", "test"))
    models = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "boosted trees": HistGradientBoostingClassifier(random_state=0),
    }
    for name, model in models.items():
        model.fit(features[train], labels[train])
        auc = roc_auc_score(labels[test], model.predict_proba(features[test])[:, 1])
        print(f"shortcut AUC of {name}: {auc:.3f} ({train.sum()} train, {test.sum()} test)")
    if args.sheet:
        chosen = np.random.default_rng(0).choice(len(pictures), 64, replace=False)
        cv2.imwrite(str(args.sheet), sheet([pictures[i] for i in chosen])[..., ::-1])
        print(f"sheet: {args.sheet}")


if __name__ == "__main__":
    main()
