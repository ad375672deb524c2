"""Other events after t: the past is the past, and every column of every kind has a chance to move."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from leak_market import market

from atc.events.schema import Kind, schema_of
from atc.leaks.perturb import KINDS, Tables, perturbed
from atc.leaks.streams import Stream


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    _, whole = market(tmp_path_factory.mktemp("market"), "data.days=1", "data.rate=0.02")
    return whole


def middle(stream: Stream) -> int:
    times = stream.tables[Kind.TRADE]["ts_recv"]
    return int(times[len(times) // 2])


def after(tables: Tables, kind: Kind, t: int) -> pl.DataFrame:
    return tables[kind].filter(pl.col("ts_recv") > t)


@pytest.mark.parametrize("name", KINDS)
def test_up_to_t_nothing_changes_and_after_it_something_does(stream: Stream, name: str) -> None:
    t = middle(stream)
    other = perturbed(stream.tables, t, (name,), seed=1, end_ns=stream.end_ns)
    past = pl.col("ts_recv") <= t
    for kind, table in stream.tables.items():
        assert other[kind].filter(past).equals(table.filter(past))
    assert any(not after(other, kind, t).equals(after(stream.tables, kind, t)) for kind in Kind)


@pytest.mark.parametrize("name", [*KINDS, "all"])
def test_what_comes_out_can_be_filed_and_read(stream: Stream, name: str, tmp_path: Path) -> None:
    t = middle(stream)
    kinds = tuple(KINDS) if name == "all" else (name,)
    other = perturbed(stream.tables, t, kinds, seed=2, end_ns=stream.end_ns)
    for kind, table in other.items():
        assert table.to_arrow().cast(schema_of(kind)).schema == schema_of(kind)
        keys = table.select("ts_recv", "ev_seq")
        assert keys.equals(keys.sort("ts_recv", "ev_seq"))
        if "px_ticks" in table.columns:
            assert (table["px_ticks"] >= 0).all()
    numbers = pl.concat([after(other, kind, t).select("ts_recv", "ev_seq").unique() for kind in Kind])
    assert numbers["ev_seq"].is_unique().all()
    Stream(stream.instrument, stream.days, other).write(tmp_path, "other")


def test_all_changes_together_move_every_value_that_a_row_is_made_of(stream: Stream) -> None:
    t = middle(stream)
    other = perturbed(stream.tables, t, tuple(KINDS), seed=3, end_ns=stream.end_ns)
    for kind, names in (
        (Kind.BOOK, ("px_ticks", "qty_lots", "side", "ts_recv")),
        (Kind.TRADE, ("px_ticks", "qty_lots", "side", "ts_recv")),
        (Kind.TICKER, ("bid", "ask", "last", "high", "low", "vol", "ts_recv")),
    ):
        for name in names:
            assert not after(other, kind, t)[name].equals(after(stream.tables, kind, t)[name]), (kind, name)


def test_the_same_seed_gives_the_same_events(stream: Stream) -> None:
    t = middle(stream)
    one, other, third = (
        perturbed(stream.tables, t, tuple(KINDS), seed=seed, end_ns=stream.end_ns) for seed in (1, 1, 2)
    )
    assert all(one[kind].equals(other[kind]) for kind in Kind)
    assert any(not one[kind].equals(third[kind]) for kind in Kind)
