"""What the adapters make of whole recordings passes through the store: valid files, the same rows back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ingested import take
from recordings import BITFLYER_2018, BITSTAMP, DATABENTO, JPY, LOBSTER, needs

from atc.events.adapters import Asked
from atc.events.catalog import Catalog
from atc.events.ingest import ingest
from atc.events.reader import read_events
from atc.events.schema import Kind
from atc.events.validate import validate_days

MSFT = [LOBSTER / f"MSFT_2012-06-21_34200000_37800000_{kind}_50.csv.gz" for kind in ("message", "orderbook")]
AAPL = [LOBSTER / "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz"]
ORDERS = [BITSTAMP / name for name in ("orders.csv.gz", "trades.csv", "meta.json")]
ETH_BTC = [BITFLYER_2018 / f"bitflyer.{kind}.20180128.ETH_BTC.csv.gz" for kind in ("execution", "ticker")]


@pytest.mark.parametrize(
    ("adapter", "files", "asked"),
    [
        pytest.param(
            "jpy_recorder",
            sorted(JPY.glob("*.csv.gz")),
            {"venue": "bitflyer", "symbol": "FX_BTC_JPY"},
            marks=needs(JPY),
        ),
        pytest.param(
            "bitflyer_2018",
            ETH_BTC,
            {},
            marks=needs(BITFLYER_2018),
        ),
        pytest.param("lobster", MSFT, {}, marks=needs(LOBSTER)),
        pytest.param("lobster", AAPL, {}, marks=needs(LOBSTER)),
        pytest.param("databento_mbp10", sorted(DATABENTO.glob("*.csv.gz")), {}, marks=needs(DATABENTO)),
        pytest.param("bitstamp_l3", ORDERS, {}, marks=[*needs(BITSTAMP), pytest.mark.slow]),
    ],
)
def test_a_recording_in_the_store(
    tmp_path: Path, adapter: str, files: list[Path], asked: dict[str, str]
) -> None:
    done = ingest(adapter, files, tmp_path, Asked(**asked))
    facts = done.manifest.instrument
    assert validate_days(Catalog(tmp_path), facts.venue, facts.symbol) == []
    taken = take(adapter, files, **asked)
    events = read_events(tmp_path, facts.venue, facts.symbol, -(2**62), 2**62)
    for kind in Kind:
        table = taken.tables.get(kind.value)
        assert events.of(kind).num_rows == (0 if table is None else table.num_rows)
        if table is not None:
            for name in table.column_names:
                stored = events.of(kind)[name]
                assert stored.to_pylist() == table[name].to_pylist(), name
