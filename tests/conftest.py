"""Small data that every room's tests share: pictures of noise, the fakes with a trace that a net can learn."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clew.datasets.cropping import crop_dataset
from clew.datasets.synth.produce import write_videos
from noise import write_folder

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium by Playwright's synchronous interface; skipped where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: the program chromium, or its path in CHROMIUM")
    with playwright.sync_playwright() as api:
        chromium = api.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def folder_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset in the layout `folder`; do not write to it."""
    return write_folder(tmp_path_factory.mktemp("data") / "noise")


@pytest.fixture(scope="session")
def store_path(folder_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crop store of `folder_root`; do not write to it."""
    out = tmp_path_factory.mktemp("stores") / "noise-store"
    crop_dataset(folder_root, "folder", out)
    return out


@pytest.fixture(scope="session")
def drawn_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn originals and their forgeries, about seven frames each, laid out as FaceForensics++; read only."""
    out = tmp_path_factory.mktemp("videos") / "drawn"
    write_videos(out, "faceforensics", videos=6, seconds=(0.24, 0.3), workers=1)
    return out


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Callable[[Path], Path]:
    """Copies a folder to where a test may spoil it."""

    def copy(source: Path) -> Path:
        return Path(shutil.copytree(source, tmp_path / source.name))

    return copy


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Measurements of this machine stay out of the user's cache."""
    import os

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # else they wait for the tests beside them
    os.environ["CLEW_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared() -> Callable[..., Path]:
    """Finds a path in the folder of real data beside the checkout; skips the test where it is not."""

    def find(*parts: str) -> Path:
        path = SHARED.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"needs real data at {path}, which is not part of the repository")
        return path

    return find
