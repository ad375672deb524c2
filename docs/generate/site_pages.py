"""What the site needs besides its pages: the reference written, the navigation made, links made to fit.

The pages of `reference/` are made of the declarations and schemas whenever the site is built. No generator
knows a key, a column or a command by name: what is declared is listed.
"""

from __future__ import annotations

import re
from pathlib import Path

import column_pages
import command_pages
import config_pages
import experiment_pages
import label_model_pages
import metric_pages
import python_pages

DOCS = Path(__file__).resolve().parent.parent
REFERENCE = DOCS / "reference"
GENERATORS = (
    config_pages,
    experiment_pages,
    column_pages,
    label_model_pages,
    metric_pages,
    command_pages,
    python_pages,
)

_SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^- \[[^\]]*\]\(([^)#]+)\.md\)", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\((\.\.?/[^)\s]+)\)")


def reference_pages() -> dict[str, str]:
    """All generated pages by file name below `reference/`."""
    return {name: text for generator in GENERATORS for name, text in generator.pages().items()}


def write_reference(folder: Path = REFERENCE) -> None:
    """Write the pages, leave those that are as they were, and remove what is no page any more."""
    pages = reference_pages()
    for name, text in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    for file in folder.rglob("*.md"):
        if file.relative_to(folder).as_posix() not in pages:
            file.unlink()


def with_navigation(index: str) -> str:
    """`index.md` with a table of contents for the sidebar after each section, of the pages that it lists."""

    def navigated(section: re.Match[str]) -> str:
        pages = _ENTRY.findall(section[2])
        if not pages:
            return section[0]
        tree = ["```{toctree}", ":hidden:", f":caption: {section[1]}", "", *pages, "```", ""]
        return "\n".join([section[0].rstrip(), "", *tree, ""])

    return _SECTION.sub(navigated, index)


def with_paths_for_links(text: str, page: Path) -> str:
    """Links that lead out of `docs/`, to code, as the text of the path: a site has no code.

    Raises ValueError for one that leads nowhere.
    """

    def named(link: re.Match[str]) -> str:
        target = (page.parent / link[2].partition("#")[0]).resolve()
        if target.is_relative_to(DOCS):
            return link[0]
        if not target.exists():
            raise ValueError(f"{page}: the link to {link[2]} leads nowhere")
        path = f"`{target.relative_to(DOCS.parent)}`"
        return path if link[1].strip("`") in path else f"{link[1]} ({path})"

    return _LINK.sub(named, text)
