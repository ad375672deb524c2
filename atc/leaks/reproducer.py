"""A folder that shows one leak again: the events it needs, the config, t, and what moved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from atc.config.schema import RunConfig
from atc.config.surroundings import Paths
from atc.errors import AtcError, DataError
from atc.leaks.facts import Comparison, Moved
from atc.leaks.localise import ORIGINAL, PERTURBED, Finding, compared
from atc.leaks.stages import TICK_STAGES, Stage
from atc.leaks.streams import Stream
from atc.leaks.tick_run import TickRun, on_stream
from atc.protocol.window import Spans

LEAK_FILE, CONFIG_FILE, EVENTS = "leak.json", "config.json", "events"
FORMAT = "atc-leak-1"

_MINUTE_NS = 60_000_000_000
_SLICES_NS = (10 * _MINUTE_NS, 90 * _MINUTE_NS, 480 * _MINUTE_NS)
"""How much of the stream before the value and after t is tried, the shortest first."""
_REACHES_NS = (1_000_000_000, 30_000_000_000, 10 * _MINUTE_NS, 90 * _MINUTE_NS)
"""How long after t events stay changed."""
_BY_ROWS = frozenset({"event order", "feature", "label"})
"""Stages whose values depend on events around them alone: of the others all days are kept."""


@dataclass(frozen=True)
class Reproducer:
    """Two streams and where to look."""

    original: Stream
    perturbed: Stream
    spans: Spans
    t: int
    moved: Moved
    kinds: tuple[str, ...]
    seed: int

    def write(self, folder: Path, config: RunConfig) -> None:
        """Files the events, the config and `leak.json` in the new `folder`."""
        if (folder / LEAK_FILE).exists():
            raise DataError(f"{folder}: holds a leak already; name another folder with --reproducer")
        self.original.write(folder / EVENTS / ORIGINAL, ORIGINAL)
        self.perturbed.write(folder / EVENTS / PERTURBED, PERTURBED)
        plain = config.model_copy(update={"paths": Paths()})
        (folder / CONFIG_FILE).write_text(plain.model_dump_json(indent=1) + "\n", encoding="utf-8")
        content = {
            "format": FORMAT,
            "t": self.t,
            "changed": list(self.kinds),
            "seed": self.seed,
            "spans": asdict(self.spans),
            "moved": {**asdict(self.moved), "distance_ns": self.moved.distance_ns(self.t)},
            "replay": f"atc leaks --replay {folder.name}",
        }
        (folder / LEAK_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Replay:
    """What a reproducer shows with the code of today."""

    t: int
    stage: str
    comparisons: tuple[Comparison, ...]

    @property
    def moved(self) -> Moved | None:
        """The first value that moved, if one still does."""
        return next((one.first for one in self.comparisons if one.first is not None), None)


def smallest(
    finding: Finding,
    original: Stream,
    perturbed: Stream,
    *,
    show: Callable[[Stream, Stream, Spans, str], Sequence[Comparison]],
) -> Reproducer:
    """The leak of `finding` with as few events, and as few of them changed, as a few tries find.

    `show` compares the stage of that name on two streams.
    """
    first = finding.moved
    assert first is not None
    probe = finding.probe

    def moved_on(one: Stream, other: Stream, spans: Spans) -> Moved | None:
        try:
            comparisons = show(one, other, spans, first.stage)
        except (AtcError, ValueError):
            return None  # too little of a stream to run on
        found = [item.first for item in comparisons if item.first is not None]
        same = [item for item in found if (item.table, item.column) == (first.table, first.column)]
        return next(iter(same), None)

    best = Reproducer(original, perturbed, probe.spans, probe.t, first, probe.kinds, probe.seed)
    for width in _SLICES_NS if first.stage in _BY_ROWS else ():
        begin, end = max(first.known_ns - width, original.begin_ns), min(probe.t + width, original.end_ns)
        spans = Spans((begin, probe.t), (probe.t, end))
        pair = original.within(begin, end), perturbed.within(begin, end)
        found = moved_on(*pair, spans)
        if found is not None:
            best = replace(best, original=pair[0], perturbed=pair[1], spans=spans, moved=found)
            break
    for reach in _REACHES_NS:
        other = _until(best.original, best.perturbed, probe.t, probe.t + reach)
        found = moved_on(best.original, other, best.spans)
        if found is not None:
            return replace(best, perturbed=other, moved=found)
    return best


def replay(folder: Path, outputs: Path) -> Replay:
    """The stage of the reproducer in `folder` on both its streams; what is built goes to `outputs`.

    Raises DataError for a folder that holds no reproducer.
    """
    try:
        content: Mapping[str, Any] = json.loads((folder / LEAK_FILE).read_bytes())
        config = RunConfig.model_validate_json((folder / CONFIG_FILE).read_bytes())
        spans = Spans(*(tuple(content["spans"][name]) for name in ("train", "holdout")))
        t, stage = int(content["t"]), str(content["moved"]["stage"])
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise DataError(
            f"{folder}: no reproducer of a leak ({why!r}); expected {LEAK_FILE} and {CONFIG_FILE} as "
            "`atc leaks` writes them"
        ) from why
    chosen = [one for one in TICK_STAGES if one.name == stage]
    if not chosen:
        raise DataError(f"{folder}: this ATC has no stage '{stage}'; it was written by another version")
    roots = (folder / EVENTS / ORIGINAL, folder / EVENTS / PERTURBED)
    return Replay(t, stage, tuple(on_both(chosen[0], config, roots, outputs, spans, t)))


def on_both(  # noqa: PLR0917  # all of them are different things
    stage: Stage[TickRun],
    config: RunConfig,
    roots: tuple[Path, Path],
    outputs: Path,
    spans: Spans,
    t: int,
) -> list[Comparison]:
    """One stage on the events under two roots."""
    before, after = (
        list(stage.facts(TickRun(on_stream(config, config.data, root, outputs), spans))) for root in roots
    )
    return compared(stage.name, before, after, t)


def _until(original: Stream, perturbed: Stream, t: int, end: int) -> Stream:
    """The changed events of (t, end], and before and after them the original ones."""
    tables = {}
    for kind, table in original.tables.items():
        changed = perturbed.tables[kind].filter(pl.col("ts_recv").is_between(t, end, closed="right"))
        past, rest = table.filter(pl.col("ts_recv") <= t), table.filter(pl.col("ts_recv") > end)
        tables[kind] = pl.concat([past, changed, rest])
    return Stream(original.instrument, original.days, tables)
