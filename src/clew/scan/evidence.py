"""What is decisive in a finding, handed to whoever keeps pictures of it, with heatmaps where those are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clew.media.pictures import Picture
from clew.scan.finding import PersonFinding
from clew.scan.people import Person

# Crops (B, H, W, 3) to maps (B, h, w) of what speaks for fake in them.
Heatmaps = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Shown:
    """A decisive face: of which person, in which frame, its crop (H, W, 3), its heatmap (h, w) where there is one."""

    person: int
    frame: int
    crop: Picture
    heat: NDArray[np.float32] | None


# Keeps a decisive face and returns the name that the finding gives its heatmap, "" for none.
Keep = Callable[[Shown], str]


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
        name = keep(Shown(person.person, faces[place].frame, crop, heat))
        faces[place] = replace(faces[place], heatmap=name)
    return replace(person, faces=tuple(faces))
