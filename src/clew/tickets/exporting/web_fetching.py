"""npm's package of onnxruntime-web, over the network; it counts only when its SHA-512 is the known one."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.progress import Progress

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
LABEL = f"{PACKAGE} {VERSION}"
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # SHA-512
REGISTRY = "https://registry.npmjs.org"
MOST_BYTES = 64 * 2**20
TIMEOUT, PIECE = 30.0, 1 << 16  # seconds without an answer; bytes
NPM_SECONDS = 600
OTHERWISE = f"Where there is no network: --runtime FILE with what `npm pack {PACKAGE}@{VERSION}` leaves elsewhere."


def fetched_package(progress: Progress) -> bytes:
    """The package (.tgz): through npm, which knows the user's registry, else from the public registry.

    Raises ClewError when it cannot be fetched or is not the known one.
    """
    npm = shutil.which("npm")
    data = _packed(npm, progress) if npm else _downloaded(progress)
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != INTEGRITY:
        raise ClewError(f"what came as {LABEL} has another SHA-512: nothing was kept. {OTHERWISE}")
    return data


def _packed(npm: str, progress: Progress) -> bytes:
    words = ["pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel", "error", "--pack-destination"]
    with tempfile.TemporaryDirectory() as folder, progress.task(f"npm fetches {LABEL} (33 MB)", None) as task:
        try:
            done = subprocess.run([npm, *words, folder], capture_output=True, cwd=folder, timeout=NPM_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ClewError(f"npm cannot fetch {LABEL} ({error}). {OTHERWISE}") from None
        task.advance()
        path = Path(folder) / f"{PACKAGE}-{VERSION}.tgz"
        if done.returncode or not path.is_file():
            raise ClewError(f"npm cannot fetch {LABEL} ({_reason(done.stderr)}). {OTHERWISE}")
        return path.read_bytes()


def _reason(errors: bytes) -> str:
    lines = [line.removeprefix("npm error ").strip() for line in errors.decode(errors="replace").splitlines()]
    return " ".join(lines[:3])[:200] or "it gave no reason"


def _downloaded(progress: Progress) -> bytes:
    registry = (os.environ.get("npm_config_registry") or REGISTRY).rstrip("/")  # noqa: SIM112  # npm spells it so
    address = f"{registry}/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "clew"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return _pieces(answer, address, progress)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ClewError(f"{address} cannot be fetched ({reason}). {OTHERWISE}") from None


def _pieces(answer: http.client.HTTPResponse, address: str, progress: Progress) -> bytes:
    parts = bytearray()
    with progress.task(f"fetching {LABEL}", answer.length) as task:
        while part := answer.read(PIECE):
            parts += part
            task.advance(len(part))
            if len(parts) > MOST_BYTES:
                raise ClewError(f"{address} gives more than {MOST_BYTES:,} bytes: that is not {LABEL}. {OTHERWISE}")
    return bytes(parts)
