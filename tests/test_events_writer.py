"""The canonical store: whole or absent, read back exactly, digests of what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atc.errors import DataError
from atc.events import part_file
from atc.events.business_day import day_of, day_start_ns, days_of
from atc.events.catalog import Catalog, manifests_dir
from atc.events.content_digest import ContentDigest
from atc.events.instrument import Instrument
from atc.events.reader import read_events
from atc.events.schema import Flag, Kind, schema_of
from atc.events.writer import IngestSession

ETH_JPY = Instrument("gmocoin", "ETH_JPY", Decimal(1), Decimal("0.01"), 75_600, 32_400, 30)
DAY = date(2025, 1, 6)
START = day_start_ns(DAY, 75_600, 32_400)


def trades(ts: list[int], *, first_seq: int = 1, price: int = 500_000) -> pa.Table:
    n = len(ts)
    return pa.table(
        {
            "ev_seq": range(first_seq, first_seq + n),
            "ts_recv": ts,
            "ts_exch": [None if i % 3 == 0 else t for i, t in enumerate(ts)],
            "venue_seq": [None] * n,
            "flags": [Flag.LAST] * n,
            "px_ticks": [price + i for i in range(n)],
            "qty_lots": [1 + i for i in range(n)],
            "side": [1 if i % 2 else -1 for i in range(n)],
            "trade_id": [None if i % 2 else f"t{i}" for i in range(n)],
        },
        schema=schema_of(Kind.TRADE),
    )


def session(root: Path, *, source: str = "s1", **more: object) -> IngestSession:
    return IngestSession(root, ETH_JPY, adapter="test@1", source_hash=source, **more)  # type: ignore[arg-type]


def write(root: Path, table: pa.Table, *, day: date = DAY, source: str = "s1") -> None:
    with session(root, source=source) as writing:
        writing.write_day(day, Kind.TRADE, table)
        writing.commit()


def files_under(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != "_lock")


def test_a_day_is_named_by_its_local_start() -> None:
    at_six_jst = 1_736_110_800 * 10**9  # 2025-01-05T21:00:00Z
    assert at_six_jst == START
    assert day_of(START - 1, 75_600, 32_400) == date(2025, 1, 5)
    assert day_of(START, 75_600, 32_400) == DAY
    assert day_of(START + 86_400 * 10**9 - 1, 75_600, 32_400) == DAY
    assert day_start_ns(DAY, 0, 32_400) == 1_736_121_600 * 10**9  # a UTC cut names the UTC date
    # New York futures: 17:00 local on the date is 22:00 UTC of it.
    assert day_start_ns(DAY, 79_200, -18_000) == (1_736_121_600 + 79_200) * 10**9


@given(
    ts=st.integers(-(10**18), 4 * 10**18),
    cut=st.integers(0, 86_399),
    tz=st.integers(-43_200, 50_400),
)
def test_every_instant_lies_in_the_day_it_is_given(ts: int, cut: int, tz: int) -> None:
    day = day_of(ts, cut, tz)
    start = day_start_ns(day, cut, tz)
    assert start <= ts < start + 86_400 * 10**9
    assert days_of(np.array([ts]), cut, tz)[0] == np.datetime64(day)
    local_start_s = start // 10**9 + tz
    assert np.datetime64(local_start_s, "s").astype("datetime64[D]") == np.datetime64(day)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    table = trades([START, START, START + 5, START + 10**9])
    write(tmp_path, table)
    events = read_events(tmp_path, "gmocoin", "ETH_JPY", START, START + 10**10)
    assert events.trade.equals(table)
    assert events.book.equals(schema_of(Kind.BOOK).empty_table())
    assert read_events(tmp_path, "gmocoin", "ETH_JPY", START + 1, START + 10**9).trade.equals(
        table.slice(2, 1)
    )


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 2 * 86_400 * 10**9), min_size=1, max_size=60),
    span=st.tuples(st.integers(-10, 70), st.integers(-10, 70)),
    data=st.data(),
)
def test_any_span_of_several_days_is_what_a_filter_gives(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], span: tuple[int, int], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("events")
    ts = (START + np.cumsum(gaps)).tolist()
    table = trades(ts)
    days = days_of(np.array(ts), 75_600, 32_400)
    with session(root) as writing:
        for day in sorted(set(days.tolist())):
            rows = table.filter(pa.array(days == np.datetime64(day)))
            cut = data.draw(st.integers(0, rows.num_rows))
            writing.append(day, Kind.TRADE, rows.slice(0, cut))
            writing.append(day, Kind.TRADE, rows.slice(cut))
        writing.commit()
    lo, hi = sorted(ts[0] + s * 10**9 * 3600 for s in span)
    got = read_events(root, "gmocoin", "ETH_JPY", lo, hi).trade
    assert got.equals(table.filter(pa.array([lo <= t < hi for t in ts])))
    assert Catalog(root).days("gmocoin", "ETH_JPY") == sorted(set(days.tolist()))


def test_row_groups_are_pruned_and_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_file, "ROW_GROUP_ROWS", 7)
    table = trades([START + i for i in range(50)])
    with session(tmp_path) as writing:
        for i in range(0, 50, 9):
            writing.append(DAY, Kind.TRADE, table.slice(i, 9))
        writing.commit()
    entry = Catalog(tmp_path).day("gmocoin", "ETH_JPY", DAY).files[Kind.TRADE][0]
    metadata = pq.ParquetFile(Catalog(tmp_path).path(entry)).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [7] * 7 + [1]
    for lo, hi in [(0, 50), (3, 4), (6, 8), (13, 30), (49, 60), (50, 51)]:
        got = read_events(tmp_path, "gmocoin", "ETH_JPY", START + lo, START + hi).trade
        assert got.combine_chunks().equals(table.slice(lo, min(hi, 50) - lo).combine_chunks())


def test_the_footer_carries_what_a_reader_without_manifest_needs(tmp_path: Path) -> None:
    write(tmp_path, trades([START]))
    entry = Catalog(tmp_path).day("gmocoin", "ETH_JPY", DAY).files[Kind.TRADE][0]
    assert entry.path.startswith("events/venue=gmocoin/symbol=ETH_JPY/kind=trade/date=2025-01-06/part-")
    path = Catalog(tmp_path).path(entry)
    footer = pq.ParquetFile(path).schema_arrow.metadata
    assert footer[b"atc.tick"] == b"1"
    assert footer[b"atc.lot"] == b"0.01"
    assert footer[b"atc.recorded_depth"] == b"30"
    assert footer[b"atc.day_cut_utc_s"] == b"75600"
    assert footer[b"atc.schema_version"] == b"1"
    assert footer[b"atc.source_hash"] == b"s1"
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    assert column.compression == "ZSTD"
    assert "DELTA_BINARY_PACKED" not in column.encodings


def test_a_content_digest_is_the_one_that_manifests_already_hold() -> None:
    texts = pa.array([None, "", "7", "印刷"], pa.string())
    table = pa.table({"id": texts, "lots": pa.array([1, None, -3, 2**40], pa.int64())})
    digest = ContentDigest(table.schema)
    digest.update(table.slice(0, 1))
    digest.update(table.slice(1))
    assert digest.hexdigest() == "dd8e931e3d34cbb94dd3ced2b88ae85f350300a70f06408cc411b931999d1d1e"


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(
        st.tuples(
            st.integers(-(2**31), 2**31 - 1),
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            st.one_of(st.none(), st.text(max_size=5)),
        ),
        max_size=30,
    ),
    cuts=st.lists(st.integers(0, 30), max_size=4),
)
def test_the_content_digest_knows_values_only(
    values: list[tuple[int, int | None, str | None]], cuts: list[int]
) -> None:
    schema = pa.schema([pa.field("a", pa.int32(), nullable=False), ("b", pa.int64()), ("c", pa.string())])
    columns = list(zip(*values, strict=True)) if values else [(), (), ()]
    table = pa.table({n: list(c) for n, c in zip("abc", columns, strict=True)}, schema=schema)
    whole = ContentDigest(schema)
    whole.update(table)
    pieces = ContentDigest(schema)
    bounds = [0, *sorted(min(c, len(values)) for c in cuts), len(values)]
    for lo, hi in pairwise(bounds):
        pieces.update(table.slice(lo, hi - lo))
    assert whole.hexdigest() == pieces.hexdigest()
    for row, (a, b, c) in enumerate(values):
        for other in ((a ^ 1, b, c), (a, 0 if b is None else None, c), (a, b, "" if c is None else None)):
            changed = [*values[:row], other, *values[row + 1 :]]
            digest = ContentDigest(schema)
            digest.update(
                pa.table(
                    {n: list(v) for n, v in zip("abc", zip(*changed, strict=True), strict=True)},
                    schema=schema,
                )
            )
            assert digest.hexdigest() != whole.hexdigest()


def test_the_content_digest_ignores_bytes_under_nulls() -> None:
    schema = pa.schema([("b", pa.int64())])
    digests = []
    for hidden in (0, 77):
        mask = pa.py_buffer(b"\x05")
        column = pa.Array.from_buffers(
            pa.int64(), 3, [mask, pa.array([1, hidden, 3], pa.int64()).buffers()[1]]
        )
        assert column.to_pylist() == [1, None, 3]
        digest = ContentDigest(schema)
        digest.update(pa.table([column], schema=schema))
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


def test_two_roots_with_the_same_events_have_the_same_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a", trades([START, START + 1]), source="s1")
    monkeypatch.setattr(part_file, "ROW_GROUP_ROWS", 1)  # other Parquet bytes, the same content
    write(tmp_path / "b", trades([START, START + 1]), source="s2")
    write(tmp_path / "c", trades([START, START + 1], price=500_001), source="s1")
    a, b, c = (Catalog(tmp_path / n).content_digest("gmocoin", "ETH_JPY", [DAY]) for n in "abc")
    assert a == b != c
    parts = [next((tmp_path / n).rglob("*.parquet")).read_bytes() for n in "ab"]
    assert parts[0] != parts[1]


def test_nothing_is_seen_before_the_commit_nor_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), session(tmp_path) as writing:
        writing.write_day(DAY, Kind.TRADE, trades([START]))
        assert Catalog(tmp_path).streams() == []
        raise ZeroDivisionError
    assert files_under(tmp_path) == []
    with session(tmp_path) as writing:
        writing.write_day(DAY, Kind.TRADE, trades([START]))
    assert files_under(tmp_path) == []  # left without commit
    write(tmp_path, trades([START]))
    assert Catalog(tmp_path).streams() == [("gmocoin", "ETH_JPY")]


def test_a_failing_manifest_takes_the_moved_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="the disk is full; nothing"), session(tmp_path) as writing:
        writing.write_day(DAY, Kind.TRADE, trades([START]))
        monkeypatch.setattr("atc.events.writer.manifests_dir", full)
        writing.commit()
    assert files_under(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the size of a file is the nearest thing to a full disk that needs no privileges.
    code = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        sys.path.insert(0, sys.argv[2])
        from tests.test_events_writer import *
        root = Path(sys.argv[1])
        rng = np.random.default_rng(1)
        n = 200_000
        table = trades([START + i for i in range(n)])
        noisy = table.set_column(6, schema_of(Kind.TRADE).field(6), pa.array(rng.integers(0, 2**62, n)))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            write(root, noisy)
        except DataError as error:
            print(error)
            sys.exit(7)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path, Path(__file__).parents[1]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "writing events failed" in done.stdout
    assert files_under(tmp_path) == []


def kill_while_writing(root: Path, *, at: str) -> None:
    """Runs an ingest in a process that kills itself at one of the steps of the commit."""
    code = f"""
        import os, signal, sys
        sys.path.insert(0, sys.argv[2])
        from tests.test_events_writer import *
        from atc.events import writer
        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)
        with session(Path(sys.argv[1])) as writing:
            writing.write_day(DAY, Kind.TRADE, trades([START, START + 1]))
            if {at!r} == "write":
                die()
            writer.{at} = die
            writing.commit()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), root, Path(__file__).parents[1]], check=False
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("at", ["write", "write_synced", "manifests_dir", "remove_replaced"])
def test_kill_minus_nine_then_again(tmp_path: Path, at: str) -> None:
    kill_while_writing(tmp_path / "killed", at=at)
    committed = at == "remove_replaced"
    assert Catalog(tmp_path / "killed").streams() == ([("gmocoin", "ETH_JPY")] if committed else [])
    assert committed or files_under(tmp_path / "killed")  # something is left, but not to be seen
    write(tmp_path / "killed", trades([START, START + 1]))
    write(tmp_path / "whole", trades([START, START + 1]))
    assert files_under(tmp_path / "killed") == files_under(tmp_path / "whole")
    assert Catalog(tmp_path / "killed").manifests == Catalog(tmp_path / "whole").manifests


