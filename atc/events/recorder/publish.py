"""Raw files of a business day to canonical events: the ordinary `atc ingest` of all of them, in a process
of its own, so that neither its work nor its end can touch the connection.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import zlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import orjson

from atc.errors import DataError
from atc.events.catalog import Catalog
from atc.events.recorder.raw_folder import RawFile, RawFolder


@dataclass(frozen=True)
class Target:
    """Where the events go, and what the user said about the instrument."""

    root: Path
    tick: Decimal | None = None
    lot: Decimal | None = None


@dataclass(frozen=True)
class Published:
    """What became of one symbol and business day."""

    symbol: str
    day: date
    files: int
    told: str
    """The ingest's last line, or why it failed."""
    failed: bool = False


def days_to_publish(folder: RawFolder, target: Target) -> list[date]:
    """Business days of which a sealed file is in no canonical events."""
    catalog = Catalog(target.root)
    done: dict[tuple[str, date], dict[str, str]] = {}
    for manifest in catalog.manifests.values():
        if manifest.instrument.venue == folder.venue.name:
            sources = {str(source["name"]): str(source["sha256"]) for source in manifest.sources}
            for entry in manifest.files:
                done[manifest.instrument.symbol, entry.date] = sources
    waiting = set()
    for day, symbol, files in _streams(folder):
        there = done.get((symbol, day), {})
        if any(there.get(file.path.name) != folder.digest(file) for file in files):
            waiting.add(day)
    return sorted(waiting)


async def publish_day(folder: RawFolder, target: Target, day: date) -> list[Published]:
    """Ingests everything of one business day, each symbol by itself. A failure is a result, not an
    exception.
    """
    try:
        streams = _streams(folder)
    except DataError as error:
        return [Published("", day, 0, str(error), failed=True)]
    return [
        await _publish(folder, target, day, symbol, files) for found, symbol, files in streams if found == day
    ]


async def _publish(
    folder: RawFolder, target: Target, day: date, symbol: str, files: list[RawFile]
) -> Published:
    def result(told: str, *, failed: bool = False) -> Published:
        return Published(symbol, day, len(files), told, failed)

    try:
        _check_ours(folder, target, day, symbol, files)
        if not await asyncio.to_thread(_any_frame_of, folder, symbol, files):
            return result("no frame of it was received")
    except DataError as error:
        return result(str(error), failed=True)
    except (OSError, EOFError, zlib.error) as error:
        return result(f"a raw file cannot be read: {error}", failed=True)
    # The arguments are those that a user would type; without a shell, so no quoting.
    arguments = ingest_command(folder, target, symbol, [file.path for file in files])
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from atc.cli import main; main()",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C is for the recorder, which then still wants this ingest.
            start_new_session=True,
        )
    except OSError as error:
        return result(f"the ingest cannot be started: {error}", failed=True)
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        # Whole or not at all: the next start does it again.
        process.kill()
        await process.wait()
        raise
    lines = output.decode(errors="replace").strip().splitlines() or ["(it said nothing)"]
    if process.returncode != 0:
        again = " ".join(["atc", *arguments[:-1]])
        return result(f"{lines[-1]}; the raw files are whole, again with: {again}", failed=True)
    return result(lines[-1])


def ingest_command(folder: RawFolder, target: Target, symbol: str, files: list[Path]) -> list[str]:
    """The arguments of `atc` that ingest `files`."""
    venue = folder.venue
    command = ["ingest", venue.adapter, *map(str, files), "--root", str(target.root)]
    command += ["--symbol", symbol, "--venue", venue.name]
    command += ["--day-cut-utc-s", str(venue.day_cut_utc_s), "--tz-offset-s", str(venue.tz_offset_s)]
    for name, step in (("--tick", target.tick), ("--lot", target.lot)):
        if step is not None:
            command += [name, format(step, "f")]
    return [*command, "--replace", "--no-progress"]


def _streams(folder: RawFolder) -> list[tuple[date, str, list[RawFile]]]:
    """(business day, symbol, its files) of everything sealed, in order."""
    found: dict[tuple[date, str], list[RawFile]] = defaultdict(list)
    for file in folder.sealed():
        for symbol in folder.symbols_of(file):
            found[file.day, symbol].append(file)
    return [(day, symbol, files) for (day, symbol), files in sorted(found.items())]


def _check_ours(folder: RawFolder, target: Target, day: date, symbol: str, files: list[RawFile]) -> None:
    """Raises DataError if the day's events were made from files that are not among ours: replacing them would
    lose events.
    """
    names = {file.path.name for file in files}
    for manifest in Catalog(target.root).manifests.values():
        if (manifest.instrument.venue, manifest.instrument.symbol) != (folder.venue.name, symbol):
            continue
        others = sorted({str(source["name"]) for source in manifest.sources} - names)
        if others and any(entry.date == day for entry in manifest.files):
            raise DataError(
                f"{target.root}: the events of {folder.venue.name} {symbol} {day} were made from "
                f"{', '.join(others[:3])}{' …' if len(others) > 3 else ''}, which {folder.path} does not "
                "hold; the day's raw files are whole: give another --root, or put all files of the day into "
                "one folder"
            )


def _any_frame_of(folder: RawFolder, symbol: str, files: list[RawFile]) -> bool:
    """Whether the files hold any frame of the symbol; the first one ends the search."""
    quoted = symbol.encode()
    for file in files:
        with gzip.open(file.path) as lines:
            for text in lines:
                content = text.partition(b" ")[2]
                if quoted in content and not content.startswith(b'{"atc"'):
                    try:
                        heard = folder.venue.heard(orjson.loads(content))
                    except orjson.JSONDecodeError:
                        continue  # what a power cut left; the ingest tells where
                    if heard.symbol == symbol and heard.kind in ("book", "trade", "ticker"):
                        return True
    return False
