"""Every reader finds exactly what the generator says that it wrote: hundreds of files, media left empty."""

import csv
from collections import Counter

import pytest

from clew.datasets.items import SPLITS
from clew.datasets.layouts import layouts
from clew.datasets.plan import plan_dataset
from clew.datasets.synth.produce import layouts as _registered  # noqa: F401
from clew.datasets.synth.sets import LAYOUTS, VideoSettings
from clew.datasets.synth.truth import write_truth

SEVERAL = {"faceforensics": ("raw", "c23", "c40")}
TELL_COMPRESSION = {"faceforensics", "deepfakebench"}
WITH_VAL = {"faceforensics", "openforensics", "deepfakebench", "folder"}


@pytest.fixture(params=LAYOUTS.names())
def planned(request, tmp_path):
    """A planned set of a layout: its folder, with empty files where videos would be."""
    layout = request.param
    plan = LAYOUTS.get(layout)(VideoSettings(layout, 60, 3, SEVERAL.get(layout, ("c23",)), frames=2))
    for unit in plan.units:
        for path in unit.paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
    for name, text in plan.texts.items():
        (tmp_path / name).write_text(text())
    (tmp_path / "truth.csv").write_text(write_truth(plan.truth))
    return layout, tmp_path


def read_truth(root):
    with (root / "truth.csv").open(newline="") as handle:
        return {(row["path"], row["face"]): row for row in csv.DictReader(handle)}


def test_samples_labels_splits_clusters_and_methods(planned):
    layout, root = planned
    truth = read_truth(root)
    plan = plan_dataset(root, layout)
    left_out = Counter()
    assert {(item.source, item.face) for item in plan.items} == set(truth)
    assert len(plan.items) == len(truth)
    for item, cluster, split in zip(plan.items, plan.clusters, plan.splits, strict=True):
        row = truth[item.source, item.face]
        found = (str(item.label), item.method, ";".join(item.groups), cluster, item.region)
        assert found == tuple(row[k] for k in ("label", "method", "groups", "cluster", "region"))
        assert item.compression == (row["compression"] if layout in TELL_COMPRESSION else "")
        assert item.split == row["split"]
        assert split == row["split"] or ((row["split"], split) == ("train", "val") and layout not in WITH_VAL)
        left_out[item.status] += 1
    assert set(plan.splits) == set(SPLITS)
    assert left_out["ok"] + left_out["left-out"] == len(truth)
    if layout in WITH_VAL:
        assert left_out["left-out"] == 0
    assert set(LAYOUTS.names()) <= set(layouts.names())


def test_no_identity_crosses_a_cut_that_is_drawn_here(planned):
    layout, root = planned
    plan = plan_dataset(root, layout, splits="drawn")
    where = {}
    for item, cluster, split in zip(plan.items, plan.clusters, plan.splits, strict=True):
        if item.status == "ok":
            for name in {cluster, *item.groups}:
                where.setdefault(name, set()).add(split)
    # the donor of a celebrity swap may have no video of its own; nobody who has one is on two sides
    clusters = set(plan.clusters)
    assert {name: parts for name, parts in where.items() if len(parts) > 1 and name in clusters} == {}
    assert set(plan.splits) == set(SPLITS)
