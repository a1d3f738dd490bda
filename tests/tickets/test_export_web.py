"""`clew export --format web`: the folder, what its page is told, and where onnxruntime-web comes from."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from web_tickets import CALIBRATION, POINT, SIZE, package, stand_ins, write_sensitive_ticket

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.base.progress import SILENT
from clew.runtime.cache import usual_folder
from clew.tickets.exporting import web_fetching, web_format
from clew.tickets.exporting.web_facts import crop_words
from clew.tickets.exporting.web_runtime import FILES, runtime_files
from clew.tickets.ticket import load_ticket
from command_line import clew as run
from command_line import refused, told

PAGE = Path(web_format.__file__).parent / "page"


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return write_sensitive_ticket(tmp_path_factory.mktemp("tickets") / "t.safetensors")


@pytest.fixture
def given(tmp_path, monkeypatch):
    """npm's package with stand-ins in it."""
    path = tmp_path / "runtime.tgz"
    path.write_bytes(package(stand_ins(monkeypatch)))
    return path


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_folder_is_whole(ticket, given, tmp_path):
    found = told("export", ticket, "--format", "web", "--runtime", given, "--out", tmp_path / "web")
    kept = ["runtime/LICENSE.txt", *(f"runtime/{file.kept}" for file in FILES)]
    own = [path.name for path in PAGE.iterdir() if path.suffix != ".txt"]
    assert names(tmp_path / "web") == sorted([*kept, *own, "model.onnx", "ticket.json"]) == sorted(found["files"])
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "web").rglob("*") if path.is_file())
    assert found["largest_logit_error"] < 1e-4
    assert (tmp_path / "web/runtime" / FILES[0].kept).read_text() == f"stands for {FILES[0].name}"
    assert names(tmp_path) == sorted(["runtime.tgz", *(f"web/{name}" for name in found["files"])])  # nothing half done


def test_the_page_is_told_of_its_ticket(ticket, given, tmp_path):
    lines = run("export", ticket, "--format", "web", "--runtime", given, "--out", tmp_path / "web")
    assert "no picture leaves the machine" in lines
    facts = json.loads((tmp_path / "web/ticket.json").read_text())
    assert (facts["detector"], facts["input_size"]) == ("meso4", SIZE)
    assert facts["classes"] == ["real", "method 1", "method 2"]
    assert facts["temperature"] == CALIBRATION["temperature"]
    assert facts["operating_point"] == POINT
    assert facts["ticket"] == {"file": "t.safetensors", "sha256": hash_file(ticket)}
    assert facts["model"]["sha256"] == hash_file(tmp_path / "web/model.onnx")
    assert facts["crops"] == (
        "square face crops, 1.3 times the longer side of the face's box (dlib-v1, 1.3 times the box, 48 px)"
    )
    shades = np.arange(3 * SIZE**2) * facts["check"]["step"] % facts["check"]["shades"] / (facts["check"]["shades"] - 1)
    drawn = shades.reshape(3, SIZE, SIZE).transpose(1, 2, 0)[None].astype(np.float32)
    np.testing.assert_allclose(facts["check"]["logits"], load_ticket(ticket).logits(drawn)[0], atol=1e-4)


def test_what_a_ticket_lacks_is_among_what_the_page_cannot_do(ticket, given, tmp_path):
    plain = write_sensitive_ticket(tmp_path / "plain.safetensors", 2, judged=False)
    limits = {}
    for path in (ticket, plain):
        run("export", path, "--format", "web", "--runtime", given, "--out", tmp_path / path.stem)
        facts = json.loads((tmp_path / path.stem / "ticket.json").read_text())
        limits[path] = " ".join(facts["limits"])
    assert (facts["temperature"], facts["operating_point"]) == (None, None)
    assert "no calibration" in limits[plain]
    assert "no verdict" in limits[plain]
    assert "no calibration" not in limits[ticket] + limits[ticket]
    assert all("no faces" in text and "no faster for its sparsity" in text for text in limits.values())


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("as-given-v1, 64 px", "ready-made face crops, cut by others before Clew saw them (as-given-v1, 64 px)"),
        ("boxes-v1, 256 px", "square face crops, as large as the longer side of the face's box (boxes-v1, 256 px)"),
    ],
)
def test_the_crop_protocol_in_words(protocol, words):
    assert crop_words(protocol) == words


def test_the_same_ticket_gives_the_same_folder(ticket, given, tmp_path):
    for name in "ab":
        run("export", ticket, "--format", "web", "--runtime", given, "--out", tmp_path / name)
    assert [(tmp_path / "a" / n).read_bytes() for n in names(tmp_path / "a")] == [
        (tmp_path / "b" / n).read_bytes() for n in names(tmp_path / "b")
    ]


@pytest.mark.parametrize("part", ["", "dist", "package/dist"])
def test_the_runtime_may_be_unpacked(tmp_path, monkeypatch, part):
    data = stand_ins(monkeypatch)
    (tmp_path / part).mkdir(parents=True, exist_ok=True)
    for name, content in data.items():
        (tmp_path / part / name).write_bytes(content)
    assert runtime_files(tmp_path, SILENT) == {file.kept: data[file.name] for file in FILES}
    monkeypatch.setenv("CLEW_ONNXRUNTIME_WEB", str(tmp_path))
    assert runtime_files(None, SILENT) == {file.kept: data[file.name] for file in FILES}


