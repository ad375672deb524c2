"""`just bench-events`: reading canonical events, ingesting raw lines, bytes a message, and memory against
length.

One core: the process is bound to it and Arrow has one thread. Each figure is the best of several runs, by CPU
time (of all threads, user and system), so that what else runs on the machine does not count; the wall time of
the same run stands beside it. The files are read once before, so the disk is not measured.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

import atc
from atc import _rust
from atc.config.data import SimulatedData
from atc.events.adapters import Asked
from atc.events.catalog import Catalog
from atc.events.export.hftbacktest import export_hftbacktest
from atc.events.ingest import ingest
from atc.events.reader import read_events
from atc.events.schema import MAX_GAP_NS, Kind
from atc.events.simulate import ensure_simulated, located

RUNS = 7
OUT = Path("outputs") / "bench" / "events.json"
RECORDINGS = Path(os.environ.get("ATC_RECORDINGS", Path(__file__).parents[3] / "shared" / "data"))
SESSION = [RECORDINGS / "binance_raw_2024" / f"spot_ethusdt_2024080{day}.jsonl.gz" for day in (8, 9)]
DEPTH = 30
REPLAY_COLUMNS = ["ev_seq", "ts_recv", "flags", "msg_kind", "side", "px_ticks", "qty_lots"]
"""What a replay of the book needs."""

SHORT, LONG, LONGEST = 4, 32, 128
"""Copies of the session, one after the other."""


@dataclass(frozen=True)
class Seconds:
    """The best run of an action."""

    cpu: float
    wall: float


def best(action: Callable[[], object], runs: int = RUNS) -> Seconds:
    """The run with the least CPU time."""
    found = []
    for _ in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        action()
        found.append((time.process_time() - cpu, time.perf_counter() - wall))
    return Seconds(*min(found))


@dataclass
class Figures:
    """The table's rows."""

    rows: list[dict[str, object]] = field(default_factory=list)
    walls: list[str] = field(default_factory=list)

    def add(
        self,
        figure: str,
        value: float,
        unit: str,
        *,
        wall: float | None = None,
        against: str | None = None,
        ratio: float | None = None,
    ) -> None:
        """`ratio`: ours by `against`'s, above 1 where ours is more."""
        self.rows.append({"figure": figure, "value": value, "unit": unit, "against": against, "ratio": ratio})
        self.walls.append("" if wall is None else f"{wall:.2f}")

    def rate(self, figure: str, amount: float, seconds: Seconds, unit: str, **more: object) -> float:
        """A figure of `amount` in a run."""
        self.add(figure, amount / seconds.cpu, unit, wall=amount / seconds.wall, **more)  # type: ignore[arg-type]
        return amount / seconds.cpu


def reading(figures: Figures, name: str, folder: Path, venue: str, symbol: str) -> None:
    """Book events of a stream, beside the same messages in two other layouts."""
    catalog = Catalog(folder)
    begin, end = catalog.span_ns(venue, symbol)

    def book() -> pa.Table:
        return read_events(catalog, venue, symbol, begin, end + 1, kinds=(Kind.BOOK, Kind.CONTROL)).book

    events = read_events(catalog, venue, symbol, begin, end + 1)
    whole = events.book.combine_chunks()
    messages = len(np.unique(whole["ev_seq"].to_numpy())) / 1e6
    entries = [
        e for day in catalog.days(venue, symbol) for e in catalog.day(venue, symbol, day).files[Kind.BOOK]
    ]
    paths = [catalog.path(entry) for entry in entries]
    size = sum(entry.bytes for entry in entries) / messages / 1e6

    def needed() -> list[pa.Table]:
        return [pq.read_table(path, columns=REPLAY_COLUMNS, use_threads=False) for path in paths]

    def replayed() -> object:
        return _rust.replay_top(one_batch(book()), one_batch(events.control), 1, MAX_GAP_NS)

    figures.add(f"{name}: messages of the book", messages, "M")
    all_columns = figures.rate(f"{name}: read, all 9 columns to Arrow", messages, best(book), "M messages/s")
    figures.rate(f"{name}: read, all 9 columns to Arrow", whole.num_rows / 1e6, best(book), "M rows/s")
    figures.rate(f"{name}: read, the 7 columns of a replay", messages, best(needed), "M messages/s")
    figures.rate(
        f"{name}: read and replayed, best bid and ask a message", messages, best(replayed), "M messages/s"
    )
    figures.add(f"{name}: size", size, "bytes/message")

    wide = wide_snapshots(one_batch(whole), one_batch(events.control), folder / f"{name}.parquet")
    other = best(lambda: pq.read_table(wide, use_threads=False), 3)
    against = f"wide snapshots, {DEPTH} levels a side, Parquet"
    figures.rate(
        f"{name}: {against}", messages, other, "M messages/s",
        against="differences", ratio=all_columns * other.cpu / messages,
    )  # fmt: skip
    wide_size = wide.stat().st_size / messages / 1e6
    figures.add(
        f"{name}: {against}", wide_size, "bytes/message", against="differences", ratio=size / wide_size
    )
    wide.unlink()

    files = [file.path for file in export_hftbacktest(catalog, venue, symbol, folder)]
    other = best(lambda: [np.load(file)["data"] for file in files], 3)
    figures.rate(
        f"{name}: hftbacktest's npz, `data` alone, numpy", messages, other, "M messages/s",
        against="differences", ratio=all_columns * other.cpu / messages,
    )  # fmt: skip
    npz_size = sum(packed(file, "data.npy") for file in files) / messages / 1e6
    figures.add(
        f"{name}: hftbacktest's npz, `data` alone", npz_size, "bytes/message",
        against="differences", ratio=size / npz_size,
    )  # fmt: skip
    whole_size = sum(file.stat().st_size for file in files) / messages / 1e6
    figures.add(f"{name}: hftbacktest's npz, all kinds, restorable", whole_size, "bytes/message")


