"""`atc leaks` without its options: from a config to a table and, where there is a leak, a reproducer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atc.config.data import InstrumentFacts
from atc.config.ensemble import Ensemble
from atc.config.schema import RunConfig
from atc.errors import DataError, UsageError
from atc.leaks import report as words
from atc.leaks.localise import Effort, Finding, Localiser, changed
from atc.leaks.reproducer import on_both, replay, smallest
from atc.leaks.stages import TICK_STAGES
from atc.leaks.streams import Stream, read_stream
from atc.leaks.tick_run import TickRun, no_bar, no_stage, on_stream
from atc.protocol.window import Spans
from atc.report.progress import Progress
from atc.tasks.base import Desk
from atc.tasks.market_data import MarketData

Say = Callable[[str], object]


@dataclass(frozen=True)
class Found:
    """The end of a search."""

    clean: bool
    content: dict[str, Any]
    """As `--json` has it."""


def localise(  # noqa: PLR0917  # all of them are different things
    config: RunConfig, days: int, effort: Effort, scratch: Path, folder: Path | None, say: Say
) -> Found:
    """Probes `days` business days of the train range of `config`; files lie in `scratch` meanwhile.

    The train range alone: nobody looks at the holdout. Raises DataError where these days are too few for the
    config's label, protocol or model, UsageError for a model that is not fitted.
    """
    if isinstance(config.model, Ensemble):
        named = ", ".join(config.model.runs)
        raise UsageError(
            f"model.kind=ensemble averages models that other runs have fitted ({named}), and a probe fits "
            "everything anew on events of its own: whatever those runs did would not move. Probe the config "
            "of each member instead, such as `atc leaks +experiment=gbdt_36feat`"
        )
    stream, facts = first_days(config, days)
    located = on_stream(config, facts, scratch, scratch / "outputs")

    def make_run(root: Path, spans: Spans) -> TickRun:
        return TickRun(on_stream(located, located.data, root, scratch / "outputs"), spans)

    bar = Progress(config.runtime.progress).bar
    total = effort.windows * effort.probes * len(TICK_STAGES)
    with bar("probes", total, "probes") as shown:
        localiser = Localiser(stream, TICK_STAGES, make_run, scratch, effort, shown.update)
        try:
            found = localiser.run()
        except DataError as why:
            raise DataError(
                f"--days {days}: so many business days are too few to probe this config; ask for more days, "
                f"or for a model that needs fewer rows: {why}"
            ) from why
    for line in words.lines(found):
        say(line)
    content = words.as_json(found)
    leak = found.leak
    if leak is not None:
        target = folder or config.paths.outputs_dir / "leaks" / str(leak.probe.t)
        _reproduce(leak, stream, located, scratch, target)
        say(f"  again: atc leaks --replay {target}")
        content["reproducer"] = str(target)
    return Found(leak is None, content)


def first_days(config: RunConfig, days: int) -> tuple[Stream, InstrumentFacts]:
    """The events of the first `days` business days of the train range, simulated or ingested if need be; and
    the instrument as they are filed.
    """
    market = MarketData(config)
    market.prepare(Desk(no_stage, no_bar))
    have = market.days_of(market.spans.train)
    if len(have) < days:
        raise DataError(
            f"the train range has {len(have)} business days with events, --days {days} asks for more"
        )
    facts = market.source.data
    return read_stream(market.source.catalog, facts.venue, facts.symbol, have[:days]), facts


def show_again(folder: Path, say: Say) -> int:
    """Replays a reproducer; 1 if what it tells of still moves, else 0."""
    with tempfile.TemporaryDirectory(prefix="atc-leaks-") as scratch:
        shown = replay(folder, Path(scratch))
    say(f"stage '{shown.stage}' on the events of {folder}, other ones after t = {words.instant(shown.t)}")
    for line in words.comparison_lines(shown.comparisons):
        say(line)
    if shown.moved is None:
        say("it moves no more: the leak is mended, or the code that showed it is not in this ATC")
        return 0
    for line in words.leak_lines(shown.moved, shown.t):
        say(line)
    return 1


def _reproduce(leak: Finding, stream: Stream, config: RunConfig, scratch: Path, folder: Path) -> None:
    tries = iter(range(1_000))

    def show(original: Stream, perturbed: Stream, spans: Spans, stage: str) -> Any:
        place = scratch / f"try-{next(tries)}"
        roots = (place / "original", place / "perturbed")
        original.write(roots[0], "original")
        perturbed.write(roots[1], "perturbed")
        chosen = next(one for one in TICK_STAGES if one.name == stage)
        return on_both(chosen, config, roots, scratch / "outputs", spans, leak.probe.t)

    smallest(leak, stream, changed(stream, leak.probe), show=show).write(folder, config)
