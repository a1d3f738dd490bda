"""What TensorBoard is given: read back from the files, record by record."""

import builtins
import struct
import time

import pytest
from tensorboardX.proto.event_pb2 import Event

from clew.base.errors import ClewError
from clew.training.board import board

ROWS = [
    {"epoch": 1, "loss": 0.75, "val_auc": 0.5, "val_loss": 0.625},
    {"epoch": 2, "loss": 0.5, "val_auc": 0.875, "val_loss": 0.375},
]


def events(folder):
    """{(tag, step): value} of the files in a folder: records of length, checksum, event, checksum (TFRecord)."""
    found = {}
    for path in sorted(folder.iterdir()):
        data, place = path.read_bytes(), 0
        while place + 8 <= len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            if place + 16 + length > len(data):
                break  # still being written
            event = Event.FromString(data[place + 12 : place + 12 + length])
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
            place += length + 16
    return found


def expected(rows):
    return {(key, row["epoch"]): row[key] for row in rows for key in ("loss", "val_auc", "val_loss")}


def test_every_row_is_there_under_its_epoch(tmp_path):
    with board(tmp_path / "tb", "dense-s0") as write:
        for row in ROWS:
            write(dict(row))
    assert [path.name for path in (tmp_path / "tb").iterdir()] == ["dense-s0"]
    assert events(tmp_path / "tb" / "dense-s0") == expected(ROWS)


def test_a_row_can_be_seen_before_the_training_ends(tmp_path):
    with board(tmp_path, "run") as write:
        write(dict(ROWS[0]))
        end = time.monotonic() + 60  # a thread of the library writes it
        while events(tmp_path / "run") != expected(ROWS[:1]) and time.monotonic() < end:
            time.sleep(0.05)
        assert events(tmp_path / "run") == expected(ROWS[:1])


def test_a_row_is_not_changed(tmp_path):
    row = dict(ROWS[0])
    with board(tmp_path, "run") as write:
        write(row)
    assert row == ROWS[0]


def test_a_training_that_went_on_is_read_together_with_its_beginning(tmp_path):
    for row in ROWS:
        with board(tmp_path, "run") as write:
            write(dict(row))
    assert events(tmp_path / "run") == expected(ROWS)


def test_a_failing_training_leaves_what_it_wrote(tmp_path):
    def fails() -> None:
        with board(tmp_path, "run") as write:
            write(dict(ROWS[0]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert events(tmp_path / "run") == expected(ROWS[:1])


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with board(None, "run") as write:
        write(dict(ROWS[0]))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_told(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.partition(".")[0] == "tensorboardX":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ClewError, match=r"--tensorboard needs tensorboardX: pip install 'clew\[tensorboard\]'"):
        board(tmp_path, "run").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "tb"
    path.write_text("mine")
    with pytest.raises(ClewError, match=r"tb: expected a folder, found a file"):
        board(path, "run").__enter__()
    assert path.read_text() == "mine"
