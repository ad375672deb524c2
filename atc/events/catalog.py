"""What canonical events there are, read from the manifests of finished ingests alone.

A Parquet file that no manifest lists does not exist for ATC: the manifest, renamed into place as the last
step of an ingest, is its commit point.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from atc.errors import DataError, nearest
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.instrument import Instrument
from atc.events.schema import SCHEMA_VERSION, Kind


def canonical_dir(root: Path) -> Path:
    """The folder of the canonical events under an events root."""
    return root / "canonical"


def manifests_dir(root: Path) -> Path:
    """The folder of the manifests, one JSON file a finished ingest."""
    return canonical_dir(root) / "_ingests"


@dataclass(frozen=True)
class FileEntry:
    """One Parquet file of a finished ingest."""

    kind: Kind
    date: date
    path: str
    """Relative to the canonical folder, with '/'."""
    rows: int
    bytes: int
    digest: str
    """`ContentDigest` of its rows."""
    first_ts: int
    """`ts_recv` of its first row, ns."""
    last_ts: int

    def to_json(self) -> dict[str, Any]:
        """As the manifest lists it."""
        return {**self.__dict__, "kind": self.kind.value, "date": self.date.isoformat()}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> FileEntry:
        """The inverse of `to_json`."""
        return cls(**{**entry, "kind": Kind(entry["kind"]), "date": date.fromisoformat(entry["date"])})


@dataclass(frozen=True)
class Manifest:
    """The record of one finished ingest."""

    id: str
    adapter: str
    source_hash: str
    """Digest of everything that the events were made from."""
    instrument: Instrument
    files: tuple[FileEntry, ...]
    sources: tuple[dict[str, Any], ...] = ()
    """Name, bytes and sha256 of each source file."""
    counts: dict[str, int] = field(default_factory=dict)
    """Messages read, events written, repaired, flagged."""
    replaces: tuple[str, ...] = ()
    """Earlier ingests that this one stands in for."""
    schema_version: int = SCHEMA_VERSION
    findings: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    """By business day: `repaired` and `flagged`, each a count by reason; empty in older manifests."""

    def to_json(self) -> dict[str, Any]:
        """The manifest file's content."""
        return {
            "schema_version": self.schema_version,
            "id": self.id,
            "adapter": self.adapter,
            "source_hash": self.source_hash,
            "instrument": self.instrument.to_json(),
            "sources": list(self.sources),
            "counts": self.counts,
            **({"findings": self.findings} if self.findings else {}),
            "replaces": list(self.replaces),
            "files": [entry.to_json() for entry in self.files],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Manifest:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for other content."""
        return cls(
            id=content["id"],
            adapter=content["adapter"],
            source_hash=content["source_hash"],
            instrument=Instrument.from_json(content["instrument"]),
            files=tuple(FileEntry.from_json(entry) for entry in content["files"]),
            sources=tuple(content["sources"]),
            counts=dict(content["counts"]),
            replaces=tuple(content["replaces"]),
            schema_version=content["schema_version"],
            findings=dict(content.get("findings", {})),
        )


def read_manifests(root: Path) -> dict[str, Manifest]:
    """The finished ingests under `root` by id, without those that another one replaces.

    Raises DataError for a manifest that cannot be read or has another schema version.
    """
    found: dict[str, Manifest] = {}
    for path in sorted(manifests_dir(root).glob("*.json")):
        try:
            content = json.loads(path.read_bytes())
            version = content["schema_version"]
            if version != SCHEMA_VERSION:
                raise DataError(
                    f"{path}: schema version {version}, this ATC reads {SCHEMA_VERSION}; "
                    "ingest the sources again under another root"
                )
            manifest = Manifest.from_json(content)
        except FileNotFoundError:
            # Replaced by another process between the listing and the reading.
            continue
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise DataError(
                f"{path}: not a manifest of an ingest ({error!r}); remove it and ingest again"
            ) from error
        found[manifest.id] = manifest
    replaced = {old for manifest in found.values() for old in manifest.replaces}
    return {name: manifest for name, manifest in found.items() if name not in replaced}


@dataclass(frozen=True)
class DayFiles:
    """The files of one business day of one symbol."""

    date: date
    instrument: Instrument
    files: dict[Kind, tuple[FileEntry, ...]]
    """Kinds without events are absent."""


class Catalog:
    """The canonical events under `root` as of the moment of creation; costs one small read an ingest."""

    def __init__(self, root: Path, *, only: Collection[str] | None = None) -> None:
        """`only`: ids of the ingests to look at; whatever else lies under `root` does not exist then."""
        self.root = root
        found = read_manifests(root)
        self.manifests = found if only is None else {name: found[name] for name in only if name in found}

    def only(self, names: Collection[str]) -> Catalog:
        """The same catalog, with the ingests `names` alone; reads nothing again."""
        chosen = copy(self)
        chosen.__dict__.pop("_days", None)
        chosen.__dict__.pop("_begins", None)
        chosen.manifests = {name: self.manifests[name] for name in names}
        return chosen

    @cached_property
    def _days(self) -> dict[tuple[str, str], dict[date, DayFiles]]:
        """The files of every day, days in order. One ingest owns a day, so a kind has one file there; the
        tuple leaves room for parts.
        """
        entries: dict[tuple[str, str], dict[date, list[FileEntry]]] = defaultdict(lambda: defaultdict(list))
        facts: dict[tuple[str, str, date], Instrument] = {}
        for manifest in self.manifests.values():
            stream = (manifest.instrument.venue, manifest.instrument.symbol)
            for entry in manifest.files:
                entries[stream][entry.date].append(entry)
                facts.setdefault((*stream, entry.date), manifest.instrument)
        return {
            stream: {day: DayFiles(day, facts[*stream, day], _by_kind(days[day])) for day in sorted(days)}
            for stream, days in entries.items()
        }

    def streams(self) -> list[tuple[str, str]]:
        """(venue, symbol) of everything that has events."""
        return sorted(self._days)

    def days(self, venue: str, symbol: str) -> list[date]:
        """Business days that have events of any kind, in order; empty if there are none."""
        return list(self._days.get((venue, symbol), {}))

    def day(self, venue: str, symbol: str, day: date) -> DayFiles:
        """The files of one business day. Raises DataError if it has no events."""
        found = self._days.get((venue, symbol), {}).get(day)
        if found is None:
            raise DataError(
                f"{self.root}: no events of {venue} {symbol} on {day}; {self._what_there_is(venue, symbol)}"
            )
        return found

    def instrument(self, venue: str, symbol: str, days: Iterable[date] | None = None) -> Instrument:
        """The instrument of `days` (default: all). Raises DataError without events or if they differ."""
        asked = list(days) if days is not None else self.days(venue, symbol)
        if not asked:
            raise DataError(
                f"{self.root}: no events of {venue} {symbol}; {self._what_there_is(venue, symbol)}"
            )
        first = self.day(venue, symbol, asked[0]).instrument
        for day in asked[1:]:
            other = self.day(venue, symbol, day).instrument
            if other != first:
                raise DataError(
                    f"{self.root}: {venue} {symbol} is {first.to_json()} on {asked[0]} but "
                    f"{other.to_json()} on {day}; "
                    "choose days of one rule"
                )
        return first

    def content_digest(self, venue: str, symbol: str, days: Iterable[date]) -> str:
        """SHA-256 of what the events of `days` say: equal on two machines with the same events."""
        whole = hashlib.sha256(f"schema {SCHEMA_VERSION}\n".encode())
        for day in sorted(set(days)):
            found = self.day(venue, symbol, day)
            whole.update(json.dumps([day.isoformat(), found.instrument.to_json()], sort_keys=True).encode())
            for kind in Kind:
                for entry in found.files.get(kind, ()):
                    whole.update(f"{kind.value} {entry.rows} {entry.digest}\n".encode())
        return whole.hexdigest()

    def path(self, entry: FileEntry) -> Path:
        """Where the file lies."""
        return canonical_dir(self.root) / entry.path

    def span_ns(self, venue: str, symbol: str) -> tuple[int, int]:
        """First and last `ts_recv` of the stream. Raises DataError without events."""
        instrument_days = self.days(venue, symbol)
        if not instrument_days:
            raise DataError(
                f"{self.root}: no events of {venue} {symbol}; {self._what_there_is(venue, symbol)}"
            )
        ends = [
            [entry for entries in self.day(venue, symbol, day).files.values() for entry in entries]
            for day in (instrument_days[0], instrument_days[-1])
        ]
        return min(entry.first_ts for entry in ends[0]), max(entry.last_ts for entry in ends[1])

    @cached_property
    def _begins(self) -> dict[tuple[str, str], list[int]]:
        """Start of each day of `_days`, ns."""
        return {
            stream: [
                day_start_ns(day, found.instrument.day_cut_utc_s, found.instrument.tz_offset_s)
                for day, found in days.items()
            ]
            for stream, days in self._days.items()
        }

    def days_within(self, venue: str, symbol: str, start_ns: int, end_ns: int) -> list[date]:
        """Days whose span touches `[start_ns, end_ns)` and which have events."""
        begins = self._begins.get((venue, symbol), [])
        first, last = bisect_right(begins, start_ns - DAY_NS), bisect_left(begins, end_ns)
        return self.days(venue, symbol)[first:last]

    def first_event_from(self, venue: str, symbol: str, start_ns: int) -> int | None:
        """Time of the first event of the days that begin at or after `start_ns`; None if there is none."""
        following = bisect_left(self._begins.get((venue, symbol), []), start_ns)
        days = self.days(venue, symbol)
        if following == len(days):
            return None
        files = self.day(venue, symbol, days[following]).files
        return min(entry.first_ts for entries in files.values() for entry in entries)

    def _what_there_is(self, venue: str, symbol: str) -> str:
        days = self.days(venue, symbol)
        if days:
            return f"there are {len(days)} days from {days[0]} to {days[-1]}"
        there = [f"{v}/{s}" for v, s in self.streams()]
        return (
            (f"{nearest(f'{venue}/{symbol}', there)}. " if there else "nothing is filed there. ")
            + f"File events with `atc ingest ADAPTER FILE… --root {self.root}`, or name another root with "
            "paths.events or ATC_EVENTS"
        )


def _by_kind(entries: Iterable[FileEntry]) -> dict[Kind, tuple[FileEntry, ...]]:
    files: dict[Kind, list[FileEntry]] = defaultdict(list)
    for entry in entries:
        files[entry.kind].append(entry)
    return {
        kind: tuple(sorted(of_kind, key=lambda e: (e.first_ts, e.path))) for kind, of_kind in files.items()
    }