def packed(file: Path, member: str) -> int:
    """Bytes of one array as it lies in the file."""
    with zipfile.ZipFile(file) as archive:
        return archive.getinfo(member).compress_size


def wide_snapshots(book: pa.RecordBatch, control: pa.RecordBatch, path: Path) -> Path:
    """A row a message with all levels in columns of their own, as research code often stores books."""
    top = _rust.replay_top(book, control, DEPTH, MAX_GAP_NS)
    columns = {"ts_recv": top["ts_recv"], "ev_seq": top["ev_seq"]}
    for name in ("bid_px", "ask_px", "bid_qty", "ask_qty"):
        levels = top[name].flatten().to_numpy().reshape(-1, DEPTH)
        columns |= {f"{name}_{level + 1}": pa.array(levels[:, level]) for level in range(DEPTH)}
    pq.write_table(pa.table(columns), path, compression="zstd", compression_level=3)
    return path


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """The table without chunks."""
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


SHIFTED = re.compile(rb'"(U|u|t|lastUpdateId|E|T)":(\d+)')


def repeated(copies: int, path: Path) -> int:
    """Writes the session `copies` times in a row, times and ids going on; the bytes before packing."""
    lines = [
        line for file in SESSION for line in gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    ]
    text = b"".join(lines)
    begin, end = (int(line.split(b" ", 1)[0]) for line in (lines[0], lines[-1]))
    # A whole number of ms, for the venue's times are in ms.
    length_ms = (end - begin) // 1_000_000 + 1_000
    ids = {name: [int(n) for n in re.findall(rb'"%s":(\d+)' % name, text)] for name in (b"U", b"u", b"t")}
    steps = {
        b"U": max(ids[b"u"]) - min(ids[b"U"]) + 1, b"t": max(ids[b"t"]) - min(ids[b"t"]) + 1,
        b"E": length_ms, b"T": length_ms,
    }  # fmt: skip
    steps |= {b"u": steps[b"U"], b"lastUpdateId": steps[b"U"]}
    size = 0
    with gzip.open(path, "wb", compresslevel=6) as file:
        for copy in range(copies):

            def later(match: re.Match[bytes], copy: int = copy) -> bytes:
                return b'"%s":%d' % (match[1], int(match[2]) + copy * steps[match[1]])

            for line in lines:
                stamp, message = line.split(b" ", 1)
                text = b"%d %s" % (int(stamp) + copy * length_ms * 1_000_000, SHIFTED.sub(later, message))
                size += file.write(text)
    return size


def parsed_in_python(file: Path) -> int:
    """The same lines with orjson into lists of integers and a book of two dicts, as far as Parquet but not
    written.
    """
    tick, lot = 10**6, 10**3  # of prices and sizes with eight decimals
    book: dict[bool, dict[int, int]] = {True: {}, False: {}}
    ts_recv: list[int] = []
    sides: list[bool] = []
    prices: list[int] = []
    sizes: list[int] = []
    trades: list[tuple[int, int, int, int, bool]] = []
    quotes: list[tuple[int, int, int, int, int]] = []

    def steps(text: str, step: int) -> int:
        count, rest = divmod(int(text.replace(".", "")), step)
        if rest:
            raise ValueError(text)
        return count

    def levels(ts: int, pairs: Iterable[tuple[str, str]], side: bool) -> None:
        of_side = book[side]
        for px_text, qty_text in pairs:
            px, qty = steps(px_text, tick), steps(qty_text, lot)
            if qty:
                of_side[px] = qty
            else:
                of_side.pop(px, None)
            ts_recv.append(ts)
            sides.append(side)
            prices.append(px)
            sizes.append(qty)

    opened = gzip.open(file)  # noqa: SIM115 - read to its end
    for line in opened:
        stamp, text = line.split(b" ", 1)
        ts, message = int(stamp), orjson.loads(text)
        data = message.get("data", message)
        channel = message["stream"].split("@")[1] if "stream" in message else "snapshot"
        if channel == "depth":
            levels(ts, data["b"], True)
            levels(ts, data["a"], False)
        elif channel == "trade":
            trades.append((ts, data["t"], steps(data["p"], tick), steps(data["q"], lot), data["m"]))
        elif channel == "bookTicker":
            quote = (
                steps(data["b"], tick),
                steps(data["B"], lot),
                steps(data["a"], tick),
                steps(data["A"], lot),
            )
            quotes.append((ts, *quote))
        else:
            for side, name in ((True, "bids"), (False, "asks")):
                book[side].clear()
                levels(ts, data[name], side)
    return len(prices) + len(trades) + len(quotes)


