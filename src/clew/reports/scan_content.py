"""What the page of a scan shows of one finding: its row in the table, and all of it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from clew.base.crops import resize
from clew.media.overlay import SIDE, overlaid
from clew.media.pictures import encode_jpeg
from clew.reports.scan_chart import Thresholds, scale, timeline
from clew.reports.scan_words import operating_words, origin_words, size_words
from clew.reports.words import NONE, counted, number
from clew.scan.evidence import Evidence, Shown
from clew.scan.finding import REASONS, FaceFinding, Finding, PersonFinding
from clew.scan.metadata.cleaned import cleaned

QUALITY = 86
MOST_PERSONS = 8  # of a file that are shown with charts and pictures
MOST_NAME = 1200  # characters of a path or a text; none of them turns the direction of writing
MOST_ROWS = 400  # faces of a person in a table
LEAST_HEAT = 0.5  # log-odds that the bright end stands for at least: noise must not shine
BADGES = {"fake": "fails", "real": "holds", "inconclusive": "open", "unreadable": "open"}
NAMES = {"fake": "Fake", "real": "Real", "inconclusive": "Inconclusive", "unreadable": "Not read"}
Facts = list[tuple[str, str]]


def group_of(finding: Finding) -> str:
    """fake, real, inconclusive or unreadable."""
    return finding.verdict if finding.readable else "unreadable"


def row(finding: Finding, number_: int, full: bool) -> dict[str, Any]:
    """A finding in the table; `full`: whether the page shows all of it too."""
    group = group_of(finding)
    return {
        "number": number_,
        "full": full,
        "name": cleaned(finding.path, MOST_NAME),
        "badge": BADGES[group],
        "verdict": NAMES[group],
        "order": ("fake", "inconclusive", "real", "unreadable").index(group),
        "probability": number(finding.probability, 2),
        "value": -1.0 if finding.probability is None else finding.probability,
        "persons": len(finding.persons),
        "kind": finding.kind,
        "reason": REASONS.get(finding.reason, finding.reason),
    }


def content(finding: Finding, number_: int, evidence: Evidence, opened: bool) -> dict[str, Any]:
    """All that the page shows of a finding."""
    at = Thresholds.of(finding.operating_point)
    scored = finding.persons[:MOST_PERSONS]
    return {
        **row(finding, number_, True),
        "opened": opened,
        "text": cleaned(finding.text, MOST_NAME),
        "notes": [cleaned(note, MOST_NAME) for note in finding.notes],
        "people": [_person(person, finding, at, evidence) for person in scored],
        "more_people": len(finding.persons) - len(scored),
        "operating": operating_words(finding.operating_point),
        "origin": origin_words(finding.provenance),
        "file": _file(finding),
        "made": _made(finding),
        "command": finding.command,
    }


def _person(person: PersonFinding, finding: Finding, at: Thresholds, evidence: Evidence) -> dict[str, Any]:
    video = finding.kind == "video"
    shown = [(place, evidence[person.person, place]) for place in person.decisive if (person.person, place) in evidence]
    top = max((float(np.max(one.heat)) for _, one in shown if one.heat is not None), default=0.0)
    bright = max(top, LEAST_HEAT)
    return {
        "number": person.person,
        "badge": BADGES[person.verdict],
        "verdict": NAMES[person.verdict],
        "said": _said(person, video),
        "thumb": picture_uri(resize(shown[0][1].crop, SIDE)) if shown and video else "",
        "chart": _chart(person, finding, at),
        "decisive": [_decisive(person.faces[place], one, bright, video) for place, one in shown],
        "heat": number(bright, 1) if any(one.heat is not None for _, one in shown) else "",
        "faces": [_face(face) for face in person.faces[:MOST_ROWS]] if video else [],
        "more_faces": max(0, len(person.faces) - MOST_ROWS),
        "reasons": _reasons(person.faces),
    }


def _said(person: PersonFinding, video: bool) -> str:
    """The person's figures in a sentence."""
    why = REASONS.get(person.reason, person.reason)
    told = f"{why[:1].upper()}{why[1:]}. " if why else ""
    if person.probability is None:
        return f"{told}No probability is given."
    over = f", the mean of {person.counted} of {counted(len(person.faces), 'face')}" if video else ""
    return f"{told}Probability of fake {number(person.probability, 3)}{over}."


