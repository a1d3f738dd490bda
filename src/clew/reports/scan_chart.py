"""Charts of a finding: a person's probability over time, or on one scale, with the ticket's two thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, spread, ticks
from clew.reports.svg import canvas, path, tag
from clew.reports.words import number
from clew.scan.finding import REASONS, FaceFinding, PersonFinding

WIDTH, LEFT, RIGHT = 790.0, 34.0, 644.0
TOP, BOTTOM, HEIGHT = 12.0, 132.0, 186.0
UNSCORED = 146.0  # where faces without a score are marked
MOST_POINTS = 600
APART = 21.0  # of two labels
SCALE_TOP, SCALE_BOTTOM, SCALE_HEIGHT = 28.0, 48.0, 74.0


@dataclass(frozen=True)
class Thresholds:
    """From `fake` on it is fake, up to `real` it is real; None where the ticket has none."""

    fake: float | None = None
    real: float | None = None

    @classmethod
    def of(cls, point: Mapping[str, Any] | None) -> Thresholds:
        """The thresholds of a finding's operating point."""
        return cls(*(_threshold((point or {}).get(name)) for name in ("fake", "real")))


def _threshold(found: Any) -> float | None:
    value = found.get("threshold") if isinstance(found, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def timeline(person: PersonFinding, at: Thresholds, seconds: float) -> Markup:
    """Probability of fake over `seconds`: full points count towards the verdict, hollow ones do not and say why."""
    faces = _spread(person.faces)
    x = Linear(0.0, max(seconds, max((face.time_s for face in faces), default=0.0), 0.1), LEFT, RIGHT)
    y = Linear(0.0, 1.0, BOTTOM, TOP)
    counted = [
        (x(face.time_s), y(face.probability)) for face in faces if _counts(face) and face.probability is not None
    ]
    decisive = {id(person.faces[place]) for place in person.decisive}
    parts = [
        *_zones(at, y, LEFT, RIGHT),
        *_grid(x, y),
        *_labels(at, person.probability, y),
        tag("path", d=path(counted), class_="line slim"),
        *(_point(face, x, y, id(face) in decisive) for face in faces),
    ]
    return canvas(WIDTH, HEIGHT, _told(person, at), *parts, class_="chart timeline s1")


def scale(person: PersonFinding, at: Thresholds) -> Markup:
    """The probability of fake of a person of one picture, on a line from 0 to 1."""
    x = Linear(0.0, 1.0, LEFT, RIGHT)
    parts: list[Markup] = []
    if at.real is not None:
        parts.append(_zone("real", x(0), SCALE_TOP, x(_held(at.real)) - x(0), SCALE_BOTTOM - SCALE_TOP))
    if at.fake is not None:
        parts.append(_zone("fake", x(_held(at.fake)), SCALE_TOP, x(1) - x(_held(at.fake)), SCALE_BOTTOM - SCALE_TOP))
    for text, value, name in _ends(at):
        if value is not None:  # above the edge, towards the middle of its own zone where there is room
            place = x(_held(value))
            side = "end" if name == "real" and place > 160 else "start" if name == "limit" and place < 520 else "mid"
            parts.append(tag("text", text, x=place, y=SCALE_TOP - 9, class_=f"name {name} {side}"))
    middle = (SCALE_TOP + SCALE_BOTTOM) / 2
    parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=middle, y2=middle, class_="base"))
    for value in (0.0, 0.5, 1.0):
        parts.append(tag("text", f"{value:g}", x=x(value), y=SCALE_BOTTOM + 18, class_="tick mid"))
    if person.probability is not None:
        hollow = "" if person.verdict != "inconclusive" else " hollow"
        parts.append(tag("circle", cx=x(person.probability), cy=middle, r=7, class_=f"mark{hollow}"))
    return canvas(WIDTH, SCALE_HEIGHT, _told(person, at), *parts, class_="chart timeline s1")


