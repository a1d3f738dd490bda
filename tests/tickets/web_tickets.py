"""A ticket whose scores differ much from picture to picture, and stand-ins for the files of onnxruntime-web."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from clew.detectors.base import Config
from clew.detectors.build import initial_state
from clew.tickets.exporting import web_runtime
from clew.tickets.file import read_ticket, write_ticket
from clew.tickets.importing import import_weights
from clew.tickets.ticket import load_ticket

SIZE = 48
CALIBRATION = {"temperature": 1.7, "at_bound": False, "nll_before": 0.6, "nll_after": 0.5, "ece_before": 0.1,
               "ece_after": 0.05, "pictures": 90, "fakes": 40, "prior": 0.5, "split": "val"}  # fmt: skip
POINT = {"threshold": 0.5, "asked": 0.05, "fpr": 0.04, "fpr_high": 0.12, "tpr": 0.8, "reals": 50, "fakes": 40,
         "effective": 50.0, "margin": 0.001, "resolved": True}  # fmt: skip
PROTOCOL = "dlib-v1, 1.3 times the box, 48 px"
JUDGED = {
    "calibration": CALIBRATION,
    "operating_point": {"fpr": 0.05, "picture": POINT, "video": POINT},
    "data": [{"name": "noise", "hash": "0", "protocol": PROTOCOL}],
    "protocol": PROTOCOL,
    "metrics": {"test": {"auc": 0.9, "accuracy": 0.8}},
}


def picture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3): noise, more or less blurred."""
    draw = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(draw.random((height, width, 3)), (0, 0), 0.4 + seed % 5)
    return np.asarray(255 * (noise - noise.min()) / np.ptp(noise), np.uint8)


def write_sensitive_ticket(path: Path, classes: int = 3, judged: bool = True) -> Path:
    """A meso4 of 48 px, drawn by lot, its logits stretched until they differ by several from picture to picture."""
    torch.save(initial_state(Config("meso4", SIZE, classes), 1), path.with_suffix(".pth"))
    import_weights(path.with_suffix(".pth"), "meso4", path, SIZE)
    content, logits = read_ticket(path), load_ticket(path).logits(np.stack([picture(k, SIZE, SIZE) for k in range(10)]))
    scale = (2 / logits.std(0)).astype(np.float32)
    values = {**content.values, "head.weight": content.values["head.weight"] * scale[:, None]}
    rest = {**content.rest, "head.bias": (content.rest["head.bias"] - logits.mean(0)) * scale}
    header = {**content.header, **(JUDGED if judged else {})}
    write_ticket(path, replace(content, header=header, values=values, rest=rest))
    return path


def package(files: dict[str, bytes], folder: str = "package/dist") -> bytes:
    """A package as npm packs it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def stand_ins(monkeypatch) -> dict[str, bytes]:
    """Two small files, by the package's names, that are taken for onnxruntime-web's from now on."""
    data = {file.name: f"stands for {file.name}".encode() for file in web_runtime.FILES}
    known = tuple(
        replace(file, bytes=len(data[file.name]), sha256=hashlib.sha256(data[file.name]).hexdigest())
        for file in web_runtime.FILES
    )
    monkeypatch.setattr(web_runtime, "FILES", known)
    monkeypatch.delenv(web_runtime.VARIABLE, raising=False)
    return data
