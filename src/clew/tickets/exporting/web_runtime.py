"""onnxruntime-web, which runs the network in a browser: fetched once, and used only if it is what it should be.

It comes as npm's package; of its 140 MB two files are needed, and they are known by their SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.files import write_bytes
from clew.base.progress import Progress
from clew.runtime.cache import usual_folder
from clew.tickets.exporting.web_fetching import LABEL, MOST_BYTES, OTHERWISE, PACKAGE, VERSION, fetched_package

VARIABLE = "CLEW_ONNXRUNTIME_WEB"


@dataclass(frozen=True)
class RuntimeFile:
    """A file of the package, by its bytes; `kept` is its name in a folder for a web server.

    It ends in .js there: not every server knows that .mjs is JavaScript, and a browser runs nothing else.
    """

    name: str
    kept: str
    bytes: int
    sha256: str


SCRIPT = RuntimeFile(
    "ort.wasm.bundle.min.mjs",
    "ort.wasm.bundle.min.js",
    73_054,
    "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
)
WASM = RuntimeFile(
    "ort-wasm-simd-threaded.wasm",
    "ort-wasm-simd-threaded.wasm",
    14_239_897,
    "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
)
FILES = (SCRIPT, WASM)


def runtime_files(given: Path | None, progress: Progress) -> dict[str, bytes]:
    """The bytes of the runtime's files by their kept names.

    They are in `given`, npm's package as a file (.tgz) or unpacked; None: where CLEW_ONNXRUNTIME_WEB says, else in the
    cache, else they are fetched from the npm registry and kept. Raises ClewError when they are not there, are of
    another version, or cannot be fetched.
    """
    named = os.environ.get(VARIABLE)
    if given is not None or named:
        place = given if given is not None else Path(str(named))
        return _checked(_read(place), str(place))
    folder = usual_folder() / f"{PACKAGE}-{VERSION}"
    try:
        return _checked(_unpacked(folder), str(folder))
    except ClewError:  # not there, or damaged
        files = _checked(_members(fetched_package(progress), PACKAGE), PACKAGE)
    with suppress(ClewError, OSError):  # a cache that cannot be written keeps nothing
        for name, data in files.items():
            write_bytes(folder / name, data)
    return files


def _checked(found: dict[str, bytes], where: str) -> dict[str, bytes]:
    """What was found, under the kept names, once it is seen to be what is known."""
    for file in FILES:
        digest = hashlib.sha256(found[file.name]).hexdigest()
        if digest != file.sha256:
            raise ClewError(f"{where}: {file.name} is not that of {LABEL} (SHA-256 {digest[:16]}…). {OTHERWISE}")
    return {file.kept: found[file.name] for file in FILES}


def _read(given: Path) -> dict[str, bytes]:
    if given.is_dir():
        return _unpacked(given)
    try:
        if given.stat().st_size > MOST_BYTES:
            raise ClewError(f"{given} is too large for {LABEL}. {OTHERWISE}")
        return _members(given.read_bytes(), str(given))
    except OSError as error:
        raise ClewError(f"{given} cannot be read ({error.strerror or error}). {OTHERWISE}") from None


def _unpacked(folder: Path) -> dict[str, bytes]:
    """The files in a folder: the package's, its `dist`, or one that holds them under either name."""
    found = {}
    for file in FILES:
        places = (folder / part / name for part in ("", "dist", "package/dist") for name in (file.name, file.kept))
        place = next((place for place in places if place.is_file()), None)
        if place is None:
            raise ClewError(f"{folder} holds no {file.name} of {LABEL}. {OTHERWISE}")
        with place.open("rb") as handle:
            found[file.name] = handle.read(file.bytes + 1)  # one more byte is another file
    return found


def _members(data: bytes, where: str) -> dict[str, bytes]:
    """The files in a package (.tgz)."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as package:
            return {file.name: _member(package, file, where) for file in FILES}
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ClewError(f"{where} is no package of npm ({error}). {OTHERWISE}") from None


def _member(package: tarfile.TarFile, file: RuntimeFile, where: str) -> bytes:
    try:
        member = package.extractfile(f"package/dist/{file.name}")
    except KeyError:
        member = None
    if member is None:
        raise ClewError(f"{where} holds no {file.name} of {LABEL}. {OTHERWISE}")
    return member.read(file.bytes + 1)
