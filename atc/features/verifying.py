"""Is what lies in the cache what it says, and what the engine and the reference would compute again?"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.reader import Events, read_events
from atc.executors.local import cores
from atc.features.compute import KEYS
from atc.features.day_file import Damaged, FileManifest, manifest_of, read_footer, read_table, row_digest
from atc.features.day_job import FEATURES
from atc.features.declarations import schema_named, schemas
from atc.features.engine_spec import engine_spec, warm_up_ns
from atc.features.inventory import CachedFile, cached_files
from atc.features.keys import feature_reads
from atc.features.label_spec import LabelSpec
from atc.features.source import SECOND_NS, Source

if TYPE_CHECKING:
    import pyarrow as pa

    from atc.report.progress import Progress

STRETCH_S = 300
"""Length of a stretch that is computed again."""
_ELSEWHERE_S = 3600
"""A fresh run starts up to so much before its warm-up has to."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    path: Path
    problem: str
    removable: bool = True
    """Building it again would help; not so where the events are damaged."""


def check_files(files: Sequence[CachedFile]) -> Iterator[Finding | None]:
    """Of each file, in order, what is wrong with it: its pages, keys, statistics; None if nothing is."""
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        yield from pool.map(_check_file, files)


def _check_file(file: CachedFile) -> Finding | None:
    if file.manifest is None:
        return Finding(file.path, file.damage)
    try:
        table = read_table(file.path)
    except Damaged as why:
        return Finding(file.path, str(why))
    except FileNotFoundError:
        return None  # pruned meanwhile
    problem = _wrong(table, file.manifest)
    return None if problem is None else Finding(file.path, problem)


def _wrong(table: pa.Table, manifest: FileManifest) -> str | None:
    import numpy as np

    is_features = manifest.inputs["kind"] == FEATURES
    keys = KEYS if is_features else LabelSpec.of_inputs(manifest.inputs).keys
    if [name for name in table.schema.names if name not in keys] != list(manifest.columns):
        return f"columns {table.schema.names}; its manifest has {list(manifest.columns)}"
    place = (manifest.venue, manifest.symbol, manifest.day)
    again = manifest_of(table, place, manifest.inputs, keys)
    if again.row_digest != manifest.row_digest:
        return "the keys of its rows are not those of its manifest"
    for name, found in again.columns.items():
        if found != manifest.columns[name]:
            return f"column {name}: {found}; its manifest says {manifest.columns[name]}"
    if is_features:
        times = table["ts_recv"].to_numpy()
        numbers = table["ev_seq"].to_numpy()
        begin, end = manifest.inputs["emit"]
        if len(times) and not (begin <= times[0] and times[-1] < end):
            return "rows outside of its business day"
        later = (times[1:] > times[:-1]) | ((times[1:] == times[:-1]) & (numbers[1:] > numbers[:-1]))
        if not later.all():
            return f"row {int(np.argmin(later)) + 1} is not after the one before it"
    return None


def check_rows_agree(files: Sequence[CachedFile]) -> list[Finding]:
    """Files of one day and one sampling repeat the same keys."""
    first: dict[str, CachedFile] = {}
    found = []
    for file in files:
        if file.manifest is None or file.kind != FEATURES:
            continue
        inputs = file.manifest.inputs
        what_makes_rows = {name: inputs["spec"][name] for name in ("sampling", "group_ns", "max_gap_ns")}
        group = json.dumps([str(file.day), what_makes_rows, inputs["events"], inputs["emit"]], sort_keys=True)
        other = first.setdefault(group, file)
        assert other.manifest is not None
        if other.manifest.row_digest != file.manifest.row_digest:
            found.append(Finding(file.path, f"its rows are not those of {other.path}"))
    return found


@dataclass(frozen=True)
class Stretch:
    """Some minutes of a day, with the files that hold it by schema."""

    day: date
    begin: int
    end: int
    files: Mapping[str, Path]


def random_stretches(
    files: Mapping[date, Mapping[str, Path]], count: int, rng: random.Random
) -> Iterator[Stretch]:
    """`count` stretches that begin at a random row of a random day; fewer where no day has rows."""
    import pyarrow.parquet as pq

    days = sorted(files)
    for _ in range(count):
        rng.shuffle(days)
        for day in days:
            of_day = files[day]
            file = next(iter(of_day.values()))
            manifest = read_footer(file)
            if manifest.rows:
                times = pq.read_table(file, columns=["ts_recv"], partitioning=None)["ts_recv"]
                begin = times[rng.randrange(manifest.rows)].as_py()
                end = min(begin + STRETCH_S * SECOND_NS, manifest.inputs["emit"][1])
                yield Stretch(day, begin, end, of_day)
                break


def recompute(source: Source, stretch: Stretch, rng: random.Random) -> tuple[int, list[Finding]]:
    """Rows of a stretch that a fresh engine, started elsewhere, gives too, bit for bit; and where it does
    not.
    """
    import pyarrow as pa

    from atc import _rust

    names = list(stretch.files)
    spare = rng.randrange(_ELSEWHERE_S * SECOND_NS)
    begin = stretch.begin - warm_up_ns(source.sampling, source.engine, names) - spare
    until = max(feature_reads(source, stretch.day, schema_named(name)).end for name in names)
    spec = engine_spec(
        source.data, source.sampling, source.engine, begin, source.span(stretch.day)[1], schemas=names
    )
    events = read_events(source.catalog, source.data.venue, source.data.symbol, begin, until)
    rows = _rust.build_rows(spec, *batches_of(events), stretch.begin, stretch.end)
    fresh = pa.Table.from_batches([rows])
    found = []
    for file in stretch.files.values():
        problem = difference(rows_between(file, stretch.begin, stretch.end), fresh)
        if problem:
            found.append(Finding(file, f"{problem}, in a fresh run from {begin} on"))
    return fresh.num_rows, found


