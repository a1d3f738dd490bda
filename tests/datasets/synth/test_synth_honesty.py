"""The data gives nothing away but the forgery: faces are found, and global measures do not tell real from fake."""

from __future__ import annotations

import cv2
import dlib
import numpy as np
from drawn_portraits import Drawn

SHORTCUT = 0.60  # AUC allowed on a large set


def cascades() -> list[cv2.CascadeClassifier]:
    names = ("haarcascade_frontalface_default.xml", "haarcascade_frontalface_alt2.xml")
    return [cv2.CascadeClassifier(cv2.data.haarcascades + name) for name in names]


def test_face_detectors_find_real_and_forged_faces(drawn: Drawn) -> None:
    hog, known = dlib.get_frontal_face_detector(), cascades()
    for label in (0, 1):
        chosen = [p for p, fake in zip(drawn.pictures, drawn.fake, strict=True) if fake == label][::2]
        grey = [cv2.cvtColor(cv2.resize(p, (256, 256)), cv2.COLOR_RGB2GRAY) for p in chosen]
        assert len(chosen) == 27
        assert np.mean([len(hog(p, 1)) > 0 for p in chosen]) >= 0.95
        assert np.mean([any(len(c.detectMultiScale(g)) for c in known) for g in grey]) >= 0.75


def global_measures(drawn: Drawn) -> np.ndarray:
    """(N, 6): file size, mean red, green and blue, contrast, sharpness."""
    rows = []
    for row, picture in zip(drawn.rows, drawn.pictures, strict=True):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float)
        sharp = cv2.Laplacian(grey, cv2.CV_64F).var()
        rows.append([(drawn.root / row["path"]).stat().st_size, *picture.mean((0, 1)), grey.std(), sharp])
    return np.array(rows)


def test_global_measures_do_not_tell_the_label(drawn: Drawn) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = global_measures(drawn), drawn.fake
    groups = [row["group"] for row in drawn.rows]
    real, fake = int((y == 0).sum()), int(y.sum())
    error = np.sqrt((real + fake + 1) / (12 * real * fake))  # of an AUC of 0.5
    model = make_pipeline(StandardScaler(), LogisticRegression())
    score = cross_val_predict(model, x, y, groups=groups, cv=GroupKFold(6), method="decision_function")
    assert roc_auc_score(y, score) <= SHORTCUT + 2 * error
    for column in x.T:
        assert abs(roc_auc_score(y, column) - 0.5) <= SHORTCUT - 0.5 + error
