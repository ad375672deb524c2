"""ATC: declarative, leak-proof experiments on tick data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atc.config.compose import compose
    from atc.features.stream import FeatureStream
    from atc.opened_run import open_run

__all__ = ["FeatureStream", "compose", "open_run"]


def __getattr__(name: str) -> Any:
    # Lazily: `import atc` costs nothing, and the command line starts in a moment.
    if name == "compose":
        from atc.config.compose import compose

        return compose
    if name == "open_run":
        from atc.opened_run import open_run

        return open_run
    if name == "FeatureStream":
        from atc.features.stream import FeatureStream

        return FeatureStream
    raise AttributeError(f"module 'atc' has no attribute {name!r}")
