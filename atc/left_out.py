"""Packages that libraries import wherever they are installed, and that no run uses.

LightGBM imports scikit-learn and pandas for interfaces of its own, pyarrow imports pandas with the first
column that becomes an array; together they take longer to import than all that a run needs. A process that
leaves them out works as if they were not installed: its libraries do without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

UNUSED = frozenset({"sklearn", "pandas"})


def leave_out_unused() -> None:
    """From here on an import of them fails in this process; one that is imported already stays."""
    if not any(isinstance(finder, _LeftOut) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LeftOut())


@contextmanager
def taken_in() -> Iterator[None]:
    """Within it they can be imported, for a library that does not do without; in one thread at a time."""
    finders = [finder for finder in sys.meta_path if isinstance(finder, _LeftOut)]
    for finder in finders:
        sys.meta_path.remove(finder)
    try:
        yield
    finally:
        sys.meta_path[:0] = finders


class _LeftOut(MetaPathFinder, Loader):
    # Found, and not loaded: to say that there is no such module, a finder would have to be the only one.
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname in UNUSED else None

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(
            f"{module.__name__} is left out of runs, because its import takes longer than all they need; "
            f"code that a run is to import it from needs it taken out of UNUSED in {__name__}",
            name=module.__name__,
        )