def _chart(person: PersonFinding, finding: Finding, at: Thresholds) -> Markup | str:
    if finding.kind == "video":
        seconds = finding.media.get("duration_s")
        return timeline(person, at, float(seconds) if isinstance(seconds, int | float) else 0.0)
    return scale(person, at) if person.probability is not None else ""


def _decisive(face: FaceFinding, shown: Shown, bright: float, video: bool) -> dict[str, str]:
    where = f"frame {face.frame}, {face.time_s:.2f} s: " if video else ""
    heat = "" if shown.heat is None else picture_uri(overlaid(shown.crop, np.maximum(shown.heat, 0), bright))
    caption = f"{where}{number(face.probability, 2)}" if video else f"probability {number(face.probability, 2)}"
    return {"caption": caption, "crop": picture_uri(resize(shown.crop, SIDE)), "heat": heat}


def _face(face: FaceFinding) -> dict[str, str]:
    return {
        "frame": str(face.frame),
        "time": f"{face.time_s:.2f}",
        "probability": number(face.probability, 3),
        "counts": "counts" if not face.reason else REASONS.get(face.reason, face.reason),
        "size": f"{face.box[2]:.0f} x {face.box[3]:.0f}{'' if face.detected else ', followed'}",
    }


def _reasons(faces: Iterable[FaceFinding]) -> Facts:
    """Why faces do not count, and how many for each reason."""
    counts: dict[str, int] = {}
    for face in faces:
        if face.reason:
            counts[face.reason] = counts.get(face.reason, 0) + 1
    return [(REASONS.get(reason, reason), counted(count, "face")) for reason, count in counts.items()]


def _file(finding: Finding) -> Facts:
    media, facts = (
        finding.media,
        [("SHA-256", str(finding.file.get("sha256", ""))), ("Size", size_words(finding.file.get("bytes")))],
    )
    if media.get("width"):
        facts.append(("Picture", f"{media['width']} x {media.get('height')} pixels"))
    if media.get("frames"):
        rate = f", {float(media.get('fps') or 0):g} a second, {float(media.get('duration_s') or 0):.2f} s"
        facts.append(("Frames", f"{media['frames']}{rate}, {media.get('codec', '')}"))
    if media.get("damage"):
        facts.append(("Damage", str(media["damage"])))
    return [(name, value) for name, value in facts if value]


def _made(finding: Finding) -> Facts:
    """What the finding was made with."""
    ticket, sampling = finding.ticket, finding.sampling
    facts = [
        ("Ticket", f"{ticket.get('name', '')}, {ticket.get('detector', '')}".strip(", ")),
        ("Ticket hash", str(ticket.get("hash", ""))),
    ]
    facts.append(("Crop protocol", str(ticket.get("protocol", ""))))
    facts.append(
        ("Clew", f"{ticket.get('version', '')}, form {ticket.get('form', NONE)}" if ticket.get("version") else "")
    )
    frames = sampling.get("frames")
    if isinstance(frames, list | tuple) and frames:
        facts.append(("Frames looked at", f"{counted(len(frames), 'frame')}: {_frames(frames)}"))
    lost = sampling.get("unreadable")
    if isinstance(lost, list | tuple) and lost:
        facts.append(("Frames not read", str(len(lost))))
    if finding.settings:
        facts.append(("Settings", ", ".join(f"{key} {_value(value)}" for key, value in finding.settings.items())))
    return [(name, value) for name, value in facts if value]


def _frames(frames: Iterable[Any], most: int = 12) -> str:
    listed = list(map(str, frames))
    return (
        ", ".join(listed)
        if len(listed) <= most
        else f"{', '.join(listed[: most - 2])}, \N{HORIZONTAL ELLIPSIS}, {listed[-1]}"
    )


def _value(value: Any) -> str:
    return ", ".join(f"{key} {_value(one)}" for key, one in value.items()) if isinstance(value, Mapping) else str(value)


def picture_uri(picture: np.ndarray) -> str:
    """A picture (H, W, 3) as a JPEG in a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(picture, QUALITY)).decode()
