"""What a ladder's networks look at: heatmaps of the dense nets and of every level, measured and compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.files import write_json
from clew.base.progress import SILENT, Progress
from clew.datasets.store import open_store
from clew.explain.landmarks import Landmarks
from clew.explain.measuring import measured
from clew.explain.nets import Nets, nets_of
from clew.explain.seen import see
from clew.explain.shelf import Shelf
from clew.explain.streaming import lens_for
from clew.explain.subject import SPLIT, subject_of
from clew.explain.targets import FAKE, target_of
from clew.explain.told import ladder_facts, lens_facts, store_facts, warnings_for
from clew.explain.wording import findings, headline
from clew.tickets.evaluation.evaluate import check_request

EXPLANATION = "explanation.json"
FORMAT = 1
LIMIT, SLOW_LIMIT, RESAMPLES = 200, 100, 1000


def explain_ladder(
    ladder: Path | str,
    store: Path | str,
    out: Path | str,
    *,
    method: str = "",
    levels: Sequence[float] = (),
    limit: int = LIMIT,
    slow_limit: int | None = SLOW_LIMIT,
    seeds: int | None = None,
    cam: str = "grad-cam",
    layer: str = "",
    target: str = FAKE,
    landmarks: Path | str | None = None,
    resamples: int = RESAMPLES,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Draws and measures the heatmaps of a ladder's dense nets and tickets on test pictures of a store.

    `method` (default: imp, else the first there is) at `levels` (none: all); of `seeds` seeds (None: all); on about
    `limit` pictures, by whole videos (0: all), the slow measures on about `slow_limit` of them (None: left out). `cam`
    and `layer` ("": the one that the network's facts name) say how heatmaps are made, `target` for which class: fake,
    predicted (by the dense net of the seed), or a class by its name; dense and ticket always for the same one.
    `landmarks`: the file of dlib's predictor of 68 points, for the facial parts (None: where they lie in most crops).

    Raw heatmaps, scores and slow measures are kept below `out`, so that the same call goes on where it was stopped;
    `explanation.json` and the gallery's pictures are written there. Raises ClewError before any work for what cannot
    be opened or explained.

    The result, as it stands in JSON; FIGURE is {"mean","low","high","n","pictures","clusters"} (90 %, n seeds) or null:

        format, headline, findings: [text], warnings: [text], split, resamples, shown_level (null: dense alone)
        heatmaps: {method, layer, target, side: [h, w]}, counts: {limit, slow_limit, slow (pictures) or null}
        ladder: {name, path, detector, input_size, scope, rewind, method, seeds, classes, data: [{name, hash,
            protocol}]}
        store: {name, hash, protocol, layout, own, pictures, reals, fakes, regions (fakes with a known one), videos,
            clusters}
        measures: {focus, region: {name: {title, unit, more (is closer, or better; or null)}}},
        parts: {scale, known (whether the crops were cut to it), landmarks}
        dense: NET, levels: [NET], between_seeds: {measure: FIGURE} or null
        bands: see band_table, filters: see surviving_filters, flips, clues; null where they cannot be had
        gallery: see gallery

    NET: {method, level, sparsity, reference (what it is compared with), focus: {measure: FIGURE} or null of dense,
    region: {measure: {value, minus_dense: FIGURE}} or null where no region is known, region_gain (energy inside less
    the area's share): FIGURE, parts: {part: FIGURE}, empty (share of heatmaps that are all zero): FIGURE, trust: see
    trust_figures, or null}.
    """
    check_request(limit, resamples, out)
    nets = nets_of(ladder, method, levels, seeds)
    opened = open_store(store)
    _refuse_inside(Path(out), Path(ladder), Path(store))
    classes = tuple(nets.dense.classes) if len(nets.dense.classes) > 2 else ()
    fakes = tuple(nets.ladder.settings.get("fakes") or ())
    wanted = target_of(target, nets.dense.classes)
    subject = subject_of(opened, nets.dense.input_size, limit, slow_limit or 0, classes, fakes)
    lens = lens_for(nets.dense.members[0], cam, layer, wanted)
    points = None if landmarks is None else Landmarks(Path(landmarks))
    shelf = Shelf(Path(out))
    with shelf.alone():
        seen = see(nets, subject, lens, resamples, shelf, progress)
        result = {
            "format": FORMAT,
            "split": SPLIT,
            "resamples": resamples,
            "warnings": warnings_for(seen),
            "counts": {
                "limit": limit,
                "slow_limit": slow_limit,
                "slow": None if slow_limit is None else len(subject.slow),
            },
            **lens_facts(seen),
            "ladder": ladder_facts(nets, Path(ladder)),
            "store": store_facts(seen),
            "shown_level": _shown(nets, progress),
        }
        result |= measured(seen, result["shown_level"], points, shelf, slow_limit is not None, progress)
        result["headline"], result["findings"] = headline(result), findings(result)
        write_json(shelf.out / EXPLANATION, result)
    return result


def _refuse_inside(out: Path, *inputs: Path) -> None:
    """Raises ClewError where `out` is one of the folders that are read, or below one."""
    for folder in inputs:
        if out.resolve().is_relative_to(folder.resolve()):
            raise ClewError(f"--out {out} lies in {folder}, which is only read: choose a folder beside it.")


def _shown(nets: Nets, progress: Progress) -> float | None:
    """The level that the headline speaks of: that of the ladder's own headline, else the sparsest; None without any."""
    levels = [one.model.level for one in nets.levels]
    if not levels:
        return None
    with progress.task("verdicts", 1) as task:
        judged = nets.ladder.summary()["headline"]
        task.advance(1)
    proven = judged["level"] if judged["method"] == nets.method else None
    return next((level for level in levels if proven is not None and abs(level - proven) < 1e-6), max(levels))
