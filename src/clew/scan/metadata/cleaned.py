"""Texts of a stranger's file, made fit to be shown: one line, no control characters, no more than so long."""

from __future__ import annotations

import unicodedata

MOST = 300  # characters
_HIDDEN = ("C", "Zl", "Zp")  # control, format (also those that turn the direction of writing), private, line ends


def cleaned(text: str | bytes, most: int = MOST) -> str:
    """The text on one line, without characters that are not seen, cut after `most` of them."""
    if isinstance(text, bytes):
        text = text[: 4 * most + 4].decode("utf-8", "replace")
    seen = (" " if unicodedata.category(one).startswith(_HIDDEN) else one for one in text[: 4 * most + 1])
    line = " ".join("".join(seen).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
