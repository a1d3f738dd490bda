"""SVG and HTML elements as escaped text: whatever a name holds, it stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Value = str | float | int | None
Point = tuple[float, float]


def tag(name: str, *children: str, **attributes: Value) -> Markup:
    """An element: `class_` gives class, `stroke_width` stroke-width; None leaves an attribute out."""
    listed = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(children)  # escapes every child that is not markup itself
    return Markup(f"<{name}{listed}>{inner}</{name}>")


def _plain(value: Value) -> str:
    """Numbers to a hundredth of a unit, without needless zeros."""
    return _trim(value) if isinstance(value, float) else str(value)


def _trim(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def joined(parts: Iterable[str]) -> Markup:
    """Elements one after another."""
    return Markup("").join(parts)


def path(points: Sequence[Point], closed: bool = False) -> str:
    """The `d` of a path through points."""
    steps = " L".join(f"{_trim(x)},{_trim(y)}" for x, y in points)
    return f"M{steps}{' Z' if closed else ''}" if points else ""


def band(above: Sequence[Point], below: Sequence[Point]) -> str:
    """The `d` of the area between two lines."""
    return path([*above, *reversed(below)], closed=True)


def canvas(width: float, height: float, label: str, *children: str, class_: str = "chart") -> Markup:
    """A drawing that scales with its column and tells readers by ear what it shows."""
    return tag(
        "svg", *children, viewBox=f"0 0 {_trim(width)} {_trim(height)}", role="img", aria_label=label, class_=class_
    )
