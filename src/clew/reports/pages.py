"""A page of its own file from a template: whatever is not markup made here is escaped."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = "templates"


def page_text(template: str, **content: Any) -> str:
    """The HTML text of a template with the style that all pages share; a value that is missing is an error."""
    return part_text(template, **content, style=asset("page.css"))


def part_text(template: str, **content: Any) -> str:
    """The HTML text of a template for a part of a page."""
    return _environment().get_template(template).render(**content)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("clew.reports", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def asset(name: str) -> Markup:
    """A file beside the templates, as it stands."""
    return Markup(files("clew.reports").joinpath(TEMPLATES, name).read_text(encoding="utf-8"))
