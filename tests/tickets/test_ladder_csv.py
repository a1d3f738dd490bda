"""Scores as CSV: every row and number, no formula, in pieces, whole or not there."""

import csv

import pyarrow as pa
import pytest
from scipy.special import softmax

from clew.base.errors import ClewError
from clew.datasets.csv_file import FORMULA, check_csv, write_csv
from clew.datasets.index import write_table
from clew.tickets import ladder_csv
from clew.tickets.ladder import SCHEMA, SCORES, Ladder
from clew.tickets.ladder_csv import write_ladder_csv

HOSTILE = ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(A1)", "\tx", "\r=1", "\n=1", "'quoted", 'a"b,c\nd', "ä=1", "", "plain"]
LOGITS = [[0.25 * at, -1.5, 3.0 - at] for at in range(len(HOSTILE))]


def ladder_in(folder, classes=3):
    """A ladder's scores with a hostile name in each row."""
    rows = [
        {"run": "imp-s0-80", "seed": 0, "method": "imp", "scope": "global", "rewind": "init", "level": 0.8}
        | {"controls": "", "store": "=store", "split": "test", "sample": name, "label": at % 2, "video": name}
        | {"cluster": name, "forgery": "real", "compression": "", "logits": LOGITS[at][:classes]}
        for at, name in enumerate(HOSTILE)
    ]
    folder.mkdir(parents=True)
    write_table(folder / SCORES, pa.Table.from_pylist(rows, schema=SCHEMA))
    return Ladder(folder, {"settings": {"detector": {"classes": classes}}})


def read(path):
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_every_row_its_logits_and_its_probability(tmp_path):
    assert write_ladder_csv(ladder_in(tmp_path / "ladder"), tmp_path / "new" / "scores.csv") == len(HOSTILE)
    rows = read(tmp_path / "new" / "scores.csv")
    fixed = [name for name in SCHEMA.names if name != "logits"]
    assert list(rows[0]) == [*fixed, "logit_0", "logit_1", "logit_2", "probability"]
    assert len(rows) == len(HOSTILE)
    for row, logits in zip(rows, LOGITS, strict=True):
        assert [float(row[f"logit_{at}"]) for at in range(3)] == logits
        assert float(row["probability"]) == pytest.approx(1 - softmax(logits)[0], abs=1e-12)
    assert (rows[3]["run"], rows[3]["level"], rows[3]["label"], rows[3]["seed"]) == ("imp-s0-80", "0.8", "1", "0")


def test_no_text_begins_as_a_formula_does_and_every_name_can_be_had_back(tmp_path):
    write_ladder_csv(ladder_in(tmp_path / "ladder"), tmp_path / "scores.csv")
    rows = read(tmp_path / "scores.csv")
    for column in ("sample", "video", "cluster"):
        told = [row[column] for row in rows]
        assert not any(text[:1] in tuple("=+-@\t\r\n") for text in told if text)
        assert [text.removeprefix("'") for text in told] == HOSTILE
    assert {row["store"] for row in rows} == {"'=store"}
    assert [row["sample"] for row in rows[-3:]] == ["ä=1", "", "plain"], "what is harmless stays as it is"
    assert float(rows[0]["logit_1"]) == -1.5, "a number below zero is no text"
    assert FORMULA


def test_pieces_change_no_byte(tmp_path, monkeypatch):
    ladder = ladder_in(tmp_path / "ladder", 2)
    write_ladder_csv(ladder, tmp_path / "whole.csv")
    seen = []
    monkeypatch.setattr(ladder_csv, "ROWS", 5)
    monkeypatch.setattr(
        ladder_csv,
        "write_csv",
        lambda path, schema, parts: write_csv(path, schema, (seen.append(p) or p for p in parts)),
    )
    write_ladder_csv(ladder, tmp_path / "pieces.csv")
    assert [part.num_rows for part in seen] == [5, 5, 2]
    assert (tmp_path / "pieces.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_it_is_whole_or_not_there(tmp_path):
    schema = pa.schema([("a", pa.string())])

    def parts():
        yield pa.table({"a": ["x"]})
        raise ClewError("no more")

    (tmp_path / "old.csv").write_text("old")
    for name in ("old.csv", "new.csv"):
        with pytest.raises(ClewError, match="no more"):
            write_csv(tmp_path / name, schema, parts())
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert (tmp_path / "old.csv").read_text() == "old"


def test_what_cannot_be_written_or_read_is_refused(tmp_path):
    ladder = ladder_in(tmp_path / "ladder")
    with pytest.raises(ClewError, match=r"--csv .* is a folder: expected the name of a file, such as .*scores.csv"):
        write_ladder_csv(ladder, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ClewError, match="is a file, not a folder"):
        check_csv(tmp_path / "file" / "scores.csv")
    with pytest.raises(ClewError, match="expected 2 logits for each sample"):
        write_ladder_csv(Ladder(ladder.path, {"settings": {"detector": {}}}), tmp_path / "scores.csv")
    (ladder.path / SCORES).write_bytes(b"none")
    with pytest.raises(ClewError, match="is not a readable Parquet file"):
        write_ladder_csv(ladder, tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()