def test_what_a_killed_ingest_moved_is_removed_by_another_one(tmp_path: Path) -> None:
    kill_while_writing(tmp_path, at="manifests_dir")
    assert [p for p in files_under(tmp_path) if "/kind=trade/" in p]
    other = date(2025, 1, 7)
    write(tmp_path, trades([START + 86_400 * 10**9]), day=other, source="s2")
    assert [p for p in files_under(tmp_path) if p.endswith(".parquet")] == [
        "canonical/" + Catalog(tmp_path).day("gmocoin", "ETH_JPY", other).files[Kind.TRADE][0].path
    ]


def test_a_living_ingest_keeps_its_temporary_files(tmp_path: Path) -> None:
    with session(tmp_path, source="s1") as first:
        first.write_day(DAY, Kind.TRADE, trades([START]))
        write(tmp_path, trades([START + 86_400 * 10**9]), day=date(2025, 1, 7), source="s2")
        first.commit()
    assert len(Catalog(tmp_path).days("gmocoin", "ETH_JPY")) == 2


def test_the_same_ingest_twice_is_one(tmp_path: Path) -> None:
    with session(tmp_path) as first, session(tmp_path) as second:
        for writing in (first, second):
            writing.write_day(DAY, Kind.TRADE, trades([START]))
        assert first.commit() == second.commit()
    assert len(Catalog(tmp_path).manifests) == 1


