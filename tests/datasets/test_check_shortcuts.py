"""One number that tells the label is found, named with its direction, and only when it is sure."""

import cv2
import numpy as np
import pytest
from planted import find, jpeg, plain, write_store

from clew.datasets.checks import check_store, shortcuts
from clew.datasets.checks.measures import CROP_MEASURES, measure_crop


def check(out, crops, rows):
    return check_store(write_store(out, crops, rows), only=["shortcuts"]).results[0]


def alarms(found):
    return {name for name, one in found.numbers["measures"].items() if one["warning"]}


def test_clean_data(tmp_path):
    found = check(tmp_path / "s", *plain())
    assert found.severity == "ok"
    assert alarms(found) == set()
    assert found.numbers["measures"]["resolution"]["auc"] == 0.5


def file_size(rows, fakes):
    for at in fakes:
        rows[at]["bytes"] -= 1500


def quality(rows, fakes):
    for at in fakes:
        rows[at]["quality"] = 75.0


def formats(rows, fakes):
    for at in set(range(len(rows))) - set(fakes):
        rows[at]["quality"] = None


def resolution(rows, fakes):
    for at in fakes:
        rows[at].update(width=128, height=128)


FILES = {
    "file size": (file_size, "Fakes have smaller files"),
    "JPEG quality": (quality, "Fakes have a lower JPEG quality"),
    "is a JPEG": (formats, "Fakes are JPEG files and reals more often are not"),
    "resolution": (resolution, "Fakes come from larger pictures"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_fact_of_the_files_that_tells_the_label(name, tmp_path):
    crops, rows = plain()
    FILES[name][0](rows, [at for at, row in enumerate(rows) if row["label"]])
    found = check(tmp_path / "s", crops, rows)
    assert alarms(found) == {name}
    assert found.findings[0].severity == "warning"
    assert found.findings[0].text.startswith(FILES[name][1])
    assert "62 real pictures, 62 fake pictures" in found.findings[0].text
    assert found.findings[0].advice
    if name == "is a JPEG":
        assert found.numbers["measures"]["is a JPEG"]["auc"] == 1
        assert found.numbers["measures"]["JPEG quality"]["auc"] is None
        assert found.numbers["measures"]["JPEG quality"]["unknown"] == {"real": 62, "fake": 0}


CROPS = {
    "sharpness": (lambda c: cv2.GaussianBlur(c, (0, 0), 0.8), "blurrier"),
    "brightness": (lambda c: (c * 0.8).astype(np.uint8), "darker"),
    "red - green": (lambda c: np.clip(c.astype(int) + [25, 0, 0], 0, 255).astype(np.uint8), "redder"),
    "saturation": (lambda c: (0.5 * c + 0.5 * c.mean(2, keepdims=True)).astype(np.uint8), "paler"),
    "noise": (
        lambda c: np.clip(c + np.random.default_rng(0).normal(0, 9, c.shape), 0, 255).astype(np.uint8),
        "noisier",
    ),
    "blockiness": (lambda c: jpeg(c, 12), "stronger JPEG blocks"),
    "contrast": (lambda c: (0.7 * c + 38).astype(np.uint8), "less contrast"),
}


@pytest.mark.parametrize("name", CROPS)
def test_what_the_crops_look_like_tells_the_label(name, tmp_path):
    crops, rows = plain()
    for at, row in enumerate(rows):
        if row["label"]:
            crops[at] = CROPS[name][0](crops[at])
    found = check(tmp_path / "s", crops, rows)
    assert name in alarms(found)
    assert any(CROPS[name][1] in one.text for one in found.findings)
    assert not alarms(found) & set(FILES), "the files are the same"


def test_few_samples_are_never_sure(tmp_path):
    crops, rows = plain()
    kept = [find(rows, split, label, nth) for split in ("train", "test") for label in (0, 1) for nth in range(9)]
    crops, rows = [crops[at] for at in kept], [rows[at] for at in kept]
    for row in rows:
        row["bytes"] = 1000 + 500 * row["label"]
    found = check(tmp_path / "s", crops, rows)
    assert found.numbers["measures"]["file size"]["auc"] == 1
    assert [one.severity for one in found.findings] == ["note"]
    assert "Too few clusters of a class (18; 20 are needed)" in found.findings[0].text


def test_videos_count_once(tmp_path):
    crops, rows = plain()
    for at, row in enumerate(rows):
        number = at // 8 * 2 + row["label"]
        row.update(video=f"{number}.mp4", cluster=str(number), bytes=1_000_000 + number, quality=None)
    numbers = check(tmp_path / "s", crops, rows).numbers
    assert numbers["per"] == "video"
    assert numbers["measures"]["file size"]["n"] == {"real": 16, "fake": 16}
    assert numbers["measures"]["JPEG quality"]["auc"] is None
    assert numbers["measures"]["is a JPEG"]["auc"] == 0.5


def test_missing_values_are_reported_and_not_made_up(tmp_path):
    crops, rows = plain()
    for nth in range(7):
        rows[find(rows, "train", 0, nth)].update(bytes=None, width=0)
    found = check(tmp_path / "s", crops, rows)
    assert found.numbers["measures"]["file size"]["unknown"] == {"real": 7, "fake": 0}
    assert found.numbers["measures"]["resolution"]["n"] == {"real": 55, "fake": 62}
    assert any("'file size' is not known of 7 of 62 real pictures" in one.text for one in found.findings)


def test_large_stores_are_measured_on_a_stated_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(shortcuts, "MOST_CROPS", 25)
    crops, rows = plain()
    found = check(tmp_path / "s", crops, rows)
    assert found.numbers["crops_measured"] == 50
    assert found.numbers["measures"]["sharpness"]["n"] == {"real": 25, "fake": 25}
    assert found.numbers["measures"]["file size"]["n"] == {"real": 62, "fake": 62}
    assert "crops: 50 of 124 drawn by lot" in found.tables[0].title
    assert found == check(tmp_path / "again", crops, rows)


def test_the_measures_of_a_crop_by_hand():
    crop = np.zeros((16, 16, 3), np.uint8)
    crop[:, 8:] = (200, 100, 50)
    values = dict(zip((one.name for one in CROP_MEASURES), measure_crop(crop), strict=True))
    grey = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert values["brightness"] == pytest.approx(grey / 2, abs=0.5)
    assert values["contrast"] == pytest.approx(grey / 2, abs=0.5)
    assert values["red - green"] == 50
    assert values["blue - green"] == -25
    assert values["noise"] == 0, "a straight edge is no noise"
    assert values["blockiness"] > 1000, "all steps are at the edge of a block"
    assert measure_crop(np.full((20, 20, 3), 9, np.uint8))[2] == 0
