"""A page as text: the template with style and script inside, nothing outside."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from atc.report.html.content import PRINTED, Page, with_unique_names

if TYPE_CHECKING:
    from jinja2 import Environment

LARGEST = 5 * 2**20
"""Bytes that a page should stay below."""
_TEMPLATES = Path(__file__).with_name("templates")


def rendered(page: Page) -> str:
    """The page as HTML, UTF-8, which asks for nothing from anywhere."""
    template = _environment().get_template("page.html.j2")
    text = template.render(
        page=page,
        sections=with_unique_names(page.sections),
        style=_text("report.css"),
        script=_text("report.js"),
        printed=PRINTED,
    )
    # What macros leave: empty lines.
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
