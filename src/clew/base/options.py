"""Options of a network as a user types them: KEY=VALUE."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from clew.base.errors import ClewError

Value = int | float | bool | str

_ELSEWHERE = {"input_size": "--size", "classes": "--classes"}
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def parse_options(words: Iterable[str]) -> dict[str, Value]:
    """The options in words such as depth=4, dropout=0.5, pretrained=false, backbone=cnn5, in their order.

    Whole numbers, decimal ones, true and false are taken as such, all else as text. Raises ClewError for a word
    without "=", a key that is no name or has an option of its own, a key given twice, or a number out of range.
    """
    found: dict[str, Value] = {}
    for word in words:
        key, equals, text = (part.strip() for part in word.partition("="))
        if not equals or not key.isidentifier():
            raise ClewError(f"--set {word}: expected KEY=VALUE, such as --set backbone=cnn5.")
        if key in _ELSEWHERE:
            raise ClewError(f"--set {word}: give that as {_ELSEWHERE[key]}.")
        if key in found:
            raise ClewError(f"--set {word}: '{key}' is given twice.")
        found[key] = _value(text, word)
    return found


def _value(text: str, word: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if not _DECIMAL.fullmatch(text):
        return text
    if len(text) > 40 or not math.isfinite(float(text)):
        raise ClewError(f"--set {word}: the number is out of range.")
    return int(text) if _WHOLE.fullmatch(text) else float(text)
