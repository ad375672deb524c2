"""Digests of Python sources by what they do."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path


def code_digest(sources: Iterable[str | Path]) -> str:
    """SHA-256 over the syntax trees of `sources`: comments, layout and docstrings do not count."""
    whole = hashlib.sha256()
    for source in sources:
        whole.update(_what_it_does(Path(source).read_bytes()).encode() + b"\0")
    return whole.hexdigest()


def same_code(left: bytes, right: bytes) -> bool:
    """Whether two sources have one digest. Raises SyntaxError for what is no Python."""
    return _what_it_does(left) == _what_it_does(right)


def _what_it_does(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_docstring(part)]
    return ast.dump(tree)


def _is_docstring(part: ast.stmt) -> bool:
    """A text that stands alone: a docstring, or one below an attribute."""
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
