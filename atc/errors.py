"""The failures that a user can cause, and how their messages find the nearest valid spelling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AtcError(Exception):
    """A failure with a message made for the user; `exit_code` is what the process returns."""

    exit_code = 1


class UsageError(AtcError):
    """Wrong arguments or wrong config: nothing has been started."""

    exit_code = 2


class DataError(AtcError):
    """Data that is missing, damaged or not enough for what was asked."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """A clause that names the nearest of `choices` to `word`, and all of them when they are few.

    >>> nearest("num_leafs", ["num_leaves", "max_depth"])
    "did you mean 'num_leaves'? (valid: max_depth, num_leaves)"
    """
    known = sorted(set(choices))
    if not known:
        return "nothing is valid here"
    listed = f"(valid: {', '.join(known)})" if len(known) <= 24 else f"({len(known)} valid names)"
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'? {listed}" if close else listed[1:-1]
