"""Anomalies put into the lines of a real recording: what the ingest repairs, refuses or keeps, and what of it
the doctor counts.
"""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from recordings import BINANCE_RAW, needs

import atc
from atc.errors import DataError
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ingest
from atc.events.instrument import instrument_of
from atc.events.quality.day import DayQuality, Stream

pytestmark = needs(BINANCE_RAW)

NAME = "binance_ethusdt_2024"
LINES = 7_000
TICK = Decimal("0.01")
SOUND = (
    *("broken_promises", "impossible_prices", "impossible_sizes", "crossed_books", "locked_books", "gaps"),
    *("one_sided_books", "time_regressions", "far_prints", "far_levels", "far_quotes", "crossed_quotes"),
    *("locked_quotes", "duplicate_prints", "reused_trade_ids", "silences", "book_silences", "clock_steps"),
)


@dataclass(frozen=True)
class Line:
    """One line: local time in ns, and what the venue said."""

    ts: int
    said: dict[str, Any]

    @property
    def kind(self) -> str:
        stream: str = self.said.get("stream", "@snapshot")
        return stream.split("@")[1]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.said.get("data", self.said)
        return data

    def with_data(self, **changes: Any) -> Line:
        return replace(self, said={**self.said, "data": {**self.data, **changes}})


class Replay:
    """The book of the lines, as the venue spells it."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.last: int | None = None

    def take(self, line: Line) -> None:
        if line.kind == "snapshot" and self.last is None:
            self.sides = {"b": dict(line.data["bids"]), "a": dict(line.data["asks"])}
            self.last = line.data["lastUpdateId"]
        elif line.kind == "depth" and self.last is not None and line.data["u"] > self.last:
            for side, levels in self.sides.items():
                for px, qty in line.data[side]:
                    levels[px] = qty
            self.last = line.data["u"]

    @property
    def best_ask(self) -> Decimal:
        return min(Decimal(px) for px, qty in self.sides["a"].items() if Decimal(qty))

    def snapshot(self, ts: int) -> Line:
        sides = {
            name: [[px, qty] for px, qty in self.sides[side].items() if Decimal(qty)]
            for name, side in (("bids", "b"), ("asks", "a"))
        }
        return Line(ts, {"lastUpdateId": self.last, **sides})


@pytest.fixture(scope="module")
def clean() -> list[Line]:
    lines = []
    with gzip.open(BINANCE_RAW / "spot_ethusdt_20240808.jsonl.gz") as file:
        for _, raw in zip(range(LINES), file, strict=False):
            ts, said = raw.split(b" ", 1)
            lines.append(Line(int(ts), orjson.loads(said)))
    return lines


def taken(folder: Path, lines: list[Line]) -> tuple[Ingested, DayQuality]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spot_ethusdt_20240808.jsonl"
    path.write_bytes(b"".join(b"%d %s\n" % (line.ts, orjson.dumps(line.said)) for line in lines))
    facts = atc.compose([f"data={NAME}"]).data
    done = ingest("binance_raw", [path], folder / "events", instrument_of(facts))
    stream = Stream(Catalog(folder / "events"), facts)
    return done, stream.quality(stream.days[0], places=3)


def far_apart(rng: random.Random, clean: list[Line], count: int, kind: str | None = None) -> list[int]:
    """Places of `kind` at least 40 lines apart, neither at the beginning nor at the end."""
    places: list[int] = []
    candidates = [p for p in range(200, len(clean) - 200) if kind is None or clean[p].kind == kind]
    while len(places) < count:
        place = rng.choice(candidates)
        if all(abs(place - other) > 40 for other in places):
            places.append(place)
    return sorted(places)


def test_the_recording_is_clean(clean: list[Line], tmp_path: Path) -> None:
    _, found = taken(tmp_path, clean)
    assert {name: found.figures[name] for name in SOUND} == dict.fromkeys(SOUND, 0)
    # The quirk of these recordings: the local clock is 1.27 s behind the exchange's.
    assert found.figures["negative_latency_share"] == 1
    assert found.figures["offset_median_ms"] == pytest.approx(-1_270, abs=20)


@pytest.mark.parametrize("seed", range(3))
def test_what_goes_through_is_counted(clean: list[Line], tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    count = {name: rng.randint(1, 5) for name in ("crossed", "dropped", "back", "twice", "again")}
    places = far_apart(rng, clean, sum(count.values()))
    rng.shuffle(places)
    at = {name: {places.pop() for _ in range(number)} for name, number in count.items()}
    spoilt: list[Line] = []
    replay = Replay()
    due: dict[str, str] = {}
    pending: list[str] = []
    for place, line in enumerate(clean):
        replay.take(line)
        pending += [name for name in ("crossed", "dropped", "twice", "again") if place in at[name]]
        changed = line
        if line.kind == "depth" and due:
            gone = [[px, "0.00000000"] for px in due]
            changed, due = line.with_data(b=[*line.data["b"], *gone]), {}
        elif line.kind == "depth" and "crossed" in pending:
            pending.remove("crossed")
            px = f"{replay.best_ask + TICK:.8f}"
            due = {px: "1.00000000"}
            changed = line.with_data(b=[*line.data["b"], [px, "1.00000000"]])
        elif line.kind == "depth" and "dropped" in pending:
            # The next update finds the break; then comes a snapshot that holds it.
            pending[pending.index("dropped")] = "snapshot"
            continue
        elif line.kind == "depth" and "snapshot" in pending:
            pending.remove("snapshot")
            spoilt += [line, replay.snapshot(line.ts)]
            continue
        elif place in at["back"]:
            changed = replace(line, ts=spoilt[-1].ts - rng.randint(1, 10**9))
        spoilt.append(changed)
        for name, kind in (("twice", "trade"), ("again", "depth")):
            if name in pending and line.kind == kind:
                pending.remove(name)
                spoilt.append(changed)
    assert not pending
    _, before = taken(tmp_path / "clean", clean)
    _, found = taken(tmp_path / "spoilt", spoilt)
    expected = {
        "crossed_books": count["crossed"],
        "gaps": count["dropped"],
        "time_regressions": count["back"],
    }
    assert {name: found.figures[name] for name in SOUND if found.figures[name]} == expected
    # Told twice with an id of their own: left out at ingest, and counted there.
    assert before.figures["duplicates_repaired"] == 0
    assert found.figures["duplicates_repaired"] == count["twice"] + count["again"]


def test_a_clock_that_is_set(clean: list[Line], tmp_path: Path) -> None:
    """By 1.5 s: one step. By two minutes: a step, and a stretch in which nothing seems to have come."""
    for shift_s, silences in ((1.5, 0), (120.0, 1)):
        place = len(clean) // 2
        shift = round(shift_s * 1e9)
        shifted = [*clean[:place], *(replace(line, ts=line.ts + shift) for line in clean[place:])]
        _, found = taken(tmp_path / f"{shift_s}", shifted)
        assert (found.figures["clock_steps"], found.figures["silences"]) == (1, silences)
        drift_ms = found.figures["offset_drift_ms"]
        assert drift_ms is not None
        assert drift_ms == pytest.approx(shift_s * 1e3, abs=20)
    gap_ns = shifted[place].ts - shifted[place - 1].ts
    assert found.figures["longest_silence_s"] == gap_ns / 1e9


@pytest.mark.parametrize(
    ("kind", "changes", "says"),
    [
        ("trade", {"p": "0.00000000"}, "expected more than 0"),
        ("trade", {"p": "-2683.80000000"}, "not negative"),
        ("trade", {"q": "0.00000000"}, "expected more than 0"),
        ("trade", {"q": "-1.00000000"}, "not negative"),
        ("trade", {"p": "2683.80500000"}, "expected a multiple of 0.01"),
        ("trade", {"p": "99999999999.00000000"}, "expected at most 2147483647"),
        ("depth", {"b": [["0.00000000", "1.00000000"]]}, "expected more than 0"),
        ("depth", {"a": [["2683.80000000", "-1.00000000"]]}, "not negative"),
        ("depth", {"a": [["2683.80100000", "1.00000000"]]}, "expected a multiple of 0.01"),
    ],
)
def test_what_is_refused_names_the_line(
    clean: list[Line], tmp_path: Path, kind: str, changes: dict[str, Any], says: str
) -> None:
    place = next(p for p in range(50, 400) if clean[p].kind == kind)
    lines = [*clean[:place], clean[place].with_data(**changes), *clean[place + 1 : 400]]
    with pytest.raises(DataError, match=says) as refused:
        taken(tmp_path, lines)
    assert f"spot_ethusdt_20240808.jsonl:{place + 1}" in str(refused.value)


def test_an_absurd_price_and_size_go_through_and_are_counted(clean: list[Line], tmp_path: Path) -> None:
    first, second = [p for p in range(50, 400) if clean[p].kind == "trade"][:2]
    lines = clean[:400]
    lines[first] = lines[first].with_data(p="268380.00000000")
    lines[second] = lines[second].with_data(q="99999999999.00000000")
    _, found = taken(tmp_path, lines)
    assert (found.figures["far_prints"], found.figures["impossible_sizes"]) == (1, 1)