def ingesting(figures: Figures, folder: Path) -> None:
    """Raw lines to canonical events, beside Python."""
    short, long = folder / "short.jsonl.gz", folder / "long.jsonl.gz"
    sizes = {short: repeated(SHORT, short) / 1e6, long: repeated(LONG, long) / 1e6}
    asked = Asked(symbol="ETHUSDT")

    def whole() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as root:
            ingest("binance_raw", [long], Path(root), asked)

    def read_alone() -> None:
        facts = json.dumps(json.loads(_rust.ingest_facts("binance_raw", [long], '{"symbol":"ETHUSDT"}')))
        reader = _rust.IngestReader("binance_raw", [long], facts, False)
        while reader.next() is not None:
            pass

    name = f"ingest {sizes[long]:.0f} MB of raw lines, Parquet written"
    ours = figures.rate(name, sizes[long], best(whole, 3), "MB/s")
    figures.rate("the same, canonical columns made but not written", sizes[long], best(read_alone, 3), "MB/s")
    python = best(lambda: parsed_in_python(short), 2)
    figures.rate(
        "the same lines in Python with orjson, nothing written", sizes[short], python, "MB/s",
        against="ingest", ratio=ours * python.cpu / sizes[short],
    )  # fmt: skip
    # The short one fills no row group of a file; from the long one on, memory has to be flat.
    longest = folder / "longest.jsonl.gz"
    sizes[longest] = repeated(LONGEST, longest) / 1e6
    for path, times in ((short, SHORT), (long, LONG), (longest, LONGEST)):
        for stage, peak in peaks(path, folder / f"peak-{times}"):
            figures.add(f"peak memory, {stage}, {times // SHORT}× ({sizes[path]:.0f} MB)", peak, "MB")


STAGES = {
    "ingest": "ingest('binance_raw', [raw], root / 'events', Asked(symbol='ETHUSDT'))",
    "export": "export_hftbacktest(Catalog(root / 'events'), 'binance', 'ETHUSDT', root / 'npz')",
    "import of the npz": "ingest('hftbacktest_npz', [*(root / 'npz').iterdir()], root / 'back', Asked())",
}
PROGRAM = """
import sys
from pathlib import Path

from atc.events.adapters import Asked
from atc.events.catalog import Catalog
from atc.events.export.hftbacktest import export_hftbacktest
from atc.events.ingest import ingest

raw, root = map(Path, sys.argv[1:])
{action}
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM")).split()[1])
"""


def peaks(raw: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """The largest resident memory of each stage, MB, in a process of its own."""
    folder.mkdir()
    for stage, action in STAGES.items():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(action=action), raw, folder],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        yield stage, int(done.stdout) / 1024


def main() -> int:
    """Measures, prints the table, writes the JSON; 2 for a debug build."""
    if _rust.BUILD_PROFILE != "release":
        sys.stderr.write("the extension is a debug build; `just build` makes the release one\n")
        return 2
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    figures = Figures()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = atc.compose(["data=demo", "data.days=1", "data.rate=1.0"])
        assert isinstance(config.data, SimulatedData)
        ensure_simulated(config.data, folder)
        data = located(config.data)
        reading(figures, "simulated day", folder, data.venue, data.symbol)
        if all(file.is_file() for file in SESSION):
            ingest("binance_raw", SESSION, folder, Asked(symbol="ETHUSDT"))
            reading(figures, "Binance spot, 11 min", folder, "binance", "ETHUSDT")
            ingesting(figures, folder)
        else:
            sys.stderr.write(f"no recordings in {RECORDINGS}: ingest is not measured; set ATC_RECORDINGS\n")
    table = Table("figure", box=None, title=f"one core, CPU time, best of {RUNS} (heavy ones 2 or 3)")
    for name in ("value", "unit", "by wall", "ratio"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    for row, wall in zip(figures.rows, figures.walls, strict=True):
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        table.add_row(str(row["figure"]), f"{row['value']:.2f}", str(row["unit"]), wall, ratio)
    Console(width=140).print(table)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures.rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
