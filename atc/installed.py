"""Versions of installed packages, without importing them."""

from __future__ import annotations

import importlib.metadata
from functools import cache


@cache
def installed_version(package: str) -> str | None:
    """Version of `package`, None where it is not installed; read once a process."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
