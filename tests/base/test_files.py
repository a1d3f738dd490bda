import json

import pytest

from clew.base.errors import ClewError
from clew.base.files import (
    TEMPORARY,
    atomic_folder,
    atomic_path,
    read_json,
    sweep_temporaries,
    write_bytes,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(FileNotFoundError), atomic_path(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half of the ne")
        (tmp_path / "nowhere").read_bytes()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "out") as folder:  # noqa: PT012
        (folder / "a").write_bytes(b"a")
        (tmp_path / "nowhere").read_bytes()
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "new" / "out") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a").write_bytes(b"a")
        assert not (tmp_path / "new" / "out").exists()
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == [
        "new", "new/out", "new/out/sub", "new/out/sub/a",
    ]  # fmt: skip


def test_equal_values_give_equal_json_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1.5, "a": [1]})
    write_json(tmp_path / "b.json", {"a": [1], "b": 1.5})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "c.json", float("nan"))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_damaged_json_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ClewError, match=r"x\.json"):
        read_json(tmp_path / "x.json")


def test_missing_json(tmp_path):
    with pytest.raises(ClewError, match="does not exist"):
        read_json(tmp_path / "x.json")


def test_sweeping_removes_only_what_killed_writers_left(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / f"{TEMPORARY}abc-x").write_bytes(b"")
    (tmp_path / "sub" / "x").write_text(json.dumps(1))
    sweep_temporaries(tmp_path)
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["x"]
