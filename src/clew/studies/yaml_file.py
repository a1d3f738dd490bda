"""A YAML file as parts that know their lines: nothing in it is run, and what is wrong is named with its line."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clew.base.errors import ClewError, unknown_name

Keys = tuple[str, ...]
MOST_BYTES = 1_000_000
WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


@dataclass(frozen=True)
class Part:
    """A value of the file, the keys that lead to it, and where each part of the file stands."""

    value: Any
    keys: Keys
    places: dict[Keys, str]

    def error(self, text: str) -> ClewError:
        """The error that something is wrong with this part: FILE, line N: keys: text."""
        return ClewError(wrong(self.keys, text, self.places))

    def table(self, known: Sequence[str] = ()) -> dict[str, Part]:
        """The parts of a mapping; raises ClewError for another kind, and for a key that is not `known` (none: any)."""
        if not isinstance(self.value, dict) or not all(isinstance(key, str) for key in self.value):
            raise self.error(f"expected names with values; found {_short(self.value)}.")
        found = {key: Part(value, (*self.keys, key), self.places) for key, value in self.value.items()}
        for key, part in found.items():
            if known and key not in known:
                raise part.error(str(unknown_name("key", key, known)))
        return found

    def items(self) -> list[Part]:
        """The parts of a list; a lone text is a list of one."""
        values = [self.value] if isinstance(self.value, str) else self.value
        if not isinstance(values, list):
            raise self.error(f"expected a list, such as [a, b]; found {_short(self.value)}.")
        return [Part(value, (*self.keys, str(at)), self.places) for at, value in enumerate(values)]

    def texts(self) -> tuple[str, ...]:
        """The texts of a list, or a lone one."""
        return tuple(one.of(str) for one in self.items())

    def numbers(self) -> tuple[float, ...]:
        """The numbers of a list."""
        return tuple(one.of(float) for one in self.items())

    def of(self, kind: type) -> Any:
        """The value of that kind; a whole number may stand for any number, and so may 3e-3, a text to YAML."""
        value = self.value
        if kind is float and isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(f"expected {WORDS[kind]}; found {_short(value)}.")
        return value

    def scalar(self) -> int | float | str | bool:
        """A number, a text, true or false."""
        if not isinstance(self.value, int | float | str | bool):
            raise self.error(f"expected a number, a text, true or false; found {_short(self.value)}.")
        return self.value


def wrong(keys: Keys, text: str, places: dict[Keys, str]) -> str:
    """What is wrong with the part that `keys` lead to, with the line of it or of the nearest part around it."""
    around = (places[keys[:count]] for count in range(len(keys), -1, -1) if keys[:count] in places)
    named = [key for key in keys if not key.isdigit()]
    return ": ".join([*([place] if (place := next(around, "")) else []), *named, text])


def read_yaml(path: Path) -> Part:
    """The whole of a YAML file; raises ClewError that names the file where it is none, too large, or unreadable."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ClewError(f"{path} has {size} bytes: expected the YAML file of a study.")
        loader = _Loader(path.read_text(encoding="utf-8"), path)
        node = loader.get_single_node()
        value = loader.construct_document(node) if node is not None else None
        places = dict(_places(node, path, ())) if node is not None else {}
    except FileNotFoundError:
        raise ClewError(f"{path} does not exist: expected the YAML file of a study.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ClewError(f"{path} cannot be read ({error}).") from None
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise ClewError(f"{path} is not YAML ({' '.join(str(error).split()) or 'too deep'}).") from None
    return Part(value, (), places)


class _Loader(yaml.SafeLoader):
    """YAML whose mappings name each key once and share no part: an alias can make a small file huge."""

    def __init__(self, text: str, path: Path) -> None:
        self.path = path
        super().__init__(text)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ClewError(f"{_line(self.path, key)}: the key '{key.value}' is there twice.")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise ClewError(f"{self.path}, line {line}: refers to another part by an alias (*): write it out.")
        return super().compose_node(parent, index)


def _places(node: yaml.Node, path: Path, keys: Keys) -> Iterator[tuple[Keys, str]]:
    """Each part's keys, and the file and line where it begins."""
    if not keys:
        yield keys, str(path)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield (*keys, key.value), _line(path, key)
                yield from _places(value, path, (*keys, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield (*keys, str(at)), _line(path, value)
            yield from _places(value, path, (*keys, str(at)))


def _line(path: Path, node: yaml.Node) -> str:
    return f"{path}, line {node.start_mark.line + 1}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
