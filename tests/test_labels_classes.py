"""From events to classes: labeller and fitted labels against the exact reference, on simulated business days
and on recordings. Every class and every null agrees.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from reference import classes
from reference.labels import Quotes, fwd_logret
from sessions import DIRTY_HOURS, RECORDED, Session, batches, recorded, recordings_are_there, simulated

from atc import _rust
from atc.config.labels import Label
from atc.labels.definitions import fit_label, label_spec

ROWS = 160
Class = Callable[[Any, Any, Any], int | None]
"""Of r, the row's spread, the mean spread of the training rows."""

LABELS: list[tuple[dict[str, Any], Class]] = [
    ({"kind": "hold10_oracle"}, lambda r, row, mean: classes.hold10_oracle(r, Fraction(2))),
    (
        {"kind": "hold10_oracle_spread", "exit_spreads": 0.5},
        lambda r, row, mean: classes.hold10_oracle(r, mean / 2),
    ),
    ({"kind": "hold10_3class"}, lambda r, row, mean: classes.hold10_3class(r, Fraction(4), Fraction(2))),
    ({"kind": "hold10_3class_spread"}, lambda r, row, mean: classes.hold10_3class(r, 2 * mean, mean)),
    (
        {"kind": "hold10_3class_spread", "spread": "row"},
        lambda r, row, mean: classes.hold10_3class(r, None if row is None else 2 * row, row),
    ),
    (
        {"kind": "tlob", "smooth_s": 3.0, "threshold": "row_spread"},
        lambda r, row, mean: classes.tlob(r, row),
    ),
    (
        {"kind": "tlob", "smooth_s": 0.7, "threshold": "mean_spread", "spreads": 0.25},
        lambda r, row, mean: classes.tlob(r, mean / 4),
    ),
    ({"kind": "multihorizon_up", "horizons_s": [1, 5]}, lambda r, row, mean: classes.up(r)),
]


def assert_classes(session: Session, horizon_s: float) -> None:
    events = session.events[:8_000]
    rng = random.Random(4)
    span = events[0].ts_recv, events[-1].ts_recv + 1
    times = sorted(rng.choice(events).ts_recv for _ in range(ROWS))
    tables = batches(session.read(*span))
    quotes = Quotes(events, session.spec)
    spreads = [quotes.spread_bps_at(t) for t in times]
    train = ROWS // 2
    mean = classes.mean(spreads[:train])
    for fields, class_of in LABELS:
        own = {} if "horizons_s" in fields else {"horizon_s": horizon_s}
        label: Label = TypeAdapter(Label).validate_python({**fields, **own})
        asked = label_spec(label)
        batch = _rust.label_rows(session.spec.json(), *tables, times, asked.heads, asked.smooth_ns)
        columns = [batch.column(f"r_bps_{name}" if name else "r_bps") for name in asked.names]
        r = np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
        spread = batch.column("spread_bps").to_numpy(zero_copy_only=False)
        codes = fit_label(label, r[:train], spread[:train]).codes(r, spread)
        for head, (_, horizon_ns) in enumerate(asked.heads):
            exact = fwd_logret(events, session.spec, times, horizon_ns, asked.smooth_ns)
            expected = [class_of(one.r, row, mean) for one, row in zip(exact, spreads, strict=True)]
            found = [None if np.isnan(code) else int(code) for code in codes[:, head]]
            assert found == expected, fields
            assert len({one for one in found if one is not None}) > 1, fields


@pytest.mark.parametrize("scenario", ["target", "dirty_feed"])
def test_simulated_days(scenario: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    words = DIRTY_HOURS if scenario == "dirty_feed" else []
    session = simulated(scenario, tmp_path_factory.mktemp(scenario), rate=0.2, words=words)
    assert_classes(session, 60.0)


@pytest.mark.recordings
@pytest.mark.skipif(not recordings_are_there(), reason="no Binance recordings; set ATC_RECORDINGS")
@pytest.mark.parametrize("symbol", sorted(RECORDED))
def test_recordings(symbol: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert_classes(recorded(symbol, tmp_path_factory.mktemp(symbol)), 10.0)
