"""A sink that does nothing, for the process that W&B has beside a run."""

from __future__ import annotations


class QuietSink:
    """Takes whatever it is told; its report says how often it was told curves."""

    def __init__(self) -> None:
        self.curves_told = 0

    def report(self) -> dict[str, object]:
        return {"status": "quiet", "curves": self.curves_told}

    def start(self) -> None: ...

    def make_ready(self) -> None: ...

    def curves(self, *_: object) -> None:
        self.curves_told += 1

    def close(self, *_: object) -> None: ...
