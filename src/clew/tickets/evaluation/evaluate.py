"""`clew.evaluate`: a model's figures on stores that it may never have seen, all of them with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.base.errors import ClewError
from clew.base.files import write_json
from clew.base.progress import SILENT, Progress, Task
from clew.datasets.store import CropStore, open_store
from clew.tickets.evaluation.bench import Bench, measure, picture_bench, video_bench
from clew.tickets.evaluation.calibrated import at_operating_point, calibration_report, calibrations, called_fake
from clew.tickets.evaluation.classes import classes_report
from clew.tickets.evaluation.findings import headline, warnings_of
from clew.tickets.evaluation.kept import Logits, subject_of
from clew.tickets.evaluation.models import Model, choose_model
from clew.tickets.evaluation.parts import parts
from clew.tickets.evaluation.robustness import has_videos, robustness
from clew.tickets.evaluation.samples import SPLITS, usable, video_names
from clew.tickets.evaluation.scoring import score
from clew.training.data import Samples
from clew.training.score import fake_probability

EVALUATION = "evaluation.json"
FORMAT = 1
RESAMPLES, LIMIT = 1000, 2000
STAGES = 4  # of measuring: the whole, its parts, calibration, classes


def evaluate(
    model: Path | str,
    stores: Sequence[Path | str],
    *,
    split: str = "test",
    method: str = "",
    level: float | None = None,
    corrupt: bool = False,
    limit: int = LIMIT,
    resamples: int = RESAMPLES,
    out: Path | str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Scores a model's tickets on a split of each store and measures them per picture, video, method, compression.

    `model` is a run of `clew train` (all its seeds), a ladder (`method` and `level` name an entry; default: its
    dense nets) or a ticket file. `corrupt` adds the robustness table on about `limit` pictures of each store (0:
    all). With `out` scores are kept there, so that the same call goes on where it stopped, and `evaluation.json` is
    written. Raises ClewError before any work for what cannot be opened.

    The result, as it stands in JSON; an INTERVAL is {"mean","low","high","n"} (90 %, n seeds; low and high null where
    too few clusters are there) or null where a number cannot be had:

        format, headline, split, resamples, warnings: [text]
        model: {name, path, method, level, detector, input_size, classes: [name], seeds: [int], tickets: [{file, seed,
                seal, sparsity}], data: [{name, hash, protocol}], protocol}
        stores: [{name, hash, protocol, layout, pictures, videos, reals, fakes, clusters,
            picture, video: FIGURES (video null without videos),
            methods, compressions, methods_by_compression: [{method, compression, picture, video: FIGURES}],
            called_fake: {real, fake: INTERVAL} per video at 0.5,
            operating_point: {fpr, picture, video: {tpr, fpr: INTERVAL, thresholds}, perhaps real: {picture, video:
                {tnr, fnr: INTERVAL, thresholds}}} or null,
            calibration: {prior, before, after: {ece: INTERVAL, bins}} (after: null without a calibration),
            classes: see classes_report, or null,
            robustness: see robustness, or null}]

    FIGURES: {auc, accuracy, eer, ap: INTERVAL, rows, reals, fakes, clusters, reason}; parts have auc and accuracy.
    """
    _check(stores, split, limit, resamples, out)
    chosen = choose_model(model, method, level)
    opened = [open_store(path) for path in stores]
    classes = chosen.classes if len(chosen.classes) > 2 else ()
    loaded = [usable(store, split, classes) for store in opened]
    folder = None if out is None else Path(out)
    scored = _scored(chosen, loaded, folder, progress)
    found = []
    for store, samples, logits in zip(opened, loaded, scored, strict=True):
        with progress.task(f"measuring on {store.name}", STAGES) as task:
            one = _on_store(chosen, store, samples, logits, resamples, task)
        one["robustness"] = robustness(chosen, samples, logits, limit, resamples, folder, progress) if corrupt else None
        found.append(one)
    result = {
        "format": FORMAT,
        "headline": headline(chosen, found),
        "split": split,
        "resamples": resamples,
        "warnings": list(dict.fromkeys(text for store in opened for text in warnings_of(chosen, store, split))),
        "model": _model_facts(chosen, Path(model)),
        "stores": found,
    }
    if folder is not None:
        write_json(folder / EVALUATION, result)
    return result


