"""What the rows of a run take besides their matrix: keys, times, returns, classes, weights and positions.

Days of the cache are made without an event, of two columns, as columns are mapped whatever their number. The
first load copies keys and labels into the file that runs map; what is measured is a later run's.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from features_table import FeatureTable, Goal
from train import Case, Clock, Found, anonymous_kib
from train_rows import SyntheticRows

ROWS = 46_000_000
DAYS, TRAIN_DAYS = 92, 69
HELD_BYTES = 16
"""Of one head, a row: what the table holds it against."""
SETTINGS = {
    "one head": ("+experiment=gbdt_36feat",),
    "one head, weights by uniqueness": ("+experiment=gbdt_36feat", "weights=uniqueness"),
    "a return": ("+experiment=linear_36feat",),
    "four heads": ("+experiment=multihorizon_full_36feat",),
}


def cases() -> list[Case]:
    """Kinds of labels; of as many columns as the other parts, whose rows lie there already."""
    return [Case(name, ROWS, 36) for name in SETTINGS]


@contextmanager
def _stage(*_: object) -> Iterator[Any]:
    yield SimpleNamespace(cached=True)


def run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Load the rows as a run does; the days are made anew, beside the synthetic rows."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tempfile import TemporaryDirectory

    from synthetic_days import COLUMNS, synthetic_days

    import atc
    from atc.tasks import market_data
    from atc.tasks.base import Desk
    from atc.tasks.loaded import load_rows

    market_data.run_columns = lambda _: COLUMNS
    desk = Desk(_stage, _stage)
    with TemporaryDirectory(dir=data.folder) as folder:
        config = atc.compose([*SETTINGS[case], f"paths.outputs={folder}"])
        made = synthetic_days(Path(folder), config, -(-data.rows // DAYS), DAYS, TRAIN_DAYS)
        load_rows(made.market, config, desk)
        gc.collect()
        before = anonymous_kib()
        clock.peak_kib = before  # what was taken to make the days does not count
        with clock():
            loaded = load_rows(made.market, config, desk)
        gc.collect()
        held = anonymous_kib() - before
        return {
            "held_bytes": held * 1024 / data.rows,
            "most_bytes": (clock.peak_kib - before) * 1024 / data.rows,
            "train_rows": float(loaded.parts.train.n_rows),
        }


def tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None:
    """Bytes a row that stay, and that are taken on the way."""
    for name, one in found.items():
        goal = Goal(HELD_BYTES, at_most=True) if name == "one head" and one.rows >= ROWS else None
        table.add(f"rows of {name}: held", one.figures["held_bytes"], "B a row", goal=goal)
        table.add(f"rows of {name}: at most, on the way", one.figures["most_bytes"], "B a row")
        table.add(f"rows of {name}: time from the cache", one.seconds, "s")
