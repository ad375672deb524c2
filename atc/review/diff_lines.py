"""The differences of two configs as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from atc.config.diff import ABSENT, Difference
from atc.report.cells import Row, table
from atc.review.code import CodeDifference

NONE = "no difference in meaning"
_LONGEST_HEADING = 40
"""Of a column; what is longer stands above the table."""
_MOST_FILES = 8
"""That a sentence names."""


def diff_lines(
    found: Sequence[Difference],
    left: str,
    right: str,
    *,
    markdown: bool,
    code: CodeDifference | None = None,
) -> Iterator[str]:
    """The table of the differences; a member that a list lost or gained has a line of its own, and the files
    in which the `code` differs stand below.
    """
    if not found:
        yield NONE
        return
    tagged = any(one.changes for one in found)
    if not markdown and max(len(left), len(right)) > _LONGEST_HEADING:
        yield from (f"A  {left}", f"B  {right}", "")
        left, right = "A", "B"
    rows = [["key" if markdown else "", left, right, *(["changes"] if tagged else [])]]
    for one in found:
        rows += [[*cells, *([", ".join(one.changes)] if tagged else [])] for cells in _cells(one)]
    if markdown:
        rows = [rows[0], *([_code(row[0]), *map(_safe, row[1:])] for row in rows[1:])]
    yield from table(rows, markdown=markdown, words=tuple(range(4)))
    if code is not None:
        yield from ("", _where(code))


def diff_json(
    found: Sequence[Difference], left: str, right: str, code: CodeDifference | None = None
) -> dict[str, Any]:
    """The same, with all files of the code; a value that is not there has no entry."""
    files = {} if code is None else {"code_files": None if code.files is None else list(code.files)}
    return {"left": left, "right": right, "differences": [_entry(one) for one in found], **files}


def _where(code: CodeDifference) -> str:
    if code.files is None:
        return "code differs: another digest, and no commit says in which files"
    more = len(code.files) - _MOST_FILES
    others = f" and {more} more" if more > 0 else ""
    return f"code differs: {', '.join(code.files[:_MOST_FILES])}{others}"


def _cells(one: Difference) -> Iterator[Row]:
    if not (one.lost or one.gained):
        yield [one.key, one.left, one.right]
        return
    for sign, members in (("−", one.lost), ("+", one.gained)):
        for member in members:
            yield [f"{one.key} {sign} {member}", "", ""]


def _entry(one: Difference) -> dict[str, Any]:
    values = {
        side: value for side, value in zip(("left", "right"), one.values, strict=True) if value is not ABSENT
    }
    members = {"lost": list(one.lost), "gained": list(one.gained)} if one.lost or one.gained else {}
    return {"key": one.key, **values, **members, "changes": list(one.changes)}


def _code(text: str) -> str:
    return f"`{text}`"


def _safe(text: str) -> str:
    """As a cell of a Markdown table."""
    return text.replace("|", "\\|")
