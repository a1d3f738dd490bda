"""What a file of weights is, by its first bytes: its name may say anything."""

from __future__ import annotations

from pathlib import Path

from clew.base.errors import ClewError

MOST_BYTES = 4 * 2**30
EXPECTED = "expected weights: a Keras .h5, a .safetensors, or a .pth, .pt or .bin of PyTorch"

_MISTAKEN = {
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file that it stands for with 'git lfs pull'",
    b"<": "a web page: the download went wrong",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"PAR1": "a Parquet table",
    b"\x93NUMPY": "a NumPy array",
}


def content_of(path: Path) -> str:
    """`hdf5`, `safetensors`, `zip` or `pickle`; raises ClewError naming the file for all else, also above 4 GiB."""
    head = _head(path)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size - 8:
        return "safetensors"
    raise ClewError(f"{path} is {_words(head)}; {EXPECTED}.")


def _head(path: Path) -> bytes:
    """The first 512 bytes of a file that is there, not empty and not too large."""
    try:
        if path.is_dir():
            raise ClewError(f"{path} is a folder; {EXPECTED}.")
        if path.exists() and not path.is_file():  # a pipe would be waited for, for ever
            raise ClewError(f"{path} is no ordinary file; {EXPECTED}.")
        size = path.stat().st_size
        with path.open("rb") as handle:
            head = handle.read(512)
    except FileNotFoundError:
        raise ClewError(f"{path} does not exist.") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ClewError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}).") from None
    if not head:
        raise ClewError(f"{path} is empty; {EXPECTED}.")
    if size > MOST_BYTES:
        raise ClewError(f"{path} has {size:,} bytes; at most {MOST_BYTES:,} are read.")
    return head


def _words(head: bytes) -> str:
    """What else a file seems to be."""
    for start, words in _MISTAKEN.items():
        if head.lstrip().startswith(start):
            return words
    if head[257:262] == b"ustar":
        return "a tar archive (PyTorch before 0.1.10 wrote such): load and save it again with a later PyTorch"
    if head[8:9] == b"{":
        return "a truncated .safetensors: fetch it again"
    if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in head):
        return "a text"
    return f"of an unknown kind (it begins with {head[:8].hex(' ')})"
