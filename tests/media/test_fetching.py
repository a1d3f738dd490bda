"""Fetching a detector's file, from a real server: the right bytes or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clew.base.errors import ClewError
from clew.media import fetching
from clew.media.faces.base import make_detector
from clew.media.fetching import MODELS, ModelFile, checked_detector, detectors_folder, fetch_detector, stored_detector

CONTENT = bytes(range(256)) * 500
ANSWERS: dict[str, tuple[int, bytes, int | None]] = {
    "/good": (200, CONTENT, len(CONTENT)),
    "/cut": (200, CONTENT[:5000], len(CONTENT)),
    "/cut-unsaid": (200, CONTENT[:5000], None),
    "/wrong": (200, b"<html>log in first</html>", 25),
    "/empty": (200, b"", 0),
    "/huge": (200, b"x", 10**9),
    "/huge-unsaid": (200, bytes(fetching.MOST_BYTES + 10), None),
    "/nothing": (404, b"no", 2),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body, length = ANSWERS[self.path]
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        with contextlib.suppress(OSError):  # the other side has seen enough
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server that gives the files of ANSWERS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, server: str) -> ModelFile:
    """A detector `small` whose file is CONTENT."""
    file = ModelFile("small-1", "small.onnx", f"{server}/good", hashlib.sha256(CONTENT).hexdigest(), "none")
    monkeypatch.setitem(MODELS, "small", (file,))
    return file


def test_the_right_file_is_kept(known: ModelFile, server: str, tmp_path: Path) -> None:
    path = fetch_detector("small", tmp_path / "kept")
    assert path == tmp_path / "kept" / "small.onnx"
    assert path.read_bytes() == CONTENT
    assert checked_detector("small", path) == (known, CONTENT)
    assert fetch_detector("small", tmp_path / "kept", url=f"{server}/good") == path


def test_the_cache_is_where_it_is_said_to_be(known: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "cache"))
    assert stored_detector("small") is None
    assert fetch_detector("small") == tmp_path / "cache" / "detectors" / "small.onnx" == stored_detector("small")
    monkeypatch.delenv("CLEW_CACHE")
    assert detectors_folder() == Path.home() / ".cache" / "clew" / "detectors"


@pytest.mark.parametrize("name", ["cut", "cut-unsaid", "wrong", "empty", "huge", "huge-unsaid", "nothing"])
def test_anything_else_is_one_error_and_leaves_nothing(
    known: ModelFile, server: str, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ClewError, match=f"{server}/{name}") as caught:
        fetch_detector("small", tmp_path / "kept", url=f"{server}/{name}")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "nonsense", "http://127.0.0.1:9/x", "http://"]
)
def test_other_addresses(known: ModelFile, tmp_path: Path, url: str) -> None:
    with pytest.raises(ClewError):
        fetch_detector("small", tmp_path, url=url)
    assert list(tmp_path.rglob("*")) == []


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(ClewError, match="yunet"):
        fetch_detector("yunett")


def test_a_good_file_that_stood_there_survives_a_bad_fetch(known: ModelFile, server: str, tmp_path: Path) -> None:
    path = fetch_detector("small", tmp_path)
    with pytest.raises(ClewError):
        fetch_detector("small", tmp_path, url=f"{server}/wrong")
    assert path.read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"]


def test_yunet_without_its_file_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path))
    with pytest.raises(ClewError, match="clew data fetch-detector yunet"):
        make_detector("yunet")


def test_a_wrong_or_cut_model_is_one_error(tmp_path: Path, shared: Callable[..., Path]) -> None:
    model = shared("face-models", "yunet_n_320_320.onnx")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(model.read_bytes()[:100_000])
    for path in (cut, tmp_path / "missing.onnx", tmp_path):
        with pytest.raises(ClewError, match=path.name):
            make_detector("yunet", path)


def test_the_real_file_is_found_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Callable[..., Path]
) -> None:
    model = shared("face-models", "yunet_n_320_320.onnx")
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path))
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / model.name).write_bytes(model.read_bytes())
    assert make_detector("yunet").version.startswith("yunet-n-320")
