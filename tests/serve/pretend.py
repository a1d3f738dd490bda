"""The work of a worker without any network: what an upload holds says what becomes of it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from clew.media.pictures import encode_jpeg
from clew.scan.finding import FaceFinding, Finding, PersonFinding
from clew.serve.crops import Crops
from clew.serve.limits import Limits
from clew.serve.looking import look
from clew.serve.worker import Refused

FACE = FaceFinding(0, 0.0, (1.0, 2.0, 3.0, 4.0), True, 0.25)
STEP_S = 0.05


def scanner(settings, say):
    limits = Limits(**settings["limits"])

    def work(call, say):
        path = Path(call["path"])
        if call["do"] == "look":
            say("done", facts=_long(look(path, limits), path))
        else:
            _scan(path, call, say)

    return work


def _long(facts, path):
    return {**facts, "duration_s": 100.0} if b"LONG" in path.read_bytes() else facts


def _scan(path, call, say):
    content = path.read_bytes()
    if b"CRASH" in content:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"LOST" in content:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"HANG" in content:
        time.sleep(1000)
    if b"EATS" in content:
        raise MemoryError
    if b"ODD" in content:
        raise Refused("unreadable", "it is odd.")
    if b"LIES" in content:
        say("done", finding={"format": 1, "verdict": "fake"}, faces=[], bytes=0)
        return
    if b"SPINS" in content:
        while True:
            pass
    if b"SLOW" in content:
        for step in range(8):
            say("progress", done=step / 8)
            time.sleep(STEP_S)
    crops = Crops(9)
    crops(FACE, np.full((8, 8, 3), 77, np.uint8))
    person = PersonFinding(1, "real", 0.25, "", 1, (FACE,), (0,))
    finding = Finding(call["name"], "picture", "real", 0.25, "", f"{call['name']}: real.", (person,))
    faces = crops.settle(finding)
    say("done", finding=finding.as_dict(), faces=faces, bytes=crops.write(Path(call["folder"])))


def scorer(settings, say):
    def work(call, say):
        if call["do"] != "rescore":
            say("done", encode_jpeg(np.load(Path(call["folder"]) / "crops.npy")[call["at"]], 90))
            return
        say("done", verdict="fake", reason="", probability=0.9, persons=[], ms=0.5, form="sparse", heatmaps=[],
            level={"fake": 0.5, "real": None})  # fmt: skip

    return work
