"""All measures of an explanation, net by net, from what the nets made of the pictures."""

from __future__ import annotations

from typing import Any

from clew.base.progress import Progress, Task
from clew.explain.features import bands, clues, filters, flips, has_blocks
from clew.explain.focus import FOCUS
from clew.explain.focus_figures import (
    between_seeds,
    empty_share,
    focus_kept,
    focus_right,
    part_figures,
    region_gain,
    region_values,
)
from clew.explain.gallery import gallery
from clew.explain.landmarks import Landmarks
from clew.explain.means import Values
from clew.explain.parts_of_faces import FaceParts, face_parts
from clew.explain.regions import REGION
from clew.explain.seen import Seen
from clew.explain.shelf import Shelf
from clew.explain.told import is_own
from clew.explain.trust import trust_figures
from clew.tickets.evaluation.models import Model

Place = tuple[str, float]


def measured(
    seen: Seen, shown: float | None, landmarks: Landmarks | None, shelf: Shelf, slow: bool, progress: Progress
) -> dict[str, Any]:
    """The measures' names, NETS, gallery, bands, filters, flips and clues of `explain_ladder`.

    `shown`: the level whose verdicts the gallery compares with dense first; `slow` False leaves slow measures out.
    """
    trusted = _trusted(seen, shelf, progress) if slow else {}
    banded = _banded(seen, shelf, progress) if slow else None
    faces = face_parts(seen.subject, landmarks, progress)
    with progress.task("comparing", _steps(seen)) as task:
        regions = (
            {place_of(model): region_values(seen, model, task) for model in _models(seen)}
            if seen.subject.known.any()
            else {}
        )
        dense = _net(seen, seen.nets.dense, 0.0, None, regions, trusted, faces, task)
        levels = [
            _net(seen, one.model, one.sparsity, one.reference, regions, trusted, faces, task)
            for one in seen.nets.levels
        ]
        between = between_seeds(seen, task)
    return {
        "measures": {"focus": _described(FOCUS), "region": _described(REGION)},
        "parts": faces.as_dict(),
        "dense": dense,
        "levels": levels,
        "between_seeds": between,
        "bands": banded,
        "filters": filters(seen.nets, progress),
        "flips": _flips(seen, progress),
        "clues": _clues(seen, shelf, progress) if slow and has_blocks(seen.nets) else None,
        "gallery": _gallery(seen, shown, shelf, progress),
    }


def place_of(model: Model) -> Place:
    """What a model is found by."""
    return model.method, model.level


def _models(seen: Seen) -> list[Model]:
    return seen.nets.models


def _steps(seen: Seen) -> int:
    """Pictures to go through: each level's focus, each net's regions and parts, each pair of seeds."""
    nets, seeds = seen.nets, len(seen.nets.seeds)
    region = len(nets.models) if seen.subject.known.any() else 0
    pairs = 0 if seen.lens.target.number is None else seeds * (seeds - 1) // 2
    return len(seen.subject) * (seeds * (2 * len(nets.levels) + 1 + region) + pairs)


def _net(
    seen: Seen,
    model: Model,
    sparsity: float,
    reference: Model | None,
    regions: dict[Place, dict[str, Values]],
    trusted: dict[Place, Any],
    faces: FaceParts,
    task: Task,
) -> dict[str, Any]:
    place = place_of(model)
    own = regions.get(place)
    against = None if reference is None else regions.get(place_of(reference))
    return {
        "method": model.method,
        "level": model.level,
        "sparsity": sparsity,
        "reference": _reference_name(seen, reference),
        "focus": None if reference is None else focus_kept(seen, model, reference, task),
        "region": None if own is None else focus_right(seen, own, against),
        "region_gain": None if own is None else region_gain(seen, own),
        "parts": part_figures(seen, model, faces.masks_of, task),
        "empty": empty_share(seen, model),
        "trust": trusted.get(place),
    }


def _reference_name(seen: Seen, reference: Model | None) -> str:
    if reference is None:
        return ""
    return "dense" if place_of(reference) == place_of(seen.nets.dense) else "dense, trained on for as long"


def _described(measures: Any) -> dict[str, Any]:
    return {name: {"title": one.title, "unit": one.unit, "more": one.more} for name, one in measures.items()}


def _trusted(seen: Seen, shelf: Shelf, progress: Progress) -> dict[Place, Any]:
    models = [seen.nets.dense, *(one.model for one in seen.nets.levels)]
    with progress.task("faithfulness", len(models) * len(seen.nets.seeds) * len(seen.subject.slow)) as task:
        return {place_of(model): trust_figures(seen, model, shelf, task) for model in models}


def _banded(seen: Seen, shelf: Shelf, progress: Progress) -> dict[str, Any]:
    with progress.task("frequencies", len(seen.nets.models) * len(seen.nets.seeds) * len(seen.subject.slow)) as task:
        return bands(seen, shelf, task)


def _clues(seen: Seen, shelf: Shelf, progress: Progress) -> dict[str, Any]:
    with progress.task("clues", len(seen.nets.models) * len(seen.nets.seeds) * len(seen.subject.slow)) as task:
        return clues(seen, shelf, task)


def _flips(seen: Seen, progress: Progress) -> dict[str, Any] | None:
    with progress.task("verdicts that flip", 1) as task:
        found = flips(seen, is_own(seen.nets, seen.subject.store))
        task.advance(1)
    return found


def _gallery(seen: Seen, shown: float | None, shelf: Shelf, progress: Progress) -> dict[str, Any]:
    """Of the first seed: dense and all levels."""
    models = [seen.nets.dense, *(one.model for one in seen.nets.levels)]
    columns = [(model.level, seen.prob(model)[0], seen.heat(model)[0]) for model in models]
    with progress.task("gallery", 1) as task:
        found = gallery(shelf.out, seen.subject, seen.nets.seeds[0], columns, shown)
        task.advance(1)
    return found
