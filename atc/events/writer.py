"""Writing canonical events so that a reader sees a whole ingest or none of it.

Files are written under `canonical/_tmp/<ingest>-<random>/`, which its process keeps locked. `commit()` moves
them to their places and then renames the manifest into `canonical/_ingests/`: only then do they exist for
`Catalog`. What a killed process leaves is removed by the next session: the kernel drops a lock with its
process, and the list of moved files is written before the first move.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from atc.errors import DataError
from atc.events.catalog import FileEntry, Manifest, canonical_dir, manifests_dir, read_manifests
from atc.events.commit import (
    MOVES,
    OWNER,
    remove_leftovers,
    remove_replaced,
    root_lock,
    sync_folder,
    undo_moves,
    write_synced,
)
from atc.events.instrument import Instrument
from atc.events.part_file import PartFile
from atc.events.schema import SCHEMA_VERSION, Kind

if TYPE_CHECKING:
    import pyarrow as pa


def ingest_id(instrument: Instrument, adapter: str, source_hash: str) -> str:
    """Identity of an ingest: the same sources read the same way by the same adapter."""
    facts = {
        "schema_version": SCHEMA_VERSION,
        "adapter": adapter,
        "source_hash": source_hash,
        "instrument": instrument.to_json(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class IngestSession:
    """Writes the events of one ingest; nothing is visible before `commit()`, and nothing after an exception.

    A context manager. Days may come in any order, but each (day, kind) in one call of `write_day`, or in
    several of `append` in time order. `adapter` names the code that made the events with its version,
    `source_hash` digests what they were made from; together with the instrument they are the identity of the
    ingest.

    `may_replace` names ingests that this one stands in for if it shares a day with them; it then has to cover
    all their days. Any other ingest of the same venue and symbol must have other business days: a day belongs
    to one ingest, for `ev_seq` counts over all its kinds.
    """

    def __init__(
        self,
        root: Path,
        instrument: Instrument,
        *,
        adapter: str,
        source_hash: str,
        sources: Sequence[Mapping[str, Any]] = (),
        may_replace: Sequence[str] = (),
    ) -> None:
        self.root = root
        self.instrument = instrument
        self.id = ingest_id(instrument, adapter, source_hash)
        self._adapter = adapter
        self._source_hash = source_hash
        self._sources = tuple(dict(source) for source in sources)
        self._may_replace = frozenset(may_replace)
        self._parts: dict[tuple[date, Kind], PartFile] = {}
        self._entries: list[FileEntry] = []
        self._taken: dict[date, str] = {}
        self._folder: Path | None = None
        self._owner: int | None = None

    def __enter__(self) -> Self:
        try:
            with root_lock(self.root):
                remove_leftovers(self.root)
                self._taken = self._days_of_others()
                temporary = canonical_dir(self.root) / "_tmp"
                temporary.mkdir(exist_ok=True)
                self._folder = Path(tempfile.mkdtemp(prefix=f"{self.id[:12]}-", dir=temporary))
                self._owner = os.open(self._folder / OWNER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
                fcntl.flock(self._owner, fcntl.LOCK_EX)
        except OSError as error:
            self._discard()
            raise _writing_failed(self.root, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()
        if isinstance(error, OSError):
            raise _writing_failed(self.root, error) from error

    def write_day(self, day: date, kind: Kind | str, table: pa.Table | pa.RecordBatch) -> None:
        """Writes all events of one kind and business day; a table without rows leaves no file.

        Raises DataError for another schema, rows out of order or out of the day, or a day that another ingest
        holds.
        """
        self.append(day, kind, table)
        self.close_day(day, kind)

    def append(self, day: date, kind: Kind | str, table: pa.Table | pa.RecordBatch) -> None:
        """Adds rows to a day and kind, after those that it has; `close_day` or `commit` ends it."""
        import pyarrow as pa

        kind = Kind(kind)
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        if table.num_rows == 0:
            return
        if day in self._taken:
            raise DataError(
                f"{self.root}: {self.instrument.venue} {self.instrument.symbol} {day} is held by ingest "
                f"{self._taken[day][:12]}; a business day belongs to one ingest: give all its files in one "
                "command, replace the other ingest (atc ingest … --replace), or use another root"
            )
        if any(entry.date == day and entry.kind == kind for entry in self._entries):
            raise DataError(f"{kind.value} of {day} was closed already; expected each day and kind once")
        part = self._parts.get((day, kind))
        if part is None:
            part = PartFile(
                self._open_folder(), self.instrument, day, kind, ingest=self.id, source_hash=self._source_hash
            )
            self._parts[day, kind] = part
        part.append(table)

    def close_day(self, day: date, kind: Kind | str) -> None:
        """Finishes the file of a day and kind, which frees its memory."""
        part = self._parts.pop((day, Kind(kind)), None)
        if part is not None:
            self._entries.append(part.close())

    def commit(
        self,
        counts: Mapping[str, int] | None = None,
        findings: Mapping[str, Mapping[str, Mapping[str, int]]] | None = None,
    ) -> Manifest:
        """Makes all that was written visible in one step and returns its manifest.

        `findings`: by business day (ISO) what was `repaired` and `flagged`, each a count by reason.

        If the same ingest was committed meanwhile, by another process, that one stands and nothing is
        written. Raises DataError if another ingest took one of the days meanwhile.
        """
        folder = self._open_folder()
        for day, kind in list(self._parts):
            self.close_day(day, kind)
        entries = tuple(sorted(self._entries, key=lambda e: (e.date, list(Kind).index(e.kind))))
        if not entries:
            raise DataError(
                f"{self.root}: no event of {self.instrument.venue} {self.instrument.symbol} was written; "
                "an ingest without events is not kept"
            )
        with root_lock(self.root):
            known = read_manifests(self.root)
            if self.id in known:
                return known[self.id]
            taken = self._days_of_others()
            for entry in entries:
                if entry.date in taken:
                    raise DataError(
                        f"{self.root}: another ingest ({taken[entry.date][:12]}) wrote "
                        f"{self.instrument.venue} "
                        f"{self.instrument.symbol} {entry.date} meanwhile"
                    )
            manifest = Manifest(
                self.id,
                self._adapter,
                self._source_hash,
                self.instrument,
                entries,
                self._sources,
                dict(counts or {}),
                self._replaced_by(entries, known),
                findings={
                    day: {action: dict(reasons) for action, reasons in of_day.items()}
                    for day, of_day in (findings or {}).items()
                },
            )
            try:
                self._publish(folder, manifest)
            except BaseException:
                undo_moves(self.root, folder)
                raise
            remove_replaced(self.root)
        return manifest

    def _publish(self, folder: Path, manifest: Manifest) -> None:
        target = canonical_dir(self.root)
        write_synced(folder / MOVES, json.dumps([entry.path for entry in manifest.files]).encode())
        sync_folder(folder)
        touched: set[Path] = set()
        for entry in manifest.files:
            place = target / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            (folder / Path(entry.path).parent.name / f"{entry.kind.value}.parquet").replace(place)
            touched.update(parent for parent in place.parents if target in (parent, *parent.parents))
        for parent in sorted(touched):
            sync_folder(parent)
        manifests = manifests_dir(self.root)
        manifests.mkdir(exist_ok=True)
        written = folder / "manifest.json"
        write_synced(written, json.dumps(manifest.to_json(), indent=1).encode())
        written.replace(manifests / f"{manifest.id}.json")
        sync_folder(manifests)

    def _days_of_others(self) -> dict[date, str]:
        key = (self.instrument.venue, self.instrument.symbol)
        return {
            entry.date: manifest.id
            for manifest in read_manifests(self.root).values()
            if (manifest.instrument.venue, manifest.instrument.symbol) == key
            and manifest.id != self.id
            and manifest.id not in self._may_replace
            for entry in manifest.files
        }

    def _replaced_by(self, entries: Sequence[FileEntry], known: Mapping[str, Manifest]) -> tuple[str, ...]:
        days = {entry.date for entry in entries}
        replaced = []
        for old in (known[name] for name in sorted(self._may_replace) if name in known):
            old_days = {entry.date for entry in old.files}
            if lost := sorted(old_days - days) if old_days & days else []:
                raise DataError(
                    f"{self.root}: ingest {old.id[:12]} cannot be replaced, its {len(lost)} days from "
                    f"{lost[0]} to {lost[-1]} "
                    "would be lost; give their files too"
                )
            if old_days & days:
                replaced.append(old.id)
        return tuple(replaced)

    def _open_folder(self) -> Path:
        if self._folder is None:
            raise RuntimeError("an IngestSession writes only inside its `with` block")
        return self._folder

    def _discard(self) -> None:
        for part in self._parts.values():
            part.abandon()
        self._parts.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None


def _writing_failed(root: Path, error: OSError) -> DataError:
    reason = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else str(error)
    return DataError(f"{root}: writing events failed, {reason}; nothing of this ingest was kept")
