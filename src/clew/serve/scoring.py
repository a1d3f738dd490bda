"""The work of scoring kept crops again: with another ticket, for a heatmap, or to be looked at."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.media.descriptor import descriptor
from clew.media.overlay import overlaid
from clew.media.pictures import encode_jpeg
from clew.reports.scan_page import write_scan_page
from clew.scan.decide import decided, file_verdict
from clew.scan.evidence import Shown
from clew.scan.finding import FaceFinding
from clew.scan.occlusion import occlusion_of
from clew.scan.people import DIGITS, Person
from clew.scan.stored import finding_from
from clew.scan.ticket import ReadyTicket
from clew.serve.crops import read_crops
from clew.serve.loaded import Loaded
from clew.serve.worker import Refused, Say, Work

TIMED = 9  # scores of single crops, at the least, that a median is taken of
QUALITY = 90  # of a crop's JPEG
SIDE = 256  # pixels of a heatmap


def scorer(settings: Mapping[str, Any], say: Say) -> Work:
    """Work that takes calls {"do": "rescore" | "crop" | "heatmap", "folder", ...}; see below what each needs."""
    loaded = Loaded(settings, eager=True)
    calls = {"rescore": _rescore, "crop": _crop, "heatmap": _heatmap, "page": _page}

    def work(call: Mapping[str, Any], say: Say) -> None:
        calls[str(call["do"])](call, loaded, say)

    return work


def _crop(call: Mapping[str, Any], loaded: Loaded, say: Say) -> None:
    """`at` which of the kept crops."""
    say("done", encode_jpeg(read_crops(Path(call["folder"]), [int(call["at"])])[0], QUALITY))


def _heatmap(call: Mapping[str, Any], loaded: Loaded, say: Say) -> None:
    """`at` which of the kept crops, `ticket` by which it is made."""
    crop = read_crops(Path(call["folder"]), [int(call["at"])])
    heat = heats(loaded.get(str(call["ticket"])), crop)[0]
    say("done", _png(overlaid(crop[0], heat, float(np.abs(heat).max()), side=SIDE)))


def _page(call: Mapping[str, Any], loaded: Loaded, say: Say) -> None:
    """The `finding`, as it was told, and of the crops `at` some places that of each (person, place) in `shown`."""
    at = list(map(int, call["at"]))
    crops: Iterable[NDArray[np.uint8]] = read_crops(Path(call["folder"]), at) if at else ()
    maps: Iterable[NDArray[np.float32]] = heats(loaded.get(str(call["ticket"])), np.asarray(crops)) if at else ()
    keys = [(int(person), int(place)) for person, place in call["shown"]]
    evidence = {key: Shown(crop, heat) for key, crop, heat in zip(keys, crops, maps, strict=True)}
    with TemporaryDirectory(dir=Path(call["folder"]).parent) as folder:
        path = write_scan_page([finding_from(call["finding"])], Path(folder) / "page", evidence=lambda _: evidence)
        say("done", path.read_bytes())


def heats(ready: ReadyTicket, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Heatmaps (B, h, w) for "fake" of crops (B, H, W, 3)."""
    return occlusion_of(ready.runtime.logits, ready.runtime.input_size)(crops)


def _rescore(call: Mapping[str, Any], loaded: Loaded, say: Say) -> None:
    """`ticket`, the finding's `persons`, `faces` the (person, place) of each crop, and the arguments of the verdict.

    Those are `video`, `least` faces that must count, `everybody` was looked at; `heatmaps`: of these crops too.
    """
    ready = loaded.get(str(call["ticket"]))
    crops = read_crops(Path(call["folder"]))
    scores, seconds = timed_scores(ready, crops)
    known = _known(ready, crops)
    level = ready.levels["video" if call["video"] else "picture"]
    places = {(int(person), int(place)): at for at, (person, place) in enumerate(call["faces"])}
    persons = []
    for told in call["persons"]:
        number = int(told["person"])
        faces = [_again(face, places.get((number, place)), scores, known) for place, face in enumerate(told["faces"])]
        persons.append(decided(number, Person(faces), level, int(call["least"])))
    verdict, reason, _ = file_verdict(persons, bool(call["everybody"]))
    found = [person.probability for person in persons if person.probability is not None]
    asked = list(map(int, call.get("heatmaps", ())))
    say(
        "done",
        verdict=verdict,
        reason=reason,
        probability=max(found, default=None),
        persons=[_person(person) for person in persons],
        ms=round(1000 * seconds, 3),
        form=ready.runtime.form,
        heatmaps=np.round(heats(ready, crops[asked]).astype(np.float64), 5).tolist() if asked else [],
        level={"fake": level.fake, "real": level.real},
    )


def _again(face: Mapping[str, Any], at: int | None, scores: Sequence[float], known: Sequence[bool]) -> FaceFinding:
    """A face with its new score; one without a crop did not count before and does not now."""
    old = FaceFinding(**{**face, "box": tuple(face["box"])})
    if at is None:
        return replace(old, probability=None)
    if not known[at]:
        return replace(old, probability=None, reason="unfamiliar")
    if not np.isfinite(scores[at]):
        return replace(old, probability=None, reason="no-score")
    return replace(old, probability=round(float(scores[at]), DIGITS), reason="")


def _person(person: Any) -> dict[str, Any]:
    return {
        "person": person.person,
        "verdict": person.verdict,
        "probability": person.probability,
        "reason": person.reason,
        "counted": person.counted,
        "decisive": list(person.decisive),
        "faces": [face.probability for face in person.faces],
    }


def timed_scores(ready: ReadyTicket, crops: NDArray[np.uint8]) -> tuple[list[float], float]:
    """The probability of fake of each crop (N, H, W, 3), and the median seconds that one took, scored one by one."""
    scores, seconds = [], []
    for at in range(max(len(crops), TIMED)):
        begun = time.perf_counter()
        score = ready.runtime.predict(crops[at % len(crops)][None], ready.calibrated)
        seconds.append(time.perf_counter() - begun)
        scores.append(float(score[0]))
    return scores[: len(crops)], median(seconds)


def _known(ready: ReadyTicket, crops: NDArray[np.uint8]) -> list[bool]:
    """Whether the ticket knows each crop's kind."""
    familiarity = ready.familiarity
    if familiarity is None:
        return [True] * len(crops)
    distances = familiarity.distance(np.stack([descriptor(crop) for crop in crops]))
    return [bool(one <= familiarity.threshold) for one in distances]


def _png(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise Refused("unreadable", "the heatmap cannot be written as PNG.")
    return data.tobytes()
