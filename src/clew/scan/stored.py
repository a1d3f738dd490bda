"""Findings read back from the JSON that `Finding.as_dict` gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from clew.base.errors import ClewError
from clew.scan.finding import FORMAT, REASONS, FaceFinding, Finding, Kind, PersonFinding, Verdict

_MAPPINGS = ("file", "media", "sampling", "ticket", "provenance", "settings")


def finding_from(value: Any) -> Finding:
    """The finding in a value of JSON; raises ClewError where it is none, or of another format."""
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise ClewError(f"expected a finding of format {FORMAT}.")
    try:
        known = {key: value[key] for key in value if key != "format"}
        persons = tuple(_person(person) for person in known.pop("persons"))
        notes = tuple(str(note) for note in known.pop("notes"))
        found = Finding(**known, persons=persons, notes=notes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ClewError(f"expected a finding, found something else ({error}).") from None
    _check(found)
    return found


def _person(value: Mapping[str, Any]) -> PersonFinding:
    faces = tuple(FaceFinding(**{**face, "box": tuple(face["box"])}) for face in value["faces"])
    person = PersonFinding(**{**value, "faces": faces, "decisive": tuple(value["decisive"])})
    if person.verdict not in get_args(Verdict) or not all(0 <= at < len(faces) for at in person.decisive):
        raise ValueError("a person's verdict or decisive faces")
    return person


def _check(found: Finding) -> None:
    """What every reader relies on."""
    texts = (found.path, found.text, found.command)
    mappings = [getattr(found, name) for name in _MAPPINGS] + [found.operating_point or {}]
    right = (
        found.verdict in get_args(Verdict)
        and found.kind in get_args(Kind)
        and (found.reason == "" or found.reason in REASONS)
        and (found.probability is None or isinstance(found.probability, int | float))
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(mapping, Mapping) for mapping in mappings)
    )
    if not right:
        raise ClewError("expected a finding, found one with a field of another kind.")
