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
        tree = ast.parse(Path(source).read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = [part for part in node.body if not _is_docstring(part)]
        whole.update(ast.dump(tree).encode() + b"\0")
    return whole.hexdigest()


def _is_docstring(part: ast.stmt) -> bool:
    """A text that stands alone: a docstring, or one below an attribute."""
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
