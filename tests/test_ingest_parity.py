"""The reader of recordings against its second implementation: the same rows, findings and counts."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from recordings import BINANCE_2020, BINANCE_RAW, JPY, needs
from reference.ingest.adapters import adapter_named as reference_adapter
from reference.ingest.report import Finding as ReferenceFinding
from reference.ingest.report import IngestReport as ReferenceReport
from reference.ingest.stream import EventStream

from atc.events.adapters import Asked, adapter_named, instrument
from atc.events.ingest import ingest
from atc.events.instrument import Instrument
from atc.events.reader import read_events
from atc.events.report import Finding, IngestReport
from atc.events.schema import Kind, schema_of

S = 1_000_000_000
T0 = 1_723_161_254 * S


class Kept:
    """Stands in for a session and keeps the tables."""

    def __init__(self, facts: Instrument) -> None:
        self.instrument = facts
        self._tables: dict[Kind, list[pa.Table]] = {kind: [] for kind in Kind}

    def append(self, _day: date, kind: Kind, table: pa.Table) -> None:
        self._tables[kind].append(table)

    def close_day(self, day: date, kind: Kind) -> None:
        """Days are not kept apart."""

    def table(self, kind: Kind) -> pa.Table:
        return pa.concat_tables(self._tables[kind] or [schema_of(kind).empty_table()]).combine_chunks()


def assert_same(adapter: str, files: list[Path], root: Path, asked: Asked) -> IngestReport:
    """Both readers make the same of `files`."""
    facts = instrument(adapter_named(adapter), files, asked)
    assert reference_adapter(adapter).instrument(files, asked_as_reference(asked)) == facts
    expected_findings: list[ReferenceFinding] = []
    expected = ReferenceReport(expected_findings.append)
    kept = Kept(facts)
    stream = EventStream(kept, expected)  # type: ignore[arg-type]
    for message in reference_adapter(adapter).messages(files, facts, expected, lambda _: None):
        stream.add(message)
    stream.close()

    findings: list[Finding] = []
    report = IngestReport(findings.append)
    done = ingest(adapter, files, root, asked, report=report)
    events = read_events(root, facts.venue, facts.symbol, -(2**62), 2**62)
    for kind in Kind:
        assert events.of(kind).combine_chunks().equals(kept.table(kind)), kind
    assert Counter(map(tuple, findings)) == Counter(map(tuple, expected_findings))
    assert [finding.reason for finding in findings] == [finding.reason for finding in expected_findings]
    assert (report.repaired, report.flagged) == (expected.repaired, expected.flagged)
    assert (report.messages_read, report.events_written) == (expected.messages_read, stream.events_written)
    told = done.manifest.findings
    for action in ("repaired", "flagged"):
        assert sum((Counter(day[action]) for day in told.values()), Counter()) == getattr(report, action)
    return report


def asked_as_reference(asked: Asked) -> Any:
    from reference.ingest.adapters import Asked as ReferenceAsked

    return ReferenceAsked(**asked.__dict__)


SPOT = [BINANCE_RAW / f"spot_ethusdt_2024080{d}.jsonl.gz" for d in (8, 9)]
USDM = [BINANCE_RAW / "usdm_ethusdt_20240808.jsonl.gz"]
ETHBTC = [
    BINANCE_2020 / f"ETHBTC_2020-11-01T{hour}-00-00_{what}.json.gz"
    for hour in ("09", "10")
    for what in ("snapshot", "update", "trades")
]
TAPES = [JPY / f"trades_20250716_{hour}.csv.gz" for hour in (14, 15)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adapter", "files", "asked"),
    [
        pytest.param("binance_raw", SPOT, Asked(), marks=needs(BINANCE_RAW)),
        pytest.param("binance_raw", USDM, Asked(), marks=needs(BINANCE_RAW)),
        pytest.param("binance_2020", ETHBTC, Asked(), marks=needs(BINANCE_2020)),
        pytest.param("binance_2020", ETHBTC[::-1], Asked(), marks=needs(BINANCE_2020)),
        pytest.param("jpy_recorder", TAPES, Asked(venue="gmocoin", symbol="BTC"), marks=needs(JPY)),
        pytest.param("jpy_recorder", TAPES, Asked(venue="bitflyer", symbol="FX_BTC_JPY"), marks=needs(JPY)),
    ],
)
def test_recordings(adapter: str, files: list[Path], asked: Asked, tmp_path: Path) -> None:
    assert_same(adapter, files, tmp_path, asked)


class Session:
    """A made-up session on Binance, with everything in it that can go wrong and be repaired."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.lines: list[list[str]] = [[], []]
        self._time, self._update, self._trade = T0, 100, 1
        for _ in range(400):
            self._message()

    def _message(self) -> None:
        # Now and then past a day's end, a keyframe, or a silence; now and then the clock steps back.
        step = self._dice.choices([S // 50, 31 * S, 61 * S, 3600 * S, -2 * S], [90, 5, 2, 1, 2])[0]
        self._time += step
        [kind] = self._dice.choices(["depth", "trade", "quote", "book", "other"], [60, 15, 15, 8, 2])
        text = {
            "depth": self._depth,
            "trade": self._print,
            "quote": self._quote,
            "book": self._snapshot,
            "other": lambda: self._stream("trade", f'"s":"BTCUSDT",{self._print_body()}'),
        }[kind]()
        self.lines[self._dice.random() < 0.2].append(f"{self._time} {text}")

    @staticmethod
    def _stream(channel: str, body: str) -> str:
        return f'{{"stream":"ethusdt@{channel}","data":{{{body}}}}}'

    def _levels(self, around: int, count: int) -> str:
        pairs = [
            f'["{(around + self._dice.randint(-6, 6)) / 100:.2f}","{self._dice.choice([0, 0, 1, 2.5, 1e3])}"]'
            for _ in range(count)
        ]
        return ",".join(pairs)

    def _depth(self) -> str:
        [jump] = self._dice.choices([0, 3, -4], [94, 3, 3])
        first = self._update + 1 + jump
        self._update = max(self._update, first + self._dice.randint(0, 3))
        sides = self._dice.choices([0, 2, 5], k=2)
        bids, asks = self._levels(10_000, sides[0]), self._levels(10_010, sides[1])
        times = f'"E":{self._time // 1_000_000}'
        body = f'"e":"depthUpdate",{times},"s":"ETHUSDT","U":{first},"u":{self._update},'
        return self._stream("depth@100ms", f'{body}"b":[{bids}],"a":[{asks}]')

    def _snapshot(self) -> str:
        last = self._update + self._dice.choice([-30, -2, 0, 0, 1])
        bids, asks = self._levels(10_000, 8), self._levels(10_010, 8)
        return f'{{"lastUpdateId":{last},"symbol":"ETHUSDT","bids":[{bids}],"asks":[{asks}]}}'

    def _print_body(self) -> str:
        self._trade += self._dice.choices([1, 0, 4], [94, 3, 3])[0]
        kind = self._dice.choices(["", ',"X":"MARKET"', ',"X":"INSURANCE_FUND"'], [90, 5, 5])[0]
        price, size = self._dice.choice(["100.05", "99.9", "100"]), self._dice.choice(["0.5", "1e-4", "12"])
        return (
            f'"e":"trade","t":{self._trade},"p":"{price}","q":"{size}",'
            f'"T":{self._time // 1_000_000 - 3},"m":{self._dice.choice(["true", "false"])}{kind}'
        )

    def _print(self) -> str:
        return self._stream("trade", f'"s":"ETHUSDT",{self._print_body()}')

    def _quote(self) -> str:
        body = f'"u":{self._update},"s":"ETHUSDT","b":"99.99","B":"1","a":"100.01","A":"0.00010"'
        return self._stream("bookTicker", body)


@pytest.mark.parametrize("seed", range(25))
def test_sessions_with_everything_in_them(seed: int, tmp_path: Path) -> None:
    files = []
    for number, lines in enumerate(Session(seed).lines):
        files.append(tmp_path / f"{number}.jsonl")
        files[-1].write_text("\n".join(lines) + "\n")
    assert_same("binance_raw", files, tmp_path / "events", Asked())


@pytest.mark.parametrize("seed", range(15))
def test_archives_of_prints_with_and_without_twins(seed: int, tmp_path: Path) -> None:
    dice, files = random.Random(seed), []
    for day in range(2):
        time, rows = T0 + day * 86_400 * S, ["symbol,side,size,price,timestamp"]
        twins = dice.random() < 0.6
        for _ in range(150):
            time += dice.choice([0, 0, S, 50 * S, -S])
            stamp = (date(1970, 1, 1) + timedelta(days=time // (86_400 * S))).isoformat()
            clock = time // S % 86_400
            at = f"{stamp} {clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}.{dice.randint(0, 999):03}"
            sides = dice.sample(["BUY", "SELL"], 2)
            symbol = dice.choices(["ETH_JPY", "BTC_JPY"], [97, 3])[0]
            size, price = dice.choice(["0.01", "0.1", "3"]), dice.choice(["400000", "400010"])
            count = 2 if twins and dice.random() < 0.95 else 1
            rows += [f"{symbol},{side},{size},{price},{at}" for side in sides[:count]]
        files.append(tmp_path / f"{day}.csv")
        files[-1].write_text("\n".join(rows) + "\n")
    assert_same("gmo_trades", files, tmp_path / "events", Asked(symbol="ETH_JPY"))
