"""The header of a ticket file, from its JSON texts: hostile until it is shown not to be; needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from clew.runtime.graph import Graph, Shape, parse_graph, shapes_of
from clew.tickets.checked_json import checked_json, inflated

FORMAT = 2  # with the inference graph, which format 1 has not
READ = (1, FORMAT)
DETAILS = ("graph", "rest")  # long, and read by programs alone: kept compressed, since format 2
VALUES = ("fp32", "fp16")  # how the surviving weights are stored
REQUIRED = ("format", "detector", "protocol", "search", "sparsity", "shapes", "data", "metrics", "seal")
MOST_SIZE, MOST_CLASSES = 4096, 10_000  # pixels of a side; outputs of a network
MOST_WEIGHTS = 2**30
MOST_FIELDS, MOST_NUMBERS = 32, 1_000_000  # of what is familiar
UNITS, NOISE = ("picture", "video"), 1e-6  # a threshold beyond 0 to 1 by so little calls nothing
WIDEST = 4.0  # side of a crop in face boxes
OBJECTS = ("detector", "search", "sparsity", "shapes", "metrics")


def parse_header(text: str, details: bytes | None) -> dict[str, Any]:
    """The header in its JSON text and, since format 2, its compressed `DETAILS`.

    Raises ValueError when it is not that of a ticket which can be used here: numbers are finite, texts can be written
    again, and what others look into is of the right kind and size.
    """
    header = checked_json(text)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    lacking = [key for key in REQUIRED if key not in header]
    if lacking:
        raise ValueError(f"its header lacks {', '.join(lacking)}")
    if header["format"] not in READ:
        raise ValueError(f"it has format {header['format']}, this version of Clew reads {' and '.join(map(str, READ))}")
    for key in OBJECTS:
        _expect(isinstance(header[key], dict), key, "an object")
    if header["format"] != 1:
        header |= _in_details(details)
    _check_detector(header["detector"])
    _check_fields(header)
    _check_layout(header)
    _check_graph(header)
    return header


def graph_in(header: dict[str, Any]) -> Graph | None:
    """The inference graph in a header, None where it has none; raises ValueError for what no graph can be."""
    return None if header.get("graph") is None else parse_graph(header["graph"])


def check_graph_fits(header: dict[str, Any], tensors: Mapping[str, Shape]) -> None:
    """Raises ValueError where a header's graph does not fit the float32 tensors of its ticket, by name and shape."""
    graph = graph_in(header)
    if graph is None:
        return
    found, outputs = shapes_of(graph, tensors)[graph.output], max(2, header["detector"].get("classes", 2))
    _expect(found == (outputs,), "graph", f"{outputs} logits at its end, not {found}")


def _in_details(found: bytes | None) -> dict[str, Any]:
    if found is None:
        raise ValueError("it lacks the details of its header")
    details = inflated(found)
    _expect(isinstance(details, dict) and set(details) == set(DETAILS), "details", f"an object of {', '.join(DETAILS)}")
    return dict(details)


def _check_detector(found: dict[str, Any]) -> None:
    for key in ("name", "input_size"):
        _expect(key in found, "detector", f"a {key}")
    for key in found:
        _expect(key in ("name", "input_size", "classes", "options"), "detector", f"no field {key!r:.40}")
    _expect(isinstance(found["name"], str) and 0 < len(found["name"]) <= 200, "detector", "a short name")
    size, classes, options = found["input_size"], found.get("classes", 2), found.get("options", {})
    _expect(_counts(size, MOST_SIZE), "detector", f"an input_size from 1 to {MOST_SIZE} pixels")
    _expect(_counts(classes, MOST_CLASSES), "detector", f"1 to {MOST_CLASSES} classes")
    plain = isinstance(options, dict) and all(isinstance(value, int | float | str) for value in options.values())
    _expect(plain, "detector", "options that are numbers, texts, true or false")


def _check_fields(header: dict[str, Any]) -> None:
    """The fields that are looked into without a further check."""
    _expect(isinstance(header["protocol"], str), "protocol", "a text")
    names, data, outputs = header.get("classes"), header["data"], max(2, header["detector"].get("classes", 2))
    if names:
        told = isinstance(names, list) and len(names) == outputs and _all_texts(names)
        _expect(told, "classes", f"a name for each of {outputs} classes")
    _expect(isinstance(data, list) and all(isinstance(one, dict) for one in data), "data", "a list of stores")
    for one in data:
        _expect(_all_texts([one.get("name"), one.get("hash"), *one.values()]), "data", "stores by name and hash")
    search = header["search"]
    _expect(isinstance(search.get("seed") or 0, int), "search", "a whole number as seed")
    level = search.get("level") or 0
    _expect(isinstance(level, int | float) and 0 <= level < 1, "search", "a level from 0 to 1")
    for one in header["metrics"].values():
        _expect(isinstance(one, dict) and _all_numbers(one.values()), "metrics", "figures by split")
    counts = [value for key, value in header["sparsity"].items() if key != "layers"]
    _expect(_all_numbers(counts), "sparsity", "a share and counts")
    _check_optional(header)


