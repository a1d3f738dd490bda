"""A finding in a sentence, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from clew.scan.finding import REASONS, PersonFinding, Verdict
from clew.scan.operating import Level

NO_REAL = "the ticket states no threshold at which anything is called real"


def sentence(
    name: str,
    verdict: Verdict,
    reason: str,
    persons: Sequence[PersonFinding],
    on: PersonFinding | None,
    level: Level,
    read: int,
) -> str:
    """What a finding says of the file `name`, whose `read` frames could be read; `on` is the person it rests on."""
    if verdict == "real":
        return f"{name}: real. {_everybody(persons, level)}"
    if verdict == "fake" and on is not None:
        from_on = f"from {level.fake:.2f} on the ticket calls a {level.name} fake"
        return f"{name}: fake. {_who(on, persons, level).capitalize()} {_has(on, level)}; {from_on}{_alarms(level)}."
    return f"{name}: inconclusive, {_why(reason, persons, on, level, read)}."


def unreadable(name: str, why: str) -> str:
    """The sentence for a file that cannot be read."""
    return f"{name}: inconclusive, the file cannot be read: {why}."


def _why(reason: str, persons: Sequence[PersonFinding], on: PersonFinding | None, level: Level, read: int) -> str:
    if on is None:
        return REASONS[reason] + (f" in any of {count(read, 'frame')}" if level.name == "video" else "")
    if reason == "not-everybody":
        judged = sum(one.verdict == "real" for one in persons)
        return f"{REASONS[reason]}: {judged} of {count(len(persons), 'person')} seem{'s' * (judged == 1)} real"
    who = _who(on, persons, level)
    if on.probability is None:
        where = f", {who} is seen in {count(len(on.faces), 'frame')}" if level.name == "video" else f" ({who})"
        return REASONS[reason] + where
    half = reason == "uncertain" and level.real is None
    told = f"{NO_REAL if half else REASONS[reason]}: {who} {_has(on, level)}"
    return told + (f", between {level.real:.2f} and {level.fake:.2f}" if reason == "uncertain" and not half else "")


def _everybody(persons: Sequence[PersonFinding], level: Level) -> str:
    highest = max(one.probability or 0.0 for one in persons)
    up_to = f"up to {level.real:.2f} the ticket calls a {level.name} real"
    if len(persons) == 1:
        return f"{_who(persons[0], persons, level).capitalize()} {_has(persons[0], level)}; {up_to}."
    return f"All {len(persons)} persons have a probability of fake of at most {highest:.2f}; {up_to}."


def _who(person: PersonFinding, persons: Sequence[PersonFinding], level: Level) -> str:
    only = "its only face" if level.name == "picture" else "its only person"
    return only if len(persons) == 1 else f"person {person.person} of {len(persons)}"


def _has(person: PersonFinding, level: Level) -> str:
    over = f" over {count(person.counted, 'frame')}" if level.name == "video" else ""
    return f"has a probability of fake of {person.probability:.2f}{over}"


def _alarms(level: Level) -> str:
    """The share of real ones that the threshold called fake where it was measured."""
    rate = (level.told or {}).get("fake", {}).get("fpr")
    return f" (as it called {100 * rate:.2g} % of real ones where it was calibrated)" if rate is not None else ""


def count(number: int, what: str) -> str:
    """A number with what it counts: 1 frame, 2 frames."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
