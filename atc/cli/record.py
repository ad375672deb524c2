"""`atc record`: a venue's live public WebSocket becomes raw files and canonical events."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atc.errors import UsageError
from atc.interrupts import told

if TYPE_CHECKING:
    from atc.events.recorder.session import Session

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def record(
    venue: Annotated[str, typer.Argument(help="gmo or bitflyer.")],
    symbols: Annotated[list[str], typer.Argument(help="As the venue names them: ETH_JPY, FX_BTC_JPY.")],
    *,
    root: Annotated[
        Path, typer.Option(help="Events root; the events lie under DIR/canonical.", metavar="DIR")
    ],
    raw: Annotated[
        Path | None, typer.Option(help="Folder of the raw files; DIR/raw/<venue>.", metavar="DIR")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Another address, ws:// or wss://.")] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Stop after this long: 90s, 30m, 12h.", metavar="TIME")
    ] = None,
    publish_every: Annotated[
        str | None,
        typer.Option(
            help="Make canonical events this often; else at the day's cut, start and end.", metavar="TIME"
        ),
    ] = None,
    taker_only: Annotated[
        bool, typer.Option("--taker-only", help="GMO Coin: leave out the makers' prints.")
    ] = False,
    stall: Annotated[
        str, typer.Option(help="Connect anew after this long without a frame.", metavar="TIME")
    ] = "30s",
    longest_wait: Annotated[
        str, typer.Option(help="Longest wait between two tries to connect.", metavar="TIME")
    ] = "60s",
    tick: Annotated[str | None, typer.Option(help="Price step, where the adapter's is not right.")] = None,
    lot: Annotated[str | None, typer.Option(help="Size step, where the adapter's is not right.")] = None,
    day_cut_utc_s: Annotated[
        int | None, typer.Option(help="Start of the business day, s after 00:00 UTC.")
    ] = None,
) -> None:
    """Record until Ctrl-C (exit code 130) or for a time (0); a killed recording is completed by the next
    start. SIGTERM and a closed terminal count as Ctrl-C; under `nohup` the recording goes on.
    """
    from dataclasses import replace

    from atc.cli.ingest import decimal_step
    from atc.events.adapters import Asked, adapter_named, instrument
    from atc.events.recorder.connection import Patience
    from atc.events.recorder.publish import Target
    from atc.events.recorder.raw_folder import RawFolder
    from atc.events.recorder.session import Plan, Session
    from atc.events.recorder.status import StatusLine
    from atc.events.recorder.venues import venue_named

    known = venue_named(venue)
    if taker_only and not known.has_taker_only:
        raise UsageError(f"--taker-only: {venue} prints every execution once; leave the option out")
    if url is not None and not re.match(r"wss?://[^/\s]+", url):
        raise UsageError(f"--url is {url!r}; expected wss://host/path or ws://host/path")
    if day_cut_utc_s is not None and not 0 <= day_cut_utc_s < 86_400:
        raise UsageError(f"--day-cut-utc-s is {day_cut_utc_s}; expected 0 to 86399")
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} is given twice; expected each symbol once")
    recorded = replace(
        known,
        url=url or known.url,
        taker_only=taker_only,
        day_cut_utc_s=known.day_cut_utc_s if day_cut_utc_s is None else day_cut_utc_s,
    )
    target = Target(root, decimal_step("--tick", tick), decimal_step("--lot", lot))
    for symbol in symbols:
        # Unknown steps are told now, not after a day of recording.
        asked = Asked(venue=recorded.name, symbol=symbol, tick=target.tick, lot=target.lot)
        instrument(adapter_named(recorded.adapter), [], asked)
    plan = Plan(
        symbols=symbols,
        target=target,
        patience=Patience(
            stall_s=seconds("--stall", stall), longest_wait_s=seconds("--longest-wait", longest_wait)
        ),
        publish_every_s=None if publish_every is None else seconds("--publish-every", publish_every),
    )
    limit_s = None if duration is None else seconds("--for", duration)
    with RawFolder(raw or root / "raw" / recorded.name, recorded) as folder:
        status = StatusLine(f"{recorded.name} {' '.join(symbols)}", folder.path)
        session = Session(folder, plan, status)
        interrupted = asyncio.run(_run(session, limit_s))
        status.end()
        for text in session.summary():
            typer.echo(text)
    if interrupted:
        raise typer.Exit(130)
    if any(done.failed for done in session.published):
        raise typer.Exit(1)


def seconds(option: str, text: str) -> float:
    """`90s`, `30m`, `12h`, `1d` or plain seconds. Raises UsageError for anything else and for 0."""
    match = _DURATION.fullmatch(text)
    value = float(match[1]) * _UNIT_S[match[2]] if match else 0.0
    if value <= 0:
        raise UsageError(f"{option} is {text!r}; expected a time such as 90s, 30m or 12h")
    return value


async def _run(session: Session, limit_s: float | None) -> bool:
    """True if a signal ended the recording, False if the time was over."""
    loop = asyncio.get_running_loop()
    recording = asyncio.create_task(session.run())
    signals = 0

    def interrupt() -> None:
        nonlocal signals
        signals += 1
        recording.cancel()

    # Not by the loop's own way: it hears what is ignored, and leaves what it heard to kill.
    with told(lambda _number: loop.call_soon_threadsafe(interrupt)):
        if limit_s is not None:
            loop.call_later(limit_s, recording.cancel)
        try:
            await recording
        except asyncio.CancelledError:
            if not recording.cancelled():
                raise
    return signals > 0