def _told(person: PersonFinding, at: Thresholds) -> str:
    """What the chart shows, for readers by ear."""
    ends = [f"fake from {number(at.fake, 2)}"] if at.fake is not None else []
    ends += [f"real up to {number(at.real, 2)}"] if at.real is not None else []
    mean = "not scored" if person.probability is None else number(person.probability, 2)
    counts = f"{person.counted} of {len(person.faces)} faces count"
    return f"Probability of fake of person {person.person}: {mean}; {'; '.join([*ends, counts])}"


def _spread(faces: Sequence[FaceFinding]) -> Sequence[FaceFinding]:
    """So many that they can be told apart, evenly over all."""
    if len(faces) <= MOST_POINTS:
        return faces
    return [faces[place * len(faces) // MOST_POINTS] for place in range(MOST_POINTS)]


def _counts(face: FaceFinding) -> bool:
    return not face.reason and face.probability is not None


def _held(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _zone(name: str, x: float, y: float, width: float, height: float) -> Markup:
    return tag("rect", x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=f"zone {name}")


def _zones(at: Thresholds, y: Linear, left: float, right: float) -> list[Markup]:
    parts = []
    if at.fake is not None:
        edge = y(_held(at.fake))
        parts.append(_zone("fake", left, y(1), right - left, edge - y(1)))
        parts.append(tag("line", x1=left, x2=right, y1=edge, y2=edge, class_="edge fake"))
    if at.real is not None:
        edge = y(_held(at.real))
        parts.append(_zone("real", left, edge, right - left, y(0) - edge))
        parts.append(tag("line", x1=left, x2=right, y1=edge, y2=edge, class_="edge real"))
    return parts


def _grid(x: Linear, y: Linear) -> list[Markup]:
    rows = []
    for value, text in ((0.0, "0"), (0.5, ".5"), (1.0, "1")):
        rows.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(value), y2=y(value), class_="grid"))
        rows.append(tag("text", text, x=LEFT - 6, y=y(value) + 4, class_="tick end"))
    for value in ticks(0.0, x.high):
        rows.append(tag("text", f"{value:g}", x=x(value), y=HEIGHT - 20, class_="tick mid"))
    rows.append(tag("text", "seconds", x=RIGHT, y=HEIGHT - 3, class_="axis end"))
    return rows


def _labels(at: Thresholds, mean: float | None, y: Linear) -> list[Markup]:
    """What the lines are, at their ends, kept apart."""
    wanted = [*_ends(at), (f"mean {number(mean, 2)}", mean, "strong")]
    known = [(text, y(_held(value)), name) for text, value, name in wanted if value is not None]
    places = spread([place for _, place, _ in known], APART, TOP, BOTTOM)
    return [
        tag("text", text, x=RIGHT + 8, y=place + 4, class_=f"name {name}")
        for (text, _, name), place in zip(known, places, strict=True)
    ]


def _ends(at: Thresholds) -> list[tuple[str, float | None, str]]:
    """Both thresholds in words, with the name of their style."""
    least, most = "\N{GREATER-THAN OR EQUAL TO}", "\N{LESS-THAN OR EQUAL TO}"
    return [
        (f"fake {least} {number(at.fake, 2)}", at.fake, "limit"),
        (f"real {most} {number(at.real, 2)}", at.real, "real"),
    ]


def _point(face: FaceFinding, x: Linear, y: Linear, decisive: bool) -> Markup:
    why = "" if not face.reason else f"; does not count: {REASONS.get(face.reason, face.reason)}"
    when = f"frame {face.frame}, {face.time_s:.2f} s"
    if face.probability is None:
        cross = path([(-3.5, -3.5), (3.5, 3.5)]) + " " + path([(-3.5, 3.5), (3.5, -3.5)])
        mark = tag("path", d=cross, transform=f"translate({x(face.time_s):.2f} {UNSCORED:g})", class_="cross")
        return tag("g", tag("title", f"{when}: not scored{why}"), mark, class_="pt")
    kind = "mark" if not face.reason else "mark hollow"
    radius = 6.0 if decisive else 3.6
    told = f"{when}: {number(face.probability, 2)}{why}{'; decisive' if decisive else ''}"
    mark = tag("circle", cx=x(face.time_s), cy=y(face.probability), r=radius, class_=kind)
    return tag("g", tag("title", told), mark, class_="pt")
