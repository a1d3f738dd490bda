"""Whether a face counts: its quality, and whether it is of a kind that the ticket knows."""

from __future__ import annotations

from clew.media.familiarity import Familiarity, descriptor
from clew.media.pictures import Picture
from clew.media.quality import quality
from clew.scan.limits import why_not


def judged(square: Picture, crop: Picture, side: int, familiarity: Familiarity | None) -> tuple[dict[str, float], str]:
    """Measures of a face's square as it was cut, and one of `clew.scan.finding.REASONS` where it does not count.

    `crop` is the square as the ticket takes it; `side` its pixels in the source.
    """
    measures = quality(square, float(side))
    if familiarity is not None:
        measures["distance"] = float(familiarity.distance(descriptor(crop)[None])[0])
    reason = why_not(measures)
    if not reason and familiarity is not None and not measures["distance"] <= familiarity.threshold:
        reason = "unfamiliar"
    return {name: round(value, 4) for name, value in measures.items()}, reason
