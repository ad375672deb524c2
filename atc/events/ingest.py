"""From recordings to canonical events: one command, one stream, whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.adapters import Adapter, Asked, adapter_named, told_as_ours
from atc.events.adapters import instrument as instrument_in
from atc.events.catalog import Catalog, Manifest
from atc.events.instrument import Instrument, different_facts, instrument_of
from atc.events.report import Finding, IngestReport, Origin
from atc.events.schema import Kind
from atc.events.source_file import Progress, check_exists, no_progress, sha256_of
from atc.events.writer import IngestSession, ingest_id

if TYPE_CHECKING:
    from atc._rust import IngestReader
    from atc.config.data import RecordedData
    from atc.config.surroundings import Paths

_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class Ingested:
    """What an ingest came to."""

    manifest: Manifest
    already: bool
    """The same files had been ingested the same way before; nothing was read or written now."""
    report: IngestReport = field(compare=False)


def ingest(
    adapter_name: str,
    files: Sequence[Path],
    root: Path,
    instrument: Instrument | Asked,
    *,
    report: IngestReport | None = None,
    progress: Progress = no_progress,
    replace: bool = False,
    audit: bool = False,
) -> Ingested:
    """Reads `files` with an adapter into canonical events under `root`.

    What `instrument` leaves open is asked of the adapter. `replace` lets the new ingest stand in for others
    of the same venue and symbol whose days it covers; an ingest of the very same files by an older version of
    the adapter is replaced in any case. Raises UsageError for an unknown adapter, DataError for files that
    are missing or malformed; then nothing is left behind.
    """
    adapter = adapter_named(adapter_name)
    for path in files:
        check_exists(path)
    _check_names(files)
    facts = instrument_in(adapter, files, instrument) if isinstance(instrument, Asked) else instrument
    report = report or IngestReport()
    sources = [{"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files]
    _check_contents(files, sources)
    source_hash = hashlib.sha256(json.dumps([source["sha256"] for source in sources]).encode()).hexdigest()
    catalog = Catalog(root)
    done = catalog.manifests.get(ingest_id(facts, adapter.code, source_hash))
    if done and not audit:
        return Ingested(done, True, report)
    with IngestSession(
        root,
        facts,
        adapter=adapter.code,
        source_hash=source_hash,
        sources=sources,
        may_replace=_replaceable(catalog, facts, adapter_name, source_hash, everything=replace),
    ) as session:
        _write(session, adapter, files, report, progress)
        if done:
            return Ingested(done, True, report)
        counts = {
            "messages_read": report.messages_read,
            "events_written": report.events_written,
            "repaired": report.repaired.total(),
            "flagged": report.flagged.total(),
        }
        return Ingested(session.commit(counts, report.to_json()), False, report)


def ensure_ingested(data: RecordedData, paths: Paths, progress: Progress = no_progress) -> Ingested:
    """The canonical events of a `recorded` data config, ingested now if they are not there yet.

    Files are relative to `paths.recordings_dir`; the instrument is the config's. Recordings that were
    ingested once need not stay there. Raises DataError as `ingest`, and where the same files are filed as
    another instrument.
    """
    folder = paths.recordings_dir
    instrument = instrument_of(data)
    files = [folder / name for name in data.files]
    earlier = _filed(data, paths)
    if not all(path.is_file() for path in files):
        for manifest in earlier:
            if manifest.instrument == instrument:
                return Ingested(manifest, True, IngestReport())
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder, but data={data.name} reads recordings from it; set paths.recordings "
            "or ATC_RECORDINGS"
        )
    for manifest in earlier:
        wrong = different_facts(manifest.instrument, instrument)
        if wrong:
            again = " ".join(["atc ingest", data.adapter, *map(str, files), f"--root {paths.events_dir}"])
            raise DataError(
                f"{data.symbol} of {data.venue} is filed under {paths.events_dir} with {wrong}, as the "
                f"config has it; give the config the filed values, or file it anew: {again} --replace "
                f"--tick {data.tick} --lot {data.lot}"
            )
    return ingest(data.adapter, files, paths.events_dir, instrument, progress=progress)


def filed_ingest(data: RecordedData, paths: Paths) -> Manifest | None:
    """The finished ingest of a `recorded` data config, if there is one; no file of the recording is read."""
    instrument = instrument_of(data)
    found = [manifest for manifest in _filed(data, paths) if manifest.instrument == instrument]
    return found[0] if found else None


def _filed(data: RecordedData, paths: Paths) -> list[Manifest]:
    """Ingests of files of the same names, by the same adapter, of the same venue and symbol."""
    names = [Path(name).name for name in data.files]
    return [
        manifest
        for manifest in Catalog(paths.events_dir).manifests.values()
        if manifest.adapter.split("@")[0] == data.adapter
        and (manifest.instrument.venue, manifest.instrument.symbol) == (data.venue, data.symbol)
        and [source["name"] for source in manifest.sources] == names
    ]


def _write(
    session: IngestSession, adapter: Adapter, files: Sequence[Path], report: IngestReport, progress: Progress
) -> None:
    from atc._rust import IngestReader

    keep = report.rows is not None
    with told_as_ours():
        facts = json.dumps(session.instrument.to_json())
        reader = IngestReader(adapter.name, list(files), facts, keep)
        while (read := reader.next()) is not None:
            number, kind, rows = read
            day = _FIRST_DAY + timedelta(days=number)
            if kind is not None and rows is not None:
                session.append(day, kind, rows)
            else:
                for each in Kind:
                    session.close_day(day, each)
            _tell(reader, report)
            progress(reader.bytes_read())
    _tell(reader, report)
    report.messages_read, report.events_written = reader.counts()
    for known_day, action, reason, count in reader.finding_counts():
        at = None if known_day is None else _FIRST_DAY + timedelta(days=known_day)
        report.by_day[at][action][reason] += count


def _tell(reader: IngestReader, report: IngestReport) -> None:
    if report.rows is not None:
        for action, reason, file, row, detail in reader.findings():
            report.rows(Finding(action, reason, Origin(file, row), detail))


def _replaceable(
    catalog: Catalog, instrument: Instrument, adapter_name: str, source_hash: str, *, everything: bool
) -> list[str]:
    """Ingests that the new one may stand in for."""
    key = (instrument.venue, instrument.symbol)

    def same_but_older(manifest: Manifest) -> bool:
        return (
            manifest.instrument == instrument
            and manifest.source_hash == source_hash
            and manifest.adapter.split("@")[0] == adapter_name
        )

    return [
        manifest.id
        for manifest in catalog.manifests.values()
        if (manifest.instrument.venue, manifest.instrument.symbol) == key
        and (everything or same_but_older(manifest))
    ]


def _check_contents(files: Sequence[Path], sources: Sequence[Mapping[str, object]]) -> None:
    """A copy would tell everything twice, and where a venue gives no ids nobody could tell."""
    first: dict[object, Path] = {}
    for path, source in zip(files, sources, strict=True):
        same = first.setdefault(source["sha256"], path)
        if same is not path:
            raise DataError(f"{path} is a copy of {same}; expected each content once: leave one out")


def _check_names(files: Sequence[Path]) -> None:
    places = [path.resolve() for path in files]
    twice = sorted({str(path) for path in files if places.count(path.resolve()) > 1})
    if twice:
        raise DataError(f"{', '.join(twice)} is given twice; expected each file once")