def test_a_day_belongs_to_one_ingest(tmp_path: Path) -> None:
    write(tmp_path, trades([START]), source="s1")
    with pytest.raises(DataError, match="2025-01-06 is held by ingest"):
        write(tmp_path, trades([START + 5]), source="s2")
    with pytest.raises(DataError, match="meanwhile"), session(tmp_path / "race", source="s1") as slow:
        slow.write_day(DAY, Kind.TRADE, trades([START]))
        write(tmp_path / "race", trades([START + 5]), source="s2")
        slow.commit()


def test_replacing_an_ingest_is_one_step(tmp_path: Path) -> None:
    write(tmp_path, trades([START]), source="s1")
    old = next(iter(Catalog(tmp_path).manifests))
    with session(tmp_path, source="s2", may_replace=[old]) as writing:
        writing.write_day(DAY, Kind.TRADE, trades([START + 5]))
        writing.commit()
    assert read_events(tmp_path, "gmocoin", "ETH_JPY", 0, 2**62).trade["ts_recv"].to_pylist() == [START + 5]
    assert len([p for p in files_under(tmp_path) if p.endswith(".parquet")]) == 1
    assert len([p for p in files_under(tmp_path) if p.endswith(".json")]) == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (trades([START]).drop_columns(["side"]), "found columns .*; expected .* side int8 not null"),
        (trades([START + 1, START]), "row 1 has .* expected a growing order"),
        (trades([START - 1]), "expected 17\\d+ <= ts_recv <"),
        (trades([START + 86_400 * 10**9]), "expected 17\\d+ <= ts_recv <"),
    ],
)
def test_rows_that_do_not_belong_are_refused(tmp_path: Path, table: pa.Table, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write(tmp_path, table)
    assert files_under(tmp_path) == []


def test_equal_sequence_numbers_are_for_book_rows_only(tmp_path: Path) -> None:
    table = pa.concat_tables([trades([START]), trades([START])])
    with pytest.raises(DataError, match="growing order"):
        write(tmp_path, table)


def test_an_ingest_without_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no event of gmocoin ETH_JPY"):
        write(tmp_path, trades([]))


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[Path]:
    write(tmp_path, trades([START, START + 1]))
    yield next(tmp_path.rglob("*.parquet"))


def test_a_missing_file_is_named(tmp_path: Path, damaged: Path) -> None:
    damaged.unlink()
    with pytest.raises(DataError, match=r"part-.*\.parquet: a manifest lists this file"):
        read_events(tmp_path, "gmocoin", "ETH_JPY", 0, 2**62)


def test_a_damaged_file_is_named(tmp_path: Path, damaged: Path) -> None:
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"part-.*\.parquet: not readable as Parquet"):
        read_events(tmp_path, "gmocoin", "ETH_JPY", 0, 2**62)


