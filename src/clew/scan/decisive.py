"""What is decisive in a finding, handed to whoever keeps pictures of it, with heatmaps where those are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from clew.scan.evidence import Shown
from clew.scan.finding import PersonFinding
from clew.scan.occlusion import Heatmaps
from clew.scan.people import Person

# Keeps a decisive face, told by person (from 1) and place in the person's faces, and returns the name that the finding
# gives its heatmap, "" for none.
Keep = Callable[[int, int, Shown], str]


def kept(
    persons: Sequence[PersonFinding], found: Mapping[int, Person], keep: Keep | None, heatmaps: Heatmaps | None
) -> tuple[PersonFinding, ...]:
    """The persons, their decisive faces kept; `found` holds the crops, by number of the person."""
    if keep is None:
        return tuple(persons)
    return tuple(_kept(person, found[person.person], keep, heatmaps) for person in persons)


def _kept(person: PersonFinding, found: Person, keep: Keep, heatmaps: Heatmaps | None) -> PersonFinding:
    places = [place for place in person.decisive if place in found.kept]
    if not places:
        return person
    crops = [found.kept[place] for place in places]
    heats = list(heatmaps(np.stack(crops))) if heatmaps is not None else [None] * len(crops)
    faces = list(person.faces)
    for place, crop, heat in zip(places, crops, heats, strict=True):
        faces[place] = replace(faces[place], heatmap=keep(person.person, place, Shown(crop, heat)))
    return replace(person, faces=tuple(faces))