SPOILT = [
    ("absent.tgz", None, "absent.tgz cannot be read (No such file or directory)"),
    ("folder", None, f"folder holds no {FILES[0].name} of onnxruntime-web 1.30.0"),
    ("no.tgz", b"no package", "no.tgz is no package of npm"),
    ("other.tgz", package({"ort.js": b""}), f"other.tgz holds no {FILES[0].name} of onnxruntime-web 1.30.0"),
    ("cut.tgz", package({file.name: bytes(9) for file in FILES})[:-30], "cut.tgz is no package of npm"),
    ("old.tgz", package({file.name: b"1.29" for file in FILES}), "is not that of onnxruntime-web 1.30.0 (SHA-256 "),
]


@pytest.mark.parametrize(("name", "content", "why"), SPOILT, ids=[row[0] for row in SPOILT])
def test_another_runtime_is_refused(ticket, tmp_path, monkeypatch, name, content, why):
    stand_ins(monkeypatch)
    (tmp_path / "folder").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    line = refused("export", ticket, "--format", "web", "--runtime", tmp_path / name, "--out", tmp_path / "web")
    assert why in line
    assert "--runtime FILE with what `npm pack onnxruntime-web@1.30.0` leaves elsewhere" in line
    assert not (tmp_path / "web").exists()


def test_other_formats_bring_no_runtime(ticket, given, tmp_path):
    line = refused("export", ticket, "--format", "onnx", "--runtime", given, "--out", tmp_path / "d.onnx")
    assert "--runtime is for formats that bring a runtime along, such as web; 'onnx' brings none" in line


def test_nothing_is_left_when_the_network_is_refused(ticket, given, tmp_path, monkeypatch):
    def refuse(*_):
        raise ClewError("other logits.")

    monkeypatch.setattr(web_format, "write_compared", refuse)
    refused("export", ticket, "--format", "web", "--runtime", given, "--out", tmp_path / "web")
    assert names(tmp_path) == ["runtime.tgz"]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry on this machine instead of npm's, with stand-ins in its package, and an empty cache."""
    data = package(stand_ins(monkeypatch))
    path = tmp_path / "registry/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    monkeypatch.setattr(web_fetching, "INTEGRITY", digest)
    monkeypatch.setattr(web_fetching.shutil, "which", lambda name: None)
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "cache"))
    handler = functools.partial(Quiet, directory=str(tmp_path / "registry"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
        yield path
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_it_is_fetched_once_kept_and_checked_each_time(registry):
    found = runtime_files(None, SILENT)
    assert list(found) == [file.kept for file in FILES]
    content = registry.read_bytes()
    registry.unlink()
    assert runtime_files(None, SILENT) == found
    kept = usual_folder() / "onnxruntime-web-1.30.0" / FILES[1].kept
    kept.write_bytes(kept.read_bytes() + b" ")
    with pytest.raises(ClewError, match=r"cannot be fetched \(File not found\)"):
        runtime_files(None, SILENT)
    registry.write_bytes(content)
    assert runtime_files(None, SILENT) == found
    registry.unlink()
    assert runtime_files(None, SILENT) == found  # the damaged file was mended


def test_a_registry_that_gives_something_else_is_not_believed(registry):
    registry.write_bytes(registry.read_bytes() + b" ")
    with pytest.raises(ClewError, match="has another SHA-512: nothing was kept"):
        runtime_files(None, SILENT)
    assert not usual_folder().exists()


def test_without_network_the_error_says_what_to_do(registry, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(ClewError, match=re.escape("cannot be fetched ([Errno 111] Connection refused)")) as error:
        runtime_files(None, SILENT)
    assert "Where there is no network: --runtime FILE" in str(error.value)


def test_npm_fetches_it_where_there_is_npm(registry, tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$@" > {tmp_path}/words\ncp {registry} "$last"\n')
    npm.chmod(0o755)
    monkeypatch.setattr(web_fetching.shutil, "which", lambda name: str(npm))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    assert len(runtime_files(None, SILENT)) == 2
    assert (tmp_path / "words").read_text().startswith("pack onnxruntime-web@1.30.0 --ignore-scripts ")


def test_what_npm_says_of_its_failure_is_told(registry, tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\necho 'npm error no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(web_fetching.shutil, "which", lambda name: str(npm))
    with pytest.raises(ClewError, match=r"npm cannot fetch onnxruntime-web 1.30.0 \(code ENOTFOUND no network\)"):
        runtime_files(None, SILENT)


def test_the_page_asks_nobody_else_for_anything():
    """No file of the page names another host, and its policy allows none."""
    for path in PAGE.iterdir():
        assert re.findall(r"\w+://(?! or localhost)", path.read_text()) == [], path
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', (PAGE / "index.html").read_text())[1]
    assert policy.startswith("default-src 'none'; ")
    assert set(re.findall(r"[^ ;]+", policy.replace("-src", "-src ").replace("default-src  'none'", ""))) <= {
        "script-src", "style-src", "connect-src", "img-src", "media-src", "base-uri", "form-action",
        "'self'", "'none'", "'wasm-unsafe-eval'", "data:",
    }  # fmt: skip
