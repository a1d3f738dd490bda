"""What is scanned of files, folders, patterns and standard input, and in which order."""

import inspect
import io
import os
import sys
from itertools import islice
from pathlib import Path

import pytest

from clew.base.errors import ClewError
from clew.scan import listing, standard_input
from clew.scan.inputs import Inputs
from clew.scan.listing import walk
from clew.scan.patterns import matching

NAMES = ("a.jpg", "a/B.PNG", "a/b.jpg", "dir.jpg/i.png", "z/y/x.mp4", "z/readme.txt", "z/.h.jpg", ".hidden/q.jpg")
WALKED = ["a.jpg", "a/B.PNG", "a/b.jpg", "dir.jpg/i.png", "z/broken.mp4", "z/pipe.jpg", "z/y/x.mp4"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "z/loop").symlink_to("..")
    (tmp_path / "z/broken.mp4").symlink_to("nowhere")
    os.mkfifo(tmp_path / "z/pipe.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words):
    return [entry.name for entry in Inputs(words)]


def test_a_folder_is_walked_in_order_without_what_is_hidden_no_media_or_a_circle(folder):
    inputs = Inputs([str(folder)])
    assert [str(entry.path.relative_to(folder)) for entry in inputs] == WALKED
    assert inputs.count() == len(WALKED)
    found = inputs.skipped
    assert (found.others, found.hidden, found.links) == (1, 2, 1)
    assert "1 file that is no picture or video by name, 2 hidden ones, 1 link to a folder" in found.text


def test_names_sorted_in_parts_are_in_the_same_order(folder, monkeypatch):
    monkeypatch.setattr(listing, "RUN_NAMES", 2)
    for number in range(9):
        (folder / f"z/{9 - number}.jpg").write_bytes(b"")
    assert names("z") == [*(f"z/{number}.jpg" for number in range(1, 10)), "z/broken.mp4", "z/pipe.jpg", "z/y/x.mp4"]


def test_odd_names_are_kept_byte_for_byte(tmp_path):
    odd = [b"\xff.jpg", b"new\nline.jpg", b" .jpg", b"=1.jpg"]
    for name in odd:
        Path(os.fsdecode(bytes(os.fsencode(tmp_path)) + b"/" + name)).write_bytes(b"")
    assert [os.fsencode(entry.path.name) for entry in Inputs([str(tmp_path)])] == sorted(odd)


def test_a_folder_that_cannot_be_listed_has_its_row(folder, monkeypatch):
    real = os.scandir

    def refusing(path):
        if Path(path).name == "y":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = {entry.name: entry.why for entry in Inputs(["z"])}
    assert found["z/y"] == "the folder cannot be listed (Permission denied)"
    assert Inputs(["z"]).count() == len(found) == 3


def test_deep_folders_need_no_deep_recursion(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "a.jpg").write_bytes(b"")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        found = list(walk(tmp_path, listing.Skipped()))
    finally:
        sys.setrecursionlimit(before)
    assert found == [(deep / "a.jpg", "")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["a.jpg", "dir.jpg"]),
        ("?/b.*", ["a/b.jpg"]),
        ("[a-y]/*", ["a/B.PNG", "a/b.jpg"]),
        ("**/*.jpg", ["a.jpg", "a/b.jpg", "z/pipe.jpg"]),
        ("**", WALKED),
        ("z/**", ["z/broken.mp4", "z/pipe.jpg", "z/y/x.mp4"]),
        ("z/*.txt", ["z/readme.txt"]),
        ("z/l*/a/*.PNG", ["z/loop/a/B.PNG"]),
        ("**/nothing*", []),
    ],
)
def test_patterns(pattern, expected, folder):
    assert sorted(map(str, matching(pattern))) == sorted(expected)


def test_a_file_that_is_named_is_scanned_whatever_it_is_called(folder):
    assert names("z/readme.txt", "z/*.txt", "missing.jpg", "dir.jpg") == [
        "z/readme.txt",
        "z/readme.txt",
        "missing.jpg",
        "dir.jpg/i.png",
    ]


def test_a_name_with_the_signs_of_a_pattern_is_that_file(folder):
    (folder / "a[1].jpg").write_bytes(b"")
    assert names("a[1].jpg") == ["a[1].jpg"]
    assert Inputs(["a[1].jpg"]).single
    assert not Inputs(["*.jpg"]).single
    assert not Inputs(["z"]).single


def test_nothing_to_scan_is_an_error(folder):
    (folder / "empty").mkdir()
    (folder / "empty/x.txt").write_bytes(b"")
    for words, why in (
        (["q*"], r"q\*: nothing matches"),
        (["empty"], r"empty: no picture or video there \(skipped: 1 file"),
        ([], "nothing to scan"),
        (["-", "-"], "give it once"),
    ):
        with pytest.raises(ClewError, match=why):
            Inputs(words).count()


def test_listing_is_lazy(folder):
    class Endless(standard_input.StandardInput):
        def paths(self):
            while True:
                yield Path("a.jpg")

    found = islice(Inputs(["-"], Endless(Path("list"), False)), 3)
    assert [entry.name for entry in found] == ["a.jpg"] * 3


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (b"a.jpg\nb c.jpg\r\n\nd.jpg", ["a.jpg", "b c.jpg", "d.jpg"]),
        (b"a\nb.jpg\0c.jpg\0", ["a\nb.jpg", "c.jpg"]),
        (b"BMW.jpg\n\xff.png\n", ["BMW.jpg", "\udcff.png"]),
        (b"mov/free.mp4\n", ["mov/free.mp4"]),
    ],
)
def test_standard_input_with_a_list(data, paths):
    with standard_input.kept(io.BytesIO(data)) as found:
        assert not found.media
        assert [str(path) for path in found.paths()] == paths


@pytest.mark.parametrize(
    "head",
    [
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00",
        b"BM6\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00",
        b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00",
        b"\x1aE\xdf\xa3\xa3B\x86",
        b"PK\x03\x04",
    ],
)
def test_standard_input_with_a_file(head):
    with standard_input.kept(io.BytesIO(head + b"rest")) as found:
        inputs = Inputs(["-"], found)
        (entry,) = inputs
        assert (entry.name, entry.path.read_bytes(), inputs.single) == ("-", head + b"rest", True)
        assert entry.path.parent.stat().st_mode & 0o077 == 0
    assert not entry.path.parent.exists()


def test_standard_input_has_a_limit():
    with pytest.raises(ClewError, match="more than 10 bytes"), standard_input.kept(io.BytesIO(bytes(11)), 10):
        pass
    with pytest.raises(ClewError, match="is empty"), standard_input.kept(io.BytesIO(b"")):
        pass
