"""The folder that is written: counts, splits, determinism, resuming, refusals."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_portraits import PEOPLE, PER_PERSON, SIZE, Drawn, read_rows

from clew.base.errors import ClewError
from clew.datasets.synth import pictures
from clew.datasets.synth.pictures import draw_portrait, write_pictures
from clew.datasets.synth.plan import LAYOUTS, Settings, methods_of, plan

SMALL = {"people": 3, "per_person": 2, "size": 64}


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small") / "set"
    write_pictures(root, "folder", **SMALL, seed=5, workers=1)
    return root


def test_counts(drawn: Drawn) -> None:
    assert drawn.summary["pictures"] == PEOPLE * PER_PERSON == len(drawn.rows)
    assert drawn.summary["methods"] == {"real": 54, "reenact": 27, "swap": 27}
    assert [drawn.summary["splits"][s]["people"] for s in ("train", "val", "test")] == [11, 2, 5]
    assert json.loads((drawn.root / "synth.json").read_text()) == drawn.summary
    for split, names in zip(("train", "val", "test"), ("Train", "Validation", "Test"), strict=True):
        for label, folder in (("real", "Real"), ("fake", "Fake")):
            files = list((drawn.root / names / folder).iterdir())
            assert len(files) == drawn.summary["splits"][split][label]
    assert {p.shape for p in drawn.pictures} == {(SIZE, SIZE, 3)}


def test_every_identity_is_in_one_split_with_both_labels(drawn: Drawn) -> None:
    splits: dict[str, set[str]] = {}
    for row in drawn.rows:
        splits.setdefault(row["group"], set()).add(row["path"].split("/")[0])
    assert len(splits) == PEOPLE
    assert {len(s) for s in splits.values()} == {1}
    assert all(Path(row["path"]).name.startswith(row["group"] + "-") for row in drawn.rows)


def test_numbers_of_files_do_not_tell_the_label() -> None:
    methods = [methods_of(0, person, 8) for person in range(400)]
    share = np.mean([[m != "real" for m in row] for row in methods], axis=0)
    assert {sum(m == "real" for m in row) for row in methods} == {4}
    assert np.all(np.abs(share - 0.5) < 4 * 0.5 / 20)  # four standard errors of 400 coins


def test_an_odd_number_of_pictures_balances_over_people() -> None:
    reals = [methods_of(0, person, 3).count("real") for person in range(4)]
    assert reals == [1, 2, 1, 2]


def test_fractions_are_kept() -> None:
    people = list(plan(Settings("folder", 250, 2, 64, 0, (0.6, 0.12, 0.28))))
    assert [sum(p[0].split == s for p in people) for s in ("train", "val", "test")] == [150, 30, 70]


def test_two_workers_write_the_same_bytes_as_one(small: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "folder", **SMALL, seed=5, workers=2)
    assert contents(tmp_path / "set") == contents(small)


def test_another_seed_writes_other_bytes(small: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", "folder", **SMALL, seed=6, workers=1)
    ours = {v for k, v in contents(tmp_path / "set").items() if k.endswith(".jpg")}
    assert len(ours) == 6
    assert not ours & set(contents(small).values())


def test_a_picture_depends_on_seed_person_number_and_size_alone() -> None:
    first = draw_portrait(5, 1, 0, "swap", 64)
    again = draw_portrait(5, 1, 0, "swap", 64)
    assert np.array_equal(first.picture, again.picture)
    assert np.array_equal(first.region, again.region)
    assert not np.array_equal(first.picture, draw_portrait(5, 1, 1, "swap", 64).picture)


def test_resuming_draws_only_what_is_missing(small: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    whole = contents(small)
    for name, data in whole.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    rows = read_rows(root)
    gone = [rows[0]["path"], next(r["path"] for r in rows[1:] if r["method"] != "real")]
    for name in (*gone, "synth.json", "groups.csv"):
        (root / name).unlink()
    (root / ".partial-0123-p00001-0.jpg").write_bytes(b"half")
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*.jpg")}
    write_pictures(root, "folder", **SMALL, seed=5, workers=1)
    assert contents(root) == whole
    assert all(p.stat().st_mtime_ns == t for p, t in before.items() if not p.name.startswith("."))


def test_a_finished_folder_is_left_alone(small: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in small.rglob("*")}
    summary = write_pictures(small, "folder", **SMALL, seed=5, workers=1)
    assert summary["pictures"] == 6
    assert {p: p.stat().st_mtime_ns for p in small.rglob("*")} == before


def test_other_settings_in_the_same_folder_are_refused(small: Path) -> None:
    with pytest.raises(ClewError, match=rf"{small}.*other settings \(seed\)"):
        write_pictures(small, "folder", **SMALL, seed=7)


def test_an_unfinished_folder_of_another_seed_is_refused(small: Path, tmp_path: Path) -> None:
    name = next(r["path"] for r in read_rows(small) if r["method"] == "real")
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes((small / name).read_bytes()[:-2] + b"xx")
    with pytest.raises(ClewError, match="other settings"):
        write_pictures(tmp_path, "folder", **SMALL, seed=5)


def test_a_folder_with_foreign_files_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(ClewError, match=r"holiday\.jpg"):
        write_pictures(tmp_path, "folder", **SMALL)
    assert contents(tmp_path) == {"holiday.jpg": b"mine"}


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(ClewError, match="is a file"):
        write_pictures(tmp_path / "out", "folder", **SMALL)


def test_an_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ClewError, match=r"unknown layout 'openforensic-crops'.*folder, openforensics-crops"):
        write_pictures(tmp_path, "openforensic-crops")
    assert sorted(LAYOUTS) == ["folder", "openforensics-crops"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"people": 2}, "people is 2"),
        ({"per_person": 1}, "per_person is 1"),
        ({"size": 63}, "size is 63"),
        ({"size": 2048}, "size is 2048"),
        ({"workers": -1}, "workers is -1"),
        ({"fractions": (0.9, 0.2, -0.1)}, "fractions"),
        ({"fractions": (0.5, 0.1, 0.1)}, "fractions"),
        ({"fractions": (0.5, 0.5)}, "fractions"),
    ],
)
def test_settings_that_cannot_be_drawn(tmp_path: Path, wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ClewError, match=word):
        write_pictures(tmp_path / "set", "folder", **wrong)
    assert not (tmp_path / "set").exists()


def test_progress_counts_pictures(tmp_path: Path) -> None:
    class Count:
        def __init__(self) -> None:
            self.total, self.steps = 0.0, 0.0

        def task(self, description: str, total: float | None) -> Count:
            self.total = total or 0.0
            return self

        def __enter__(self) -> Count:
            return self

        def __exit__(self, *exc: object) -> None:
            pass

        def say(self, text: str) -> None:
            raise AssertionError(text)

        def advance(self, steps: float = 1, note: str | None = None) -> None:
            self.steps += steps

    count = Count()
    write_pictures(tmp_path / "set", "folder", **SMALL, workers=1, progress=count)
    assert (count.total, count.steps) == (6, 6)


def test_regions_lie_beside_the_fakes_alone(drawn: Drawn) -> None:
    regions = {p.relative_to(drawn.root / "regions").as_posix() for p in (drawn.root / "regions").rglob("*.png")}
    fakes = {str(Path(row["path"]).with_suffix(".png")) for row in drawn.rows if row["method"] != "real"}
    assert regions == fakes
    for name in regions:
        mask = cv2.imread(str(drawn.root / "regions" / name), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (SIZE, SIZE)
        assert set(np.unique(mask)) == {0, 255}
        assert 0.01 < np.mean(mask > 0) < 0.6


def test_a_worker_that_dies_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_one_thread", partial(os._exit, 1))
    with pytest.raises(ClewError, match="a worker process was killed: nothing finished is lost"):
        write_pictures(tmp_path / "set", "folder", **SMALL, seed=5, workers=2)
