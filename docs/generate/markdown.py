"""Markdown as MyST reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`+[^`]*`+)")
_SPECIAL = re.compile(r"([\\*_<>\[\]{}#~])")


def prose(text: str) -> str:
    """Text of a docstring or comment on one line: what Markdown would read as more than text is escaped,
    outside of `code`.
    """
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if place % 2 else _SPECIAL.sub(r"\\\1", part) for place, part in enumerate(parts))


def code(text: str) -> str:
    """`text` as code, also where it has backticks of its own."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def paragraphs(text: str) -> str:
    """A docstring with its paragraphs; examples of a prompt are code."""
    done = []
    for block in text.strip().split("\n\n"):
        done.append(fenced(block, "pycon") if block.lstrip().startswith(">>>") else prose(block))
    return "\n\n".join(done)


def fenced(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already; an empty column is left out."""
    body = [list(row) for row in rows]
    kept = [place for place in range(len(header)) if any(row[place] for row in body)]
    lines = [[header[place] for place in kept], ["---"] * len(kept)]
    lines += [[row[place].replace("|", "\\|") for place in kept] for row in body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(*parts: str) -> str:
    """Blocks with a line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"