def _check_optional(header: dict[str, Any]) -> None:
    """The fields that may be null."""
    point, source = header.get("operating_point"), header.get("source")
    if point is not None:
        _expect(isinstance(point, dict) and _all_numbers([point.get("fpr")]), "operating_point", "a rate and points")
        _check_points(point)
        _check_points(point.get("real", {}))
    _check_familiarity(header.get("familiarity"))
    _check_scan(header.get("scan"))
    known = header.get("calibrated_on", [])
    told = isinstance(known, list) and all(isinstance(one, dict) and _all_texts(one.values()) for one in known)
    _expect(told, "calibrated_on", "a list of stores")
    if source is not None:
        _expect(isinstance(source, dict), "source", "an object")
        _expect(
            _all_texts(source.get(key) for key in ("file", "sha256", "form")), "source", "a file, its hash and form"
        )


def _check_points(found: Any) -> None:
    """The thresholds by unit, of fake or of real; a unit may be absent."""
    _expect(isinstance(found, dict), "operating_point", "points by unit")
    for unit in UNITS:
        point = found.get(unit)
        if point is None:
            continue
        _expect(isinstance(point, dict) and _all_numbers([point.get("threshold")]), "operating_point", "a threshold")
        _expect(-NOISE <= point["threshold"] <= 1 + NOISE, "operating_point", "a threshold from 0 to 1")


def _check_familiarity(found: Any) -> None:
    """Numbers, texts and lists of numbers, not too long; `clew.media.familiarity` looks closer when it reads them."""
    if found is None:
        return
    _expect(isinstance(found, dict) and len(found) <= MOST_FIELDS, "familiarity", "an object of few fields")
    long = [value for value in found.values() if isinstance(value, list | str)]
    _expect(sum(map(len, long)) <= MOST_NUMBERS, "familiarity", f"at most {MOST_NUMBERS:,} numbers and letters")
    lists = [value if isinstance(value, list) else [value] for value in found.values() if not isinstance(value, str)]
    _expect(all(map(_all_numbers, lists)), "familiarity", "numbers, texts and lists of numbers")


def _check_scan(found: Any) -> None:
    """How a scan is to cut faces for it."""
    if found is None:
        return
    _expect(isinstance(found, dict) and set(found) <= {"faces", "scale", "size"}, "scan", "faces, scale and size")
    faces, scale = found.get("faces", ""), found.get("scale", 1)
    _expect(isinstance(faces, str) and len(faces) <= 20, "scan", "the name of a face detector")
    _expect(_all_numbers([scale]) and 1 <= scale <= WIDEST, "scan", f"a scale from 1 to {WIDEST:g}")
    _expect("size" not in found or _counts(found["size"], MOST_SIZE), "scan", f"a size from 1 to {MOST_SIZE} pixels")


def _check_layout(header: dict[str, Any]) -> None:
    """What the tensors of the file stand for; those of format 1 say it by their own names, but for shapes."""
    shapes, old = header["shapes"], header["format"] == 1
    _expect(header.get("values", "fp32") in (VALUES[:1] if old else VALUES), "values", " or ".join(VALUES))
    _expect(_numbers_in(shapes) <= MOST_WEIGHTS, "shapes", f"at most {MOST_WEIGHTS:,} weights")
    if old:
        return
    _expect(isinstance(header["rest"], dict), "rest", "an object")
    names = set(shapes)
    for kind, found in header["rest"].items():
        _expect(isinstance(found, dict), "rest", f"an object of {kind:.20}")
        _expect(_numbers_in(found, "rest") <= MOST_WEIGHTS, "rest", f"at most {MOST_WEIGHTS:,} numbers")
        _expect(names.isdisjoint(found), "rest", "a name for each tensor")
        names |= set(found)


def _numbers_in(shapes: dict[str, Any], key: str = "shapes") -> int:
    """How many numbers tensors of these shapes have together; raises ValueError for what is no shape."""
    for shape in shapes.values():
        _expect(isinstance(shape, list) and all(_counts(side, MOST_WEIGHTS, 0) for side in shape), key, "sizes")
    return sum(map(math.prod, shapes.values()))


def _check_graph(header: dict[str, Any]) -> None:
    try:
        graph = graph_in(header)
    except ValueError as error:
        raise ValueError(f"its header's 'graph' is not as expected: {error}") from None
    size, reason = header["detector"]["input_size"], header.get("graph_reason")
    _expect(reason is None or isinstance(reason, str), "graph_reason", "a text")
    if graph is not None:
        _expect(header["format"] != 1, "graph", "null in format 1")
        _expect(graph.input == (3, size, size), "graph", f"an input of {size} x {size} pixels")


def _counts(value: Any, most: int, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _all_texts(found: Any) -> bool:
    return all(isinstance(one, str) for one in found)


def _all_numbers(found: Any) -> bool:
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in found)


def _expect(holds: bool, key: str, what: str) -> None:
    if not holds:
        raise ValueError(f"its header's '{key}' is not as expected: {what}")
