"""The decisive faces of a finding, put beside its numbers: their crops, with heatmaps where those are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from clew.scan.evidence import Shown
from clew.scan.finding import PersonFinding
from clew.scan.occlusion import Heatmaps
from clew.scan.people import Person

Kept = dict[tuple[int, int], Shown]  # by person (from 1) and place in the person's `faces`


def keep(
    evidence: Kept, persons: Sequence[PersonFinding], found: Mapping[int, Person], heatmaps: Heatmaps | None
) -> None:
    """Puts the decisive faces of all persons into `evidence`; `found` holds their crops, by number of the person."""
    for person in persons:
        crops = found[person.person].kept
        places = [place for place in person.decisive if place in crops]
        if not places:
            continue
        heats = heatmaps(np.stack([crops[place] for place in places])) if heatmaps is not None else [None] * len(places)
        for place, heat in zip(places, heats, strict=True):
            evidence[person.person, place] = Shown(crops[place], heat)
