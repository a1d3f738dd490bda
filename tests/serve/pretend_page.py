"""Work for the tests of the page: findings of every kind without a network, told by what an upload holds."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from clew.media.pictures import encode_jpeg
from clew.scan.finding import FaceFinding, Finding, PersonFinding
from clew.serve.crops import Crops
from clew.serve.limits import Limits
from clew.serve.looking import look
from clew.serve.worker import Refused

WORK = {"scanner": "pretend_page:scanner", "scorer": "pretend_page:scorer"}
LEVELS = {"dense": 0.0, "half": 0.5, "most": 0.95}
SCORES = {"dense": 0.93, "half": 0.62, "most": 0.04}
MS = {"dense": 4.0, "half": 2.5, "most": 0.25}
HOT = {"dense": 0, "half": 5, "most": 15}  # of 16 cells
POINT = {
    "level": "picture",
    "fake": {"threshold": 0.8, "asked": 0.05, "fpr": 0.045, "fpr_high": 0.134, "tpr": 0.7, "reals": 200, "fakes": 400,
             "effective": 50.0, "margin": 0.001, "resolved": True},
    "real": {"threshold": 0.25, "asked": 0.05, "fnr": 0.04, "fnr_high": 0.12, "tnr": 0.5, "reals": 200, "fakes": 400,
             "effective": 50.0, "margin": 0.001, "resolved": True},
}  # fmt: skip
STEPS, STEP_S = 400, 0.05  # of a slow scan
BAD_TEXT = "<b>it says</b> so"  # in what the file says of itself


def verdict(probability: float) -> str:
    """At the point above."""
    return "fake" if probability >= 0.8 else "real" if probability <= 0.25 else "inconclusive"


def scanner(settings, say):
    limits = Limits(**settings["limits"])

    def work(call, say):
        content = Path(call["path"]).read_bytes()
        if call["do"] == "look":
            facts = look(Path(call["path"]), limits)
            say("done", facts={**facts, "duration_s": 100.0} if b"SLOW" in content else facts)
            return
        if b"ODD" in content:
            raise Refused("unreadable", f"{call['name']}: inconclusive, the file cannot be read: it is odd.")
        for step in range(STEPS if b"SLOW" in content else 0):
            say("progress", done=step / STEPS)
            time.sleep(STEP_S)
        finding = _of(call["name"], content, call["name"].endswith(".mp4"))
        crops = Crops(64)
        for face in (face for person in finding.persons for face in person.faces):
            crops(face, np.full((8, 8, 3), 120, np.uint8))
        faces = crops.settle(finding)
        say("done", finding=finding.as_dict(), faces=faces, bytes=crops.write(Path(call["folder"])))

    return work


def _of(name, content, video):
    if b"DARK" in content:
        face = FaceFinding(0, 0.0, (4.0, 4.0, 8.0, 8.0), True, None, "too-dark")
        person = PersonFinding(1, "inconclusive", None, "too-dark", 0, (face,), ())
        text = f"{name}: inconclusive, the face is too dark or too bright (its only face)."
        return _finding(name, "picture", "inconclusive", None, "too-dark", text, (person,), None)
    if video:
        faces = [FaceFinding(5 * at, 0.2 * at, (1.0, 1.0, 4.0, 4.0), True, 0.8 + 0.02 * at) for at in range(5)]
        faces[2] = replace(faces[2], reason="too-blurred", probability=None)
        person = PersonFinding(1, "fake", 0.84, "", 4, tuple(faces), (4, 3))
        media = {"width": 32, "height": 32, "frames": 25, "fps": 25.0, "duration_s": 1.0, "codec": "h264"}
        found = _finding(name, "video", "fake", 0.84, "", f"{name}: fake. Its only face is.", (person,), POINT)
        return replace(found, media=media, sampling={"frames": [0, 5, 10, 15, 20], "unreadable": []})
    persons = tuple(
        PersonFinding(
            at + 1, verdict(share), share, "", 1, (FaceFinding(0, 0.0, (2.0 + 8 * at, 2, 6, 6), True, share),), (0,)
        )
        for at, share in enumerate((0.93, 0.04))
    )
    return _finding(name, "picture", "fake", 0.93, "", f"{name}: fake. Person 1 of 2 has 0.93.", persons, POINT)


def _finding(name, kind, word, probability, reason, text, persons, point):
    return Finding(
        name, kind, word, probability, reason, text, persons,
        file={"sha256": "ab" * 32, "bytes": 1234}, media={"width": 32, "height": 16},
        ticket={"name": "dense.safetensors", "hash": "cd" * 32, "detector": "meso4", "protocol": "p", "version": "0", "form": "sparse"},
        operating_point=point, provenance={"exif": {"software": BAD_TEXT}, "credentials": {"found": False}},
        command=f"clew scan {name}", notes=("a note",),
    )  # fmt: skip


def scorer(settings, say):
    def work(call, say):
        if call["do"] == "page":
            say("done", b"<!doctype html><title>page</title>")
            return
        if call["do"] != "rescore":
            say("done", encode_jpeg(np.load(Path(call["folder"]) / "crops.npy")[call["at"]], 90))
            return
        name = call["ticket"]
        cells = np.zeros(16)
        cells[HOT[name]] = 2.0
        say("done", verdict=verdict(SCORES[name]), reason="" if name != "half" else "uncertain",
            probability=SCORES[name], persons=[], ms=MS[name], form="sparse",
            heatmaps=[cells.reshape(4, 4).tolist()] * len(call["heatmaps"]), level={"fake": 0.8, "real": 0.25})  # fmt: skip

    return work
