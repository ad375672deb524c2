"""What lies in the cache, and what of it nobody can ask for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

from atc.events.catalog import Catalog
from atc.features import declarations, matrix_file, row_file
from atc.features.day_file import Damaged, FileManifest, read_footer
from atc.features.day_job import FEATURES, LABELS, Reads
from atc.features.keys import LAYOUT, events_digest, label_code, python_digest
from atc.features.matrix_cache import MATRICES
from atc.features.matrix_file import MatrixPlan, read_matrix
from atc.features.row_file import RowPlan, read_row_file
from atc.features.source import instrument_folder

DAMAGED = "damaged"
"""How the reason of a file begins that is not whole."""


@dataclass(frozen=True)
class CachedFile:
    """One file of the cache."""

    path: Path
    manifest: FileManifest | None
    """None: damaged."""
    damage: str = ""

    @property
    def kind(self) -> str:
        """`features` or `labels`."""
        return FEATURES if self.path.parent.parent.name.startswith("schema=") else LABELS

    @property
    def schema(self) -> str:
        """The schema whose folder it lies in."""
        folder = self.path.parent.parent.name
        return folder.removeprefix("schema=") if self.kind == FEATURES else LABELS

    @property
    def day(self) -> date:
        """The business day whose folder it lies in."""
        return date.fromisoformat(self.path.parent.name.removeprefix("date="))


def instruments(cache_root: Path) -> list[tuple[str, str]]:
    """(venue, symbol) of everything that has files."""
    found = {
        (folder.parent.name.removeprefix("venue="), folder.name.removeprefix("symbol="))
        for kind in (FEATURES, LABELS, MATRICES)
        for folder in (cache_root / kind).glob("venue=*/symbol=*")
    }
    return sorted(found)


def cached_files(cache_root: Path, venue: str, symbol: str) -> Iterator[CachedFile]:
    """Every file of an instrument, days in order."""
    features = instrument_folder(cache_root, FEATURES, venue, symbol).glob("schema=*/date=*/*.parquet")
    labels = instrument_folder(cache_root, LABELS, venue, symbol).glob("date=*/*.parquet")
    for path in [*sorted(features), *sorted(labels)]:
        try:
            yield CachedFile(path, read_footer(path))
        except FileNotFoundError:
            continue  # pruned meanwhile
        except Damaged as why:
            yield CachedFile(path, None, str(why))


@dataclass(frozen=True)
class CachedMatrix:
    """One matrix of the cache, or what else is known of rows."""

    path: Path
    plan: MatrixPlan | RowPlan | None
    """None: damaged."""
    damage: str = ""

    @property
    def made_of_what(self) -> str:
        """`features` or `labels`."""
        return LABELS if self.path.suffix == row_file.ENDING else FEATURES

    def made_of(self, cache_root: Path, venue: str, symbol: str) -> list[Path]:
        """The cached files that its rows were copied from."""
        folder = instrument_folder(cache_root, self.made_of_what, venue, symbol)
        return [
            (folder if schema == LABELS else folder / f"schema={schema}")
            / f"date={day.day}"
            / f"{key}.parquet"
            for day in (self.plan.days if self.plan else ())
            for schema, key in day.files.items()
        ]


def cached_matrices(cache_root: Path, venue: str, symbol: str) -> Iterator[CachedMatrix]:
    """Every matrix of an instrument, then what else is known of its rows; their values are not read."""
    folder = instrument_folder(cache_root, MATRICES, venue, symbol)
    for ending in (matrix_file.ENDING, row_file.ENDING):
        for path in sorted(folder.glob(f"*{ending}")):
            try:
                yield CachedMatrix(path, plan_of(path))
            except FileNotFoundError:
                continue  # pruned meanwhile
            except Damaged as why:
                yield CachedMatrix(path, None, str(why))


def plan_of(path: Path) -> MatrixPlan | RowPlan:
    """What a matrix, or a file of what else is known of rows, says of itself. Raises FileNotFoundError, and
    Damaged for one that is not whole.
    """
    return read_row_file(path).plan if path.suffix == row_file.ENDING else read_matrix(path).plan


def half_written(cache_root: Path, venue: str, symbol: str) -> list[Path]:
    """Temporary files of an instrument, of living processes too."""
    return [
        part
        for kind, pattern in (
            (FEATURES, "schema=*/date=*/.*.part"),
            (LABELS, "date=*/.*.part"),
            (MATRICES, ".*.part"),
        )
        for part in instrument_folder(cache_root, kind, venue, symbol).glob(pattern)
    ]


@dataclass
class Judge:
    """Says of the files of one instrument why nobody can ask for them again: code, version or events are
    gone.

    Files of other settings (sampling, constants, horizon) are fine: another run may want them.
    """

    events_root: Path
    venue: str
    symbol: str
    row_digests: dict[date, set[str]] = field(default_factory=dict)
    """Keys of the rows of feature files that are not stale; features have to be judged before labels."""

    def why_stale(self, file: CachedFile) -> str | None:
        """The reason; None for a file that may still be wanted."""
        if file.manifest is None:
            return f"{DAMAGED}: {file.damage}"
        if file.manifest.day != file.day or file.manifest.schema != file.schema:
            return "in the folder of another day or schema"
        reason = self._code(file.manifest) or self._events(file.manifest)
        if reason is None and file.kind == FEATURES:
            self.row_digests.setdefault(file.day, set()).add(file.manifest.row_digest)
        return reason

    def _code(self, manifest: FileManifest) -> str | None:
        inputs = manifest.inputs
        if inputs["layout"] != LAYOUT:
            return f"layout {inputs['layout']}, now {LAYOUT}"
        current = self._current.get(manifest.schema)
        if current is None:
            return f"there is no schema '{manifest.schema}' any more"
        version, code = current
        if manifest.version != version:
            return f"version {manifest.version}, now {version}"
        if list(inputs["code"]) != code:
            return "built by other code"
        return None

    def _events(self, manifest: FileManifest) -> str | None:
        if manifest.inputs["kind"] == LABELS:
            kept = self.row_digests.get(manifest.day, set())
            if manifest.inputs["rows"] not in kept:
                return "its rows are gone"
        candidates = self._catalogs(manifest.day)
        if not candidates:
            return "the events of the day are gone"
        if any(_has_events(catalog, manifest) for catalog in candidates):
            return None
        return "other events"

    @cached_property
    def _current(self) -> dict[str, tuple[int, list[str]]]:
        from atc import _rust

        known = {
            schema.name: (schema.version, [schema.code, python_digest()]) for schema in declarations.schemas()
        }
        return {**known, LABELS: (_rust.LABEL_SCHEMA_VERSION, [label_code(), python_digest()])}

    def _catalogs(self, day: date) -> list[Catalog]:
        """The views of the events in which the day occurs: all that is filed, and its ingest alone."""
        found = [self._whole] if day in self._whole.days(self.venue, self.symbol) else []
        return found + self._single_by_day.get(day, [])

    @cached_property
    def _whole(self) -> Catalog:
        return Catalog(self.events_root)

    @cached_property
    def _single_by_day(self) -> dict[date, list[Catalog]]:
        """Each ingest of the instrument alone, by the days that it has; with a single one there is nothing to
        tell apart.
        """
        names = [
            name
            for name, manifest in self._whole.manifests.items()
            if (manifest.instrument.venue, manifest.instrument.symbol) == (self.venue, self.symbol)
        ]
        found: dict[date, list[Catalog]] = {}
        for name in names if len(names) > 1 else []:
            alone = self._whole.only([name])
            for day in alone.days(self.venue, self.symbol):
                found.setdefault(day, []).append(alone)
        return found


def _has_events(catalog: Catalog, manifest: FileManifest) -> bool:
    inputs = manifest.inputs
    reads = Reads(*inputs["read"])
    if inputs["kind"] == FEATURES:
        end = inputs["emit"][1]
        following = catalog.first_event_from(manifest.venue, manifest.symbol, end) or end
        if following + 2 * inputs["spec"]["max_gap_ns"] != reads.end:
            return False
    return bool(events_digest(catalog, manifest.venue, manifest.symbol, reads) == inputs["events"])
