"""How a model's figures fall as pictures are corrupted: each level beside the same pictures left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.base.progress import Progress, Task
from clew.tickets.evaluation.bench import Bench, Measured, measure, picture_bench, told, video_bench
from clew.tickets.evaluation.corruptions import corruptions
from clew.tickets.evaluation.kept import Logits, subject_of
from clew.tickets.evaluation.models import Member, Model
from clew.tickets.evaluation.samples import corrupted, some_videos, take
from clew.tickets.evaluation.scoring import score
from clew.training.data import Samples
from clew.training.score import fake_probability

FIGURES = ("auc", "accuracy")
Condition = tuple[str, float]  # a corruption by name, and its level


def robustness(
    model: Model,
    samples: Samples,
    clean: Sequence[Logits],
    limit: int,
    resamples: int,
    out: Path | None,
    progress: Progress,
) -> dict[str, Any]:
    """Figures of a model under every registered corruption and level, paired with the clean ones.

    `clean` are the logits (N, K) of `samples` by each member; `limit` takes about so many of them, by whole videos
    (0: all). {"limit", "pictures", "clean": {"picture","video"}, "corruptions": [{"name","title","unit","levels":
    [{"level","picture": {"auc","accuracy","auc_minus_clean","accuracy_minus_clean"},"video": ...}]}]}. Corruptions
    act at the store's crop size, before the detector's.
    """
    chosen = some_videos(samples, limit)
    some = take(samples, chosen)
    base = _both(some, [part[chosen] for part in clean], model, resamples)
    with progress.task("corrupted", len(conditions()) * len(some) * len(model.members)) as task:
        found = {
            condition: _against(_both(spoilt, logits, model, resamples), base)
            for condition, spoilt, logits in under_corruptions(model.members, some, kept_of(some, samples), out, task)
        }
    return {
        "limit": limit,
        "pictures": len(some),
        "clean": {kind: None if one is None else one.as_dict() for kind, one in base.items()},
        "corruptions": by_corruption(found),
    }


def conditions() -> list[Condition]:
    """Every registered corruption at each of its levels, from mild to hard."""
    return [(name, float(level)) for name in corruptions for level in corruptions.get(name).levels]


def kept_of(some: Samples, samples: Samples) -> int:
    """How many were taken, 0 for all: what a Subject names as its limit."""
    return len(some) if len(some) < len(samples) else 0


def under_corruptions(
    members: Sequence[Member], some: Samples, limit: int, out: Path | None, task: Task
) -> Iterator[tuple[Condition, Samples, list[Logits]]]:
    """Each of `conditions` with the corrupted samples and their logits (N, K) by each member; `limit`: see Subject."""
    for name, level in conditions():
        spoilt = corrupted(some, name, level)
        yield (name, level), spoilt, score(members, spoilt, subject_of(spoilt, limit), out, task)


def by_corruption(found: Mapping[Condition, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was found under each of `conditions`: [{"name","title","unit","levels": [{"level", ...}]}]."""
    return [
        {
            "name": name,
            "title": corruptions.get(name).title,
            "unit": corruptions.get(name).unit,
            "levels": [{"level": level, **found[other, level]} for other, level in conditions() if other == name],
        }
        for name in corruptions
    ]


def _both(samples: Samples, logits: Sequence[Logits], model: Model, resamples: int) -> dict[str, Measured | None]:
    """Figures per picture, and per video where there are videos."""
    prob = np.stack([fake_probability(part) for part in logits])
    pictures = picture_bench(samples, prob, model.seeds, resamples)
    return {"picture": measure(pictures, FIGURES), "video": _videos(samples, pictures)}


def _videos(samples: Samples, pictures: Bench) -> Measured | None:
    videos = video_bench(samples, pictures)
    return measure(videos, FIGURES) if has_videos(samples) else None


def has_videos(samples: Samples) -> bool:
    """Whether any of the samples belongs to a video."""
    return any(samples.rows["video"].to_pylist())


def _against(found: dict[str, Measured | None], base: dict[str, Measured | None]) -> dict[str, Any]:
    """The figures with their paired differences from the clean ones."""
    told_by: dict[str, Any] = {}
    for kind, one in found.items():
        clean = base[kind]
        if one is None or clean is None:
            told_by[kind] = None
            continue
        told_by[kind] = one.as_dict()
        for name in FIGURES:
            here, there = one.estimates[name], clean.estimates[name]
            minus = here.minus(there) if here is not None and there is not None else None
            told_by[kind][f"{name}_minus_clean"] = told(minus, one.clusters, -1.0)
    return told_by
