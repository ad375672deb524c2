"""The site of these pages: `just docs`. Strict: a warning is an error, a link that leads nowhere warns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent / "generate"))

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "ATC"
author = "The ATC authors"
copyright = author
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "generate", "img", "style"]
nitpicky = True
language = "en"

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "deflist"]

html_theme = "furo"
html_static_path = ["style"]
html_css_files = ["wide.css"]
html_title = "ATC"
html_copy_source = False
html_show_sphinx = False
# Straight quotes and three dots stay what they are: the pages are full of commands.
smartquotes = False


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    import site_pages

    page = Path(app.srcdir) / f"{name}.md"
    text = site_pages.with_paths_for_links(source[0], page)
    source[0] = site_pages.with_navigation(text) if name == "index" else text


def _write(_app: Sphinx) -> None:
    import site_pages

    site_pages.write_reference()


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", _write)
    app.connect("source-read", _read)
