"""A chart of a page as an SVG file of its own, with the page's style inside."""

from __future__ import annotations

import re
from importlib.resources import files

from markupsafe import Markup

from clew.reports.matrix_page import readable

BESIDE = 60.0  # on a page, long names may stand out to the right of a chart
SHOWN = 960  # its width in pixels: narrow pages have a larger type
_OPENING = re.compile(r"<svg[^>]*viewBox=\"0 0 ([\d.]+) ([\d.]+)\"[^>]*>")


def standalone(chart: Markup) -> str:
    """The text of an .svg file that looks as the chart does on its page, on light and on dark."""
    opening = _OPENING.match(str(chart))
    if opening is None:
        raise ValueError("expected a drawing made by clew.reports.svg.canvas")
    width, height = (float(one) for one in opening.groups())
    style = files("clew.reports").joinpath("templates", "page.css").read_text(encoding="utf-8")
    wide = width + BESIDE
    place = f'viewBox="0 0 {wide:g} {height:g}" width="{SHOWN}" height="{SHOWN * height / wide:.0f}"'
    head = opening.group(0)[:-1].replace(f'viewBox="0 0 {opening.group(1)} {opening.group(2)}"', place)
    head += ' xmlns="http://www.w3.org/2000/svg">'
    ground = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    return f"{head}<style><![CDATA[{style}]]></style>{ground}{readable(str(chart))[opening.end() :]}\n"
