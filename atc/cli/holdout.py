"""`atc holdout`: who has looked at a holdout, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atc.errors import UsageError

if TYPE_CHECKING:
    from atc.protocol.ledger_lines import Kind, Look
    from atc.protocol.window import Span

_DASH = "–"
_HEADINGS: dict[Kind, str] = {"look": "holdout", "judged": "validation or folds, in"}

app = typer.Typer(no_args_is_help=True, help="The ledger of looks at holdouts.")


@app.command()
def log(
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="data=NAME and other settings of a run; with window=NAME or window.… only looks at time "
            "that is also in that window's holdout.",
        ),
    ],
    *,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The looks as JSON too.")
    ] = None,
) -> None:
    """List the looks at the holdouts of a data set.

    Every evaluation on holdout rows is entered before it happens: also of a run that crashed afterwards or
    was made again by force, which is one look with the first. Searches are sealed and never look. Looks at
    other windows count as far as the windows share time, and so does time on which validation or folds of a
    run judged. The last line is `looks N, runs M, entries K`.
    """
    from atc.config.compose import compose
    from atc.events.filed import events_there
    from atc.protocol.ledger import Ledger
    from atc.protocol.window import spans_of
    from atc.report.aligned import aligned

    config = compose(settings)
    catalog, facts = events_there(config)
    span: Span | None = None
    if any(word.lstrip("+~").startswith("window") for word in settings):
        span = spans_of(
            config.window,
            catalog.days(facts.venue, facts.symbol),
            catalog.span_ns(facts.venue, facts.symbol),
            day_cut_utc_s=facts.day_cut_utc_s,
            tz_offset_s=facts.tz_offset_s,
        ).holdout
    looks = Ledger(config.paths.events_dir).looks(facts.venue, facts.symbol, span)
    where = "" if span is None else f", that share time with {_span(span)}"
    typer.echo(f"looks at holdouts of {config.data.name} ({facts.venue} {facts.symbol}){where}")
    for time, kind in sorted({(look.span, look.kind) for look in looks}):
        typer.echo(f"\n{_HEADINGS[kind]} {_span(time)}")
        listed = [look for look in looks if (look.span, look.kind) == (time, kind)]
        for line in aligned(list(_rows(listed)), left=range(6)):
            typer.echo(line)
    if looks:
        typer.echo("")
    if json is not None:
        _write(json, facts.venue, facts.symbol, span, looks)
    typer.echo(", ".join(f"{name} {count}" for name, count in _counts(looks).items()))


@app.command()
def mend(
    ledger: Annotated[Path, typer.Argument(metavar="FILE", help="The damaged ledger.")],
    *,
    because: Annotated[str, typer.Option(metavar="TEXT", help="What happened; it is kept.")],
) -> None:
    """Put a ledger with every look that can still be read in place of a damaged one, which is kept."""
    from atc.protocol.ledger import mend as mend_ledger

    if not because.strip():
        raise UsageError("--because is empty: say what happened to the ledger")
    typer.echo(f"entries {mend_ledger(ledger, because)}")


def _counts(entries: Sequence[Look]) -> dict[str, int]:
    from atc.protocol.ledger import number_of_looks

    runs = len({entry.run_id for entry in entries})
    return {"looks": number_of_looks(entries), "runs": runs, "entries": len(entries)}


def _rows(looks: Sequence[Look]) -> Iterator[list[str]]:
    yield ["when, UTC", "run", "config", "commit", "by", "asked"]
    for look in looks:
        yield [
            look.at[:16].replace("T", " "),
            f"{look.name}-{look.run_id[:12]}",
            look.config_digest[:8],
            _DASH if look.commit is None else look.commit[:8] + ("+" if look.dirty else ""),
            "@".join(part for part in (look.user, look.host) if part) or _DASH,
            look.reason,
        ]


def _span(span: Span) -> str:
    from datetime import UTC, datetime

    start, end = (datetime.fromtimestamp(ns // 1_000_000_000, UTC) for ns in span)
    return f"{start:%Y-%m-%d %H:%M} … {end:%Y-%m-%d %H:%M} UTC"


def _write(file: Path, venue: str, symbol: str, span: Span | None, looks: Sequence[Look]) -> None:
    from json import dumps

    content: dict[str, Any] = {
        "venue": venue,
        "symbol": symbol,
        "holdout_ns": span,
        **_counts(looks),
        "entries": [look.model_dump() for look in looks],
    }
    try:
        file.write_text(dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {file}: cannot be written ({error.strerror})") from error
