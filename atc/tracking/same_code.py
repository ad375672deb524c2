"""A worker outlives edits of the sources: what it has imported is then another code than lies on disk, by
which a run is known. So no job begins, and no record is finished, under a code that it was not made by.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from atc.errors import AtcError

_demanded: list[str] = []


class CodeChanged(AtcError):
    """The code that is on disk is not that which the sweep was frozen with."""


@contextmanager
def code_demanded(digest: str) -> Iterator[None]:
    """Demands the code of this `digest` now, and whenever a record is finished in this process meanwhile.

    Raises `CodeChanged` where another one is on disk.
    """
    _demanded.append(digest)
    try:
        demand_same_code()
        yield
    finally:
        _demanded.remove(digest)


def demand_same_code() -> None:
    """Raises `CodeChanged` where the code on disk is not the one demanded; nothing where none is."""
    if not _demanded:
        return
    from atc.config.digest import code_digest

    found = code_digest()
    for digest in _demanded:
        if found != digest:
            raise CodeChanged(
                f"code changed during the sweep: it was frozen with {digest[:12]}, on disk is {found[:12]}; "
                "what was loaded before the change is neither for certain, so nothing is recorded under it: "
                "start the sweep again, which is another one, or put the code back and resume it"
            )