def test_a_damaged_manifest_is_named(tmp_path: Path, damaged: Path) -> None:
    manifest = next(manifests_dir(tmp_path).glob("*.json"))
    content = json.loads(manifest.read_bytes())
    manifest.write_text("{")
    with pytest.raises(DataError, match="not a manifest"):
        Catalog(tmp_path)
    manifest.write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(DataError, match="schema version 99"):
        Catalog(tmp_path)


def test_asking_for_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing is filed there"):
        read_events(tmp_path, "gmocoin", "ETH_JPY", 0, 1)
    write(tmp_path, trades([START]))
    with pytest.raises(DataError, match="did you mean 'gmocoin/ETH_JPY'"):
        read_events(tmp_path, "gmocoin", "ETH_JPI", 0, 1)
    with pytest.raises(DataError, match="there are 1 days from 2025-01-06"):
        Catalog(tmp_path).day("gmocoin", "ETH_JPY", date(2025, 1, 7))


def test_the_catalog_opens_no_parquet(tmp_path: Path) -> None:
    write(tmp_path, trades([START]))
    for path in tmp_path.rglob("*.parquet"):
        os.truncate(path, 0)
    catalog = Catalog(tmp_path)
    assert catalog.days("gmocoin", "ETH_JPY") == [DAY]
    assert catalog.instrument("gmocoin", "ETH_JPY") == ETH_JPY
    assert catalog.span_ns("gmocoin", "ETH_JPY") == (START, START)
    assert len(catalog.content_digest("gmocoin", "ETH_JPY", [DAY])) == 64
