"""Forms in pieces of any size, and the private folder."""

import os
import stat
import subprocess
import sys

import pytest
from serving import form

from clew.serve.folder import PREFIX, PrivateFolder, sweep
from clew.serve.forms import FormReader, shown_name
from clew.serve.limits import Limits
from clew.serve.problems import Problem

END = b"------clewboundary--\r\n"
LIMITS = Limits(bytes=1000, fields=3, name=20)
DATA = b"some\r\n--bytes\r\n------clewboundar\r\n\x00\xff"


def read(path, body, headers, size=10**6, limits=LIMITS):
    """A form read in pieces of some size, and the bytes of its file."""
    reader = FormReader(headers["Content-Type"], path, limits, ("ticket", "frames"), lambda count: None)
    try:
        for at in range(0, len(body), size):
            reader.write(body[at : at + size])
        return reader.finish(), path.read_bytes() if reader.close() is None else b""
    finally:
        reader.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**6])
def test_the_pieces_do_not_matter(tmp_path, size):
    found, data = read(tmp_path / "x", *form(DATA, name="a.png", ticket="dense", frames=7), size=size)
    assert (found.name, found.bytes, found.fields) == ("a.png", len(DATA), {"ticket": "dense", "frames": "7"})
    assert data == DATA


def test_nothing_is_written_beyond_the_limit(tmp_path):
    with pytest.raises(Problem) as refused:
        read(tmp_path / "x", *form(b"x" * 5000), size=100)
    assert refused.value.name == "too-large"
    assert (tmp_path / "x").stat().st_size <= 1000


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda body: body.replace(b'name="file"', b'name="file2"'), "bad-value"),
        (lambda body: body.replace(b"form-data", b"attachment"), "bad-value"),
        (lambda body: body[:-8], "bad-form"),
        (lambda body: body.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 5000 + b"\r\n\r\n", 1), "bad-form"),
        (lambda body: body.replace(b"\r\n\r\n", b"\r\n" + b"X: a\r\n" * 20 + b"\r\n", 1), "bad-form"),
        (lambda body: body[: -len(END)] + body, "bad-value"),
    ],
)
def test_spoiled_forms(tmp_path, change, problem):
    body, headers = form(b"abc")
    with pytest.raises(Problem) as refused:
        read(tmp_path / "x", change(body), headers)
    assert refused.value.name == problem


def test_too_many_fields_and_fields_given_twice(tmp_path):
    part = b'------clewboundary\r\nContent-Disposition: form-data; name="ticket"\r\n\r\na\r\n'
    body, headers = form(b"abc")
    assert read(tmp_path / "one", part + body, headers)[0].fields == {"ticket": "a"}
    with pytest.raises(Problem, match="'ticket' twice"):
        read(tmp_path / "two", part + part + body, headers)
    with pytest.raises(Problem, match="more than 1 fields"):
        read(tmp_path / "many", part + body, headers, limits=Limits(fields=1))


def test_names_lead_nowhere():
    names = {
        "../../etc/passwd": "passwd", "C:\\temp\\a.jpg": "a.jpg", "..": "upload", "": "upload", "a\x00b\n\x1b.png": "ab.png",
        "x" * 99: "x" * 20, "/": "upload", "ä ö.jpg": "ä ö.jpg",
    }  # fmt: skip
    assert {name: shown_name(name, 20) for name in names} == names


def test_the_folder_is_private_and_goes(tmp_path):
    folder = PrivateFolder(tmp_path)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder.uploads, folder.jobs)} == {0o700}
    (folder.uploads / "x").write_bytes(b"x")
    folder.remove()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_dead_servers_are_swept_those_of_the_living_stay(tmp_path):
    killed = "import os, sys; from pathlib import Path; from clew.serve.folder import PrivateFolder as F\n"
    killed += "f = F(Path(sys.argv[1])); (f.uploads / 'x').write_bytes(b'x'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    (dead,) = tmp_path.iterdir()
    assert (dead / "uploads" / "x").exists()
    (tmp_path / f"{PREFIX}strange").symlink_to(os.path.expanduser("~"))
    (tmp_path / f"{PREFIX}young").mkdir()  # its server is about to lock it
    living = PrivateFolder(tmp_path)
    assert not dead.exists()
    assert sweep(tmp_path) == []
    assert living.path.exists()
    living.remove()
    assert len(list(tmp_path.iterdir())) == 2
