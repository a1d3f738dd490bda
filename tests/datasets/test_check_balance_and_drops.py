"""What is missing, what is lopsided, what was lost, and what the store looks like."""

import numpy as np
from planted import find, plain, write_store

from clew.datasets.checks import check_store


def check(name, out, crops, rows, **facts):
    return check_store(write_store(out, crops, rows, **facts), only=[name]).results[0]


def without(crops, rows, unwanted):
    kept = [at for at, row in enumerate(rows) if not unwanted(row)]
    return [crops[at] for at in kept], [rows[at] for at in kept]


def test_a_clean_store_is_balanced_and_lost_nothing(tmp_path):
    store = write_store(tmp_path / "s", *plain())
    results = check_store(store, only=["balance", "drops", "sheet"]).results
    assert [one.severity for result in results for one in result.findings] == ["ok"] * 3
    assert results[0].numbers["classes"]["val"] == {"real": 10, "fake": 10}
    assert results[0].numbers["clusters"] == {"train": 60, "val": 20, "test": 44}
    assert results[1].numbers["real_against_fake"]["difference"] == 0


def test_cells_count_videos_and_clusters(tmp_path):
    crops, rows = plain()
    for nth in range(6):
        rows[find(rows, "train", 1, nth)].update(video=f"{nth // 3}.mp4", cluster="c", method="swap", compression="c40")
    cells = check("balance", tmp_path / "s", crops, rows).numbers["cells"]
    assert [cell for cell in cells if cell["method"] == "swap"] == [
        {"split": "train", "label": "fake", "method": "swap", "compression": "c40", "samples": 6, "videos": 2, "clusters": 1}
    ]  # fmt: skip
    assert sum(cell["samples"] for cell in cells) == 124


def test_a_part_without_a_class_is_a_fault(tmp_path):
    crops, rows = plain()
    found = check("balance", tmp_path / "s", *without(crops, rows, lambda r: (r["split"], r["label"]) == ("test", 1)))
    assert [one.severity for one in found.findings] == ["ok", "fault", "note"]  # and few test clusters
    assert found.findings[1].text == "The test part holds no fakes: it cannot be used."


def test_a_part_whose_crops_were_all_lost_is_a_fault(tmp_path):
    crops, rows = plain()
    for row in rows:
        row["status"] = "no-face" if row["split"] == "val" else "ok"
    found = check("balance", tmp_path / "s", crops, rows)
    assert "The val part holds no reals and no fakes: it cannot be used." in [one.text for one in found.findings]


def test_a_store_for_testing_alone_is_no_fault(tmp_path):
    crops, rows = plain()
    found = check("balance", tmp_path / "s", *without(crops, rows, lambda r: r["split"] != "test"))
    assert [one.severity for one in found.findings] == ["ok", "note"]


def test_imbalance_strangers_and_few_clusters(tmp_path):
    crops, rows = plain()
    crops, rows = without(
        crops, rows, lambda r: (r["split"], r["label"]) == ("train", 0) and r["sample"] > "train/real/016"
    )
    for nth in range(5):
        rows[find(rows, "test", 1, nth)].update(method="new-swap", cluster="one")
    found = check("balance", tmp_path / "s", crops, rows)
    texts = {one.severity: one.text for one in found.findings}
    assert texts["warning"] == "The classes are far from equal: train 3.8 fakes to one."
    notes = [one.text for one in found.findings if one.severity == "note"]
    assert notes[0] == "The test part holds 1 method that training never shows: 'new-swap'."
    assert len(notes) == 1, "44 - 4 clusters are enough"
    rows[find(rows, "test", 0)]["cluster"] = "one"
    found = check("balance", tmp_path / "t", crops, rows)
    assert "39 clusters: fewer than 40 give no verdict" in found.findings[-1].text


def test_losses_of_one_class_are_told_apart_from_losses_of_all(tmp_path):
    crops, rows = plain()
    for nth in range(6):
        for label in (0, 1):
            rows[find(rows, "train", label, nth)].update(status="no-face", detail="no face found")
    even = check("drops", tmp_path / "even", crops, rows)
    assert [one.severity for one in even.findings] == ["note", "warning", "warning"]
    assert not even.numbers["real_against_fake"]["warning"]
    for nth in range(6):
        rows[find(rows, "train", 0, nth)].update(status="ok")
        rows[find(rows, "test", 1, nth)].update(status="unreadable", detail="x.jpg is empty.")
    uneven = check("drops", tmp_path / "uneven", crops, rows)
    assert [one.severity for one in uneven.findings] == ["note", "warning", "warning"]
    assert uneven.findings[1].text == "The class 'fake' lost 12 of 62 crops (19 %)."
    assert uneven.findings[2].text.startswith("Fakes lost 19 % and reals 0 % of their crops: more than chance")
    rates = {one["name"]: one for one in uneven.numbers["rates"]["label"]}
    assert rates["fake"]["by_status"] == {"no-face": 6, "unreadable": 6}
    assert rates["real"]["rate"] == 0
    assert {one["why"] for one in uneven.numbers["worst"]} == {"no face found", "x.jpg is empty."}


def test_a_method_that_loses_much_and_the_worst_videos(tmp_path):
    crops, rows = plain()
    for nth in range(10):
        at = find(rows, "train", 1, nth)
        rows[at].update(method="swap", video=f"{nth // 5}.mp4", cluster="c")
        if nth in (0, 5, 6, 7):
            rows[at].update(status="no-face", detail="no face in the frame")
    found = check("drops", tmp_path / "s", crops, rows)
    assert "The method 'swap' lost 4 of 10 crops (40 %)." in [one.text for one in found.findings]
    assert [(one["name"], one["dropped"], one["requested"]) for one in found.numbers["worst"]] == [
        ("1.mp4", 3, 5),
        ("0.mp4", 1, 5),
    ]
    assert not found.numbers["real_against_fake"]["warning"], "two videos are no proof"


def test_what_was_left_out_on_purpose_is_no_loss(tmp_path):
    crops, rows = plain()
    for nth in range(20):
        rows[find(rows, "train", 1, nth)].update(status="left-out")
    found = check("drops", tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["ok", "note"]
    assert found.numbers["left_out"] == 20
    assert found.numbers["requested"] == 104


def test_the_sheet_is_drawn_by_lot_one_of_a_video_first(tmp_path):
    crops, rows = plain()
    for at, row in enumerate(rows):
        row["video"] = f"{row['label']}-{at % 10 // 2}.mp4" if row["split"] == "train" else "rest.mp4"
    area = np.zeros(crops[0].shape[:2], np.uint8)
    area[10:20, 10:20] = 1
    store = write_store(tmp_path / "s", crops, rows, {at: area for at, row in enumerate(rows) if row["label"]})
    one, again = (check_store(store, only=["sheet"]).results[0] for _ in range(2))
    assert one == again
    assert [strip.caption for strip in one.strips] == ["real: 62", "fake: 62"]
    video = {row["sample"]: row["video"] for row in rows}
    for strip in one.strips:
        assert len(strip.pictures) == 8
        assert len({video[picture.sample] for picture in strip.pictures[:6]}) == 6
        assert {picture.region for picture in strip.pictures} == {strip.caption == "fake: 62"}
