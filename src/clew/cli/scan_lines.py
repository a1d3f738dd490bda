"""What `clew scan` prints: a line for each of many files, a paragraph on a single one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from clew.cli.console import printable
from clew.scan.finding import REASONS, Finding, PersonFinding
from clew.scan.summary import Summary

STYLES = {"fake": "bold red", "real": "green", "inconclusive": "yellow", "unreadable": "magenta"}
HEAD = f"{'verdict':13} {'fake':>5} {'persons':>7}  file"


def shown_verdict(finding: Finding) -> str:
    """The verdict, or that there is none because the file cannot be read."""
    return finding.verdict if finding.readable else "unreadable"


def row(finding: Finding) -> Text:
    """A file's line: verdict, probability of fake, persons, name, and the reason where there is no verdict."""
    verdict = shown_verdict(finding)
    score = "" if finding.probability is None else f"{finding.probability:.2f}"
    line = Text(f"{verdict:13}", style=STYLES[verdict])
    line.append(f" {score:>5} {len(finding.persons):7}  {printable(finding.path)}", style="default")
    if finding.reason:
        line.append(f"  ({printable(_why(finding))})", style="dim")
    return line


def _why(finding: Finding) -> str:
    if finding.readable:
        return REASONS.get(finding.reason, finding.reason)
    return finding.text.partition("read: ")[2].rstrip(".") or REASONS["unreadable"]


class Rows:
    """Prints findings as they come: lines for people, or one JSON object {"findings": [...], "summary"} in pieces."""

    def __init__(self, as_json: bool) -> None:
        self.as_json, self.first = as_json, True
        self.stream = sys.stdout  # a bar of progress puts something else in its place
        terminal = self.stream.isatty()
        self.console = Console(highlight=False, soft_wrap=True, file=None if terminal else self.stream)

    def show(self, findings: Iterable[Finding], summary: Summary) -> None:
        """Prints all of them."""
        for finding in findings:
            summary.add(finding)
            self._one(finding)

    def end(self, summary: Summary) -> None:
        """Prints what they come to."""
        if self.as_json:
            self.stream.write(f'\n], "summary": {json.dumps(summary.as_dict())}}}\n')
            return
        self.console.print(printable(summary.text), style="bold", markup=False)
        if summary.skipped:
            self.console.print(printable(summary.skipped), style="dim", markup=False)

    def _one(self, finding: Finding) -> None:
        if self.as_json:
            start = '{"findings": [' if self.first else ","
            self.stream.write(f"{start}\n{json.dumps(finding.as_dict(), allow_nan=False)}")
        else:
            if self.first:
                self.console.print(HEAD, style="bold")
            self.console.print(row(finding))
        self.first = False


def paragraph(finding: Finding) -> list[str]:
    """A single file's finding in full."""
    lines = [finding.text]
    lines += [_person(person, finding.kind == "video") for person in finding.persons]
    lines += [_uncounted(person) for person in finding.persons if _reasons(person)]
    lines += [f"note: {note}" for note in finding.notes]
    lines += [_origin(finding), _rests_on(finding)]
    if finding.command:
        lines.append(f"again: {finding.command}")
    return [line for line in lines if line]


def _person(person: PersonFinding, video: bool) -> str:
    score = "" if person.probability is None else f", probability of fake {person.probability:.2f}"
    why = f" ({REASONS.get(person.reason, person.reason)})" if person.reason else ""
    told = f"person {person.person}: {person.verdict}{why}{score}"
    faces = person.faces
    if not video or not faces:
        return told + (f", face at x {faces[0].box[0]:.0f}, y {faces[0].box[1]:.0f}" if faces else "")
    seen = f"seen from {clock(faces[0].time_s)} to {clock(faces[-1].time_s)}"
    told += f", {person.counted} of {len(faces)} faces count, {seen}"
    places = [faces[at] for at in person.decisive]
    decisive = ", ".join(
        f"{clock(face.time_s)} ({face.probability:.2f})" for face in places if face.probability is not None
    )
    return told + (f"; decisive at {decisive}" if decisive else "")


def _reasons(person: PersonFinding) -> dict[str, int]:
    reasons = [face.reason for face in person.faces if face.reason]
    return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


def _uncounted(person: PersonFinding) -> str:
    told = ", ".join(f"{count} x {REASONS.get(reason, reason)}" for reason, count in _reasons(person).items())
    return f"  faces of person {person.person} that do not count: {told}"


def _origin(finding: Finding) -> str:
    text = finding.provenance.get("text", "")
    return f"origin: {text}" if isinstance(text, str) and text else ""


def _rests_on(finding: Finding) -> str:
    ticket, facts = finding.ticket, finding.file
    parts = [f"file SHA-256 {facts['sha256']}"] if "sha256" in facts else []
    if ticket:
        parts.append(f"ticket {ticket.get('name')} ({str(ticket.get('hash'))[:12]})")
    return "; ".join(parts)


def clock(seconds: float) -> str:
    """A time in a video: 0:03.2, 1:02:07.5."""
    tenths = round(seconds * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