def _check(stores: Sequence[Path | str], split: str, limit: int, resamples: int, out: Path | str | None) -> None:
    if not stores:
        raise ClewError("expected at least one crop store to evaluate on.")
    if split not in SPLITS:
        raise ClewError(f"unknown split '{split}'. Known: {', '.join(SPLITS)}.")
    check_request(limit, resamples, out)


def check_request(limit: int, resamples: int, out: Path | str | None) -> None:
    """Raises ClewError for a limit, a number of resamples or a folder for scores that cannot be."""
    if limit < 0:
        raise ClewError(f"--limit {limit}: expected a number of pictures, or 0 for all.")
    if not 100 <= resamples <= 100_000:
        raise ClewError(f"--resamples {resamples}: expected 100 to 100000.")
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise ClewError(f"{out} is a file, not a folder for scores: choose another --out.")


def _scored(model: Model, loaded: Sequence[Samples], out: Path | None, progress: Progress) -> list[list[Logits]]:
    with progress.task("scoring", sum(map(len, loaded)) * len(model.members)) as task:
        return [score(model.members, samples, subject_of(samples), out, task) for samples in loaded]


def _on_store(
    model: Model, store: CropStore, samples: Samples, logits: Sequence[Logits], resamples: int, task: Task
) -> dict[str, Any]:
    prob = np.stack([fake_probability(part) for part in logits])
    pictures = picture_bench(samples, prob, model.seeds, resamples)
    videos = video_bench(samples, pictures) if has_videos(samples) else None
    whole = pictures if videos is None else videos
    task.advance(0, "pictures and videos")
    facts = _store_facts(store, samples, pictures)
    facts["picture"] = measure(pictures).as_dict()
    facts["video"] = None if videos is None else measure(videos).as_dict()
    task.advance(1, "methods")
    facts |= parts(pictures, videos)
    facts["called_fake"] = {name: called_fake(whole, label) for label, name in enumerate(("real", "fake"))}
    task.advance(1, "calibration")
    scaled, facts["calibration"] = calibration_report(pictures, logits, calibrations(model.members))
    facts["operating_point"] = at_operating_point(model.members, samples, scaled)
    task.advance(1, "classes")
    many = len(model.classes) > 2
    facts["classes"] = classes_report(samples, pictures, logits, model.classes) if many else None
    task.advance(1)
    return facts


def _store_facts(store: CropStore, samples: Samples, pictures: Bench) -> dict[str, Any]:
    reals = int((samples.labels == 0).sum())
    return {
        "name": store.name,
        "hash": store.hash,
        "protocol": store.protocol,
        "layout": str(store.facts.get("layout", "")),
        "pictures": len(samples),
        "videos": len({name for name in video_names(samples) if name}),
        "reals": reals,
        "fakes": len(samples) - reals,
        "clusters": len(np.unique(pictures.clusters)),
    }


def _model_facts(model: Model, path: Path) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(path),
        "method": model.method,
        "level": model.level,
        "detector": model.detector,
        "input_size": model.input_size,
        "classes": model.classes,
        "seeds": list(model.seeds),
        "tickets": [
            {"file": one.path.name, "seed": one.seed, "seal": one.seal, "sparsity": _sparsity(one.header)}
            for one in model.members
        ],
        "data": model.data,
        "protocol": str(model.header["protocol"]),
    }


def _sparsity(header: dict[str, Any]) -> float | None:
    counts = header["sparsity"]
    return float(counts["sparsity"]) if isinstance(counts, dict) and "sparsity" in counts else None
