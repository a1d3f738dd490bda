"""`folder`: anybody's videos in {train,val,test}/{real,fake}, with groups.csv and mask videos below regions/."""

from __future__ import annotations

import csv
import io

from clew.datasets.synth.films import REAL, Film, RegionFile, Take, VideoFile, VideoUnit
from clew.datasets.synth.layouts.faceforensics import METHODS, pair_up
from clew.datasets.synth.pictures import GROUPS
from clew.datasets.synth.sets import LAYOUTS, Plan, VideoSettings
from clew.datasets.synth.truth import Truth


def _group(person: int) -> str:
    return f"p{person:05d}"


def _groups(truth: list[Truth]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "group", "method"])
    table.writerows([row.path, group, row.method] for row in truth for group in row.groups)
    return text.getvalue()


@LAYOUTS.register("folder")
def plan_folder(settings: VideoSettings) -> Plan:
    """Originals in pairs that lend each other their faces, by four methods; names do not tell which."""
    level = settings.only_compression()
    units, truth = [], []
    for a, b, split in pair_up(settings):
        for target, source in ((a, b), (b, a)):
            path = f"{split}/real/{target:05d}-0.mp4"
            films: list[Film] = [VideoFile(path, REAL, level)]
            cluster = _group(min(a, b))
            truth.append(Truth(path, 0, "real", split, (_group(target),), cluster))
            for number, method in enumerate(METHODS, 1):
                path = f"{split}/fake/{target:05d}-{number}.mp4"
                take = Take(method, settings.clip(source))
                films += [VideoFile(path, take, level), RegionFile(f"regions/{path}", take)]
                groups = (_group(target), _group(source))
                truth.append(Truth(path, 1, method, split, groups, cluster, region=f"regions/{path}"))
            units.append(VideoUnit(settings.clip(target), settings.format, tuple(films)))
    rows = sorted(truth, key=lambda row: row.path)
    return Plan(tuple(units), tuple(rows), {GROUPS: lambda: _groups(rows)})