Batches = tuple["pa.RecordBatch", "pa.RecordBatch", "pa.RecordBatch", "pa.RecordBatch"]


def batches_of(events: Events) -> Batches:
    """The events as one batch a kind, also where there are none: book, trade, ticker, control."""
    return _batch(events.book), _batch(events.trade), _batch(events.ticker), _batch(events.control)


def _batch(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def rows_between(file: Path, begin: int, end: int) -> pa.Table:
    """The rows of a cached file with `begin <= ts_recv < end`."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(file, partitioning=None)
    first, last = np.searchsorted(table["ts_recv"].to_numpy(), [begin, end], side="left")
    return table.slice(int(first), int(last - first))


def difference(kept: pa.Table, fresh: pa.Table) -> str | None:
    """The first column in which two tables differ in a bit."""
    import numpy as np
    import pyarrow as pa

    if row_digest(kept, KEYS) != row_digest(fresh, KEYS):
        return f"{kept.num_rows} rows, the engine gives {fresh.num_rows} with other keys"
    for name in kept.schema.names:
        one, other = kept[name].combine_chunks(), fresh[name].combine_chunks()
        if one.type == pa.float32():
            # Equal bits: −0.0 is not 0.0, and null is null.
            one, other = (each.fill_null(np.nan).to_numpy().view(np.int32) for each in (one, other))
            differing = np.flatnonzero(one != other)
        else:
            differing = np.flatnonzero(one.to_numpy() != other.to_numpy())
        if len(differing):
            at = int(differing[0])
            return (
                f"column {name} at ts_recv {kept['ts_recv'][at]}: {kept[name][at]}, the engine gives "
                f"{fresh[name][at]}"
            )
    return None


@dataclass(frozen=True)
class Report:
    """What a verification came to."""

    files: int
    labels: int
    """Of `files`."""
    not_built: int
    """Files of features that are not there."""
    stretches: int
    rows: int
    reference_rows: int | None
    """None: no reference here."""
    findings: tuple[Finding, ...]

    @property
    def summary(self) -> str:
        """The last line."""
        by_reference = (
            "no reference beside an installed package"
            if self.reference_rows is None
            else f"{self.reference_rows} of them by the reference"
        )
        if not self.files:
            return (
                f"nothing to verify: none of the {self.not_built:,} files of these settings is built; "
                "`atc features build` with the same settings makes them"
            )
        verdict = f"{len(self.findings)} findings" if self.findings else "clean"
        of_labels = f" ({self.labels:,} of labels)" if self.labels else ""
        missing = f"; {self.not_built:,} files are not built yet" if self.not_built else ""
        return (
            f"{verdict}: {self.files:,} files{of_labels} read, {self.rows:,} rows of {self.stretches} "
            f"stretches computed again, {by_reference}{missing}"
        )


def verified(
    source: Source,
    expected: Mapping[Path, date],
    *,
    stretches: int,
    rows: int,
    seed: int,
    progress: Progress,
    label: LabelSpec | None = None,
) -> Report:
    """Checks those of the `expected` files (with their days) that are there, and their labels (None: no
    labels).
    """
    from atc.features import label_check, reference_check

    there = set(expected)
    facts = source.data
    files = [
        file for file in cached_files(source.cache_root, facts.venue, facts.symbol) if file.path in there
    ]
    findings: list[Finding] = []
    with progress.bar("files", len(files), "files") as bar:
        for finding in check_files(files):
            findings += [finding] if finding else []
            bar.advance()
    findings += check_rows_agree(files)
    wrong = {finding.path for finding in findings}
    by_day: dict[date, dict[str, Path]] = {}
    for file in files:
        if file.path not in wrong:
            by_day.setdefault(file.day, {})[file.schema] = file.path
    # The engine wants the order of its list; folders have that of the alphabet.
    in_order = [schema.name for schema in schemas()]
    by_day = {day: {name: of[name] for name in in_order if name in of} for day, of in by_day.items()}
    labels = {} if label is None else label_check.label_files(source, by_day, label)
    of_labels = len(labels)
    for finding in check_files([*labels.values()]):
        findings += [finding] if finding else []
    wrong = {finding.path for finding in findings}
    labels = {day: file for day, file in labels.items() if file.path not in wrong}
    for day, labelled in labels.items():
        beside = label_check.check_rows(next(iter(by_day[day].values())), labelled.path)
        findings += [beside] if beside else []
    rng = random.Random(seed)
    chosen = list(random_stretches(by_day, stretches, rng))
    again = by_reference = 0
    has_reference = reference_check.is_there()
    with progress.bar("stretches", len(chosen), "stretches") as bar:
        for stretch in chosen:
            try:
                count, found = recompute(source, stretch, rng)
                again += count
                findings += found
                if has_reference and rows and not found:
                    count, found = reference_check.check_against_reference(source, stretch, rows, rng)
                    by_reference += count
                    findings += found
                if stretch.day in labels:
                    path = labels[stretch.day].path
                    wrong_label = label_check.recompute_labels(source, stretch, path, rng)
                    findings += [wrong_label] if wrong_label else []
            except DataError as why:
                # What was built from these events before they were damaged is right as it is.
                kept = next(iter(stretch.files.values()))
                findings.append(Finding(kept, f"cannot be computed again: {why}", removable=False))
            bar.advance()
    return Report(
        files=len(files) + of_labels,
        labels=of_labels,
        not_built=len(there) - len(files),
        stretches=len(chosen),
        rows=again,
        reference_rows=by_reference if has_reference else None,
        findings=tuple(dict.fromkeys(findings)),
    )
