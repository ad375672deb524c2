"""A session of Binance as small files, and its ingest."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from atc.events.adapters import Asked
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ingest
from atc.events.reader import Events, read_events
from atc.events.report import Finding, IngestReport
from atc.events.validate import validate_days

T0 = 1_723_161_254 * 10**9  # 2024-08-08T23:54:14Z
SYMBOL = Asked(symbol="ETHUSDT", tick=Decimal("0.01"), lot=Decimal("0.0001"))


def line(ts: int, stream: str, **data: Any) -> str:
    return f"{ts} " + json.dumps({"stream": f"ethusdt@{stream}", "data": {"s": "ETHUSDT", **data}})


def depth(ts: int, first: int, last: int, bids: Any = (), asks: Any = ()) -> str:
    update = {"e": "depthUpdate", "E": ts // 10**6 + 5, "U": first, "u": last, "b": bids, "a": asks}
    return line(ts, "depth@100ms", **update)


def trade(ts: int, number: int, *, price: str = "2683.81", size: str = "0.5", maker: bool = False) -> str:
    return line(ts, "trade", e="trade", t=number, p=price, q=size, T=ts // 10**6 + 4, m=maker)


def quote(ts: int, number: int) -> str:
    return line(ts, "bookTicker", u=number, b="2683.80", B="3.0", a="2683.81", A="31.4")


def snapshot(ts: int, last: int) -> str:
    book = {"lastUpdateId": last, "bids": [["2683.80", "1"], ["2683.00", "2"]], "asks": [["2683.81", "4"]]}
    return f"{ts} {json.dumps(book)}"


S = 10**9
SESSION = [
    depth(T0, 1, 3, bids=[["2600.00", "9"]]),
    snapshot(T0 + S, 5),
    depth(T0 + 2 * S, 4, 7, bids=[["2683.80", "1.5"]]),
    trade(T0 + 2 * S, 100),
    quote(T0 + 2 * S, 7),
    trade(T0 + 3 * S, 101, maker=True),
    depth(T0 + 4 * S, 8, 9, asks=[["2683.81", "0"], ["2683.90", "0.7"]]),
    depth(T0 + 400 * S, 10, 10, bids=[["2683.00", "0.00000000"]]),  # next day, after a silence
    trade(T0 + 401 * S, 102),
]


def written(folder: Path, lines: list[str], name: str = "session.jsonl.gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    content = "".join(f"{text}\n" for text in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    return path


def taken(tmp_path: Path, lines: list[str], asked: Asked = SYMBOL) -> tuple[Events, Ingested, list[Finding]]:
    findings: list[Finding] = []
    done = ingest(
        "binance_raw",
        [written(tmp_path, lines)],
        tmp_path / "events",
        asked,
        report=IngestReport(findings.append),
    )
    catalog = Catalog(tmp_path / "events")
    problems = validate_days(catalog, "binance", "ETHUSDT")
    assert problems == []
    return read_events(catalog, "binance", "ETHUSDT", 0, 2**62), done, findings


def seen(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != "_lock")
