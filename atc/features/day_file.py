"""A cached file: packing, the manifest in its footer, and the order of steps that makes it whole or
absent.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.events.commit import sync_folder
from atc.features.column_statistics import ColumnStatistics, column_statistics
from atc.features.day_job import Inputs, key_of
from atc.tracking.durable import is_abandoned, own_part

if TYPE_CHECKING:
    import pyarrow as pa

FOOTER = b"atc.manifest"
ENDING = ".parquet"
_FEW, _MANY = 0.15, 0.87
"""Shares of distinct values below and above which a column is packed differently."""


class Damaged(Exception):
    """A file that is no whole cached file; the text says why."""


@dataclass(frozen=True)
class FileManifest:
    """What a cached file says of itself."""

    venue: str
    symbol: str
    day: date
    inputs: Inputs
    rows: int
    row_digest: str
    """SHA-256 over the keys of the rows; equal in all files of the day."""
    columns: dict[str, ColumnStatistics]

    @property
    def schema(self) -> str:
        """The feature schema, or `labels`."""
        return str(self.inputs["schema"])

    @property
    def version(self) -> int:
        """Of the schema."""
        return int(self.inputs["version"])

    def to_json(self) -> dict[str, Any]:
        """As the footer holds it."""
        return {
            "venue": self.venue,
            "symbol": self.symbol,
            "date": self.day.isoformat(),
            "inputs": dict(self.inputs),
            "rows": self.rows,
            "row_digest": self.row_digest,
            "columns": {name: found.to_json() for name, found in self.columns.items()},
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FileManifest:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for other content."""
        return cls(
            venue=content["venue"],
            symbol=content["symbol"],
            day=date.fromisoformat(content["date"]),
            inputs=content["inputs"],
            rows=content["rows"],
            row_digest=content["row_digest"],
            columns={name: ColumnStatistics.from_json(each) for name, each in content["columns"].items()},
        )


def manifest_of(
    table: pa.Table, place: tuple[str, str, date], inputs: Inputs, keys: Sequence[str]
) -> FileManifest:
    """The manifest of a table whose rows are known by `keys`; `place`: venue, symbol, business day."""
    venue, symbol, day = place
    return FileManifest(
        venue=venue,
        symbol=symbol,
        day=day,
        inputs=inputs,
        rows=table.num_rows,
        row_digest=row_digest(table, keys),
        columns={name: column_statistics(table[name]) for name in table.schema.names if name not in keys},
    )


def row_digest(table: pa.Table, keys: Sequence[str]) -> str:
    """SHA-256 over the columns `keys`, which hold no nulls."""
    whole = hashlib.sha256()
    for name in keys:
        whole.update(table[name].to_numpy().tobytes())
    return whole.hexdigest()


def packed(table: pa.Table, manifest: FileManifest) -> bytes:
    """The table as one Parquet row group with the manifest in the footer; nothing is lost.

    Keys are written as differences. A column of few values has a dictionary; one of many, which hardly ever
    come again, is written byte by byte apart, so that zstd finds the exponents together; what lies between is
    written plainly, so that zstd finds the values that come again (docs/cache.md has the figures).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    encodings: dict[str, str] = {}
    few = []
    for name in table.schema.names:
        statistics = manifest.columns.get(name)
        share = statistics.distinct / max(1, table.num_rows) if statistics else None
        if share is None:
            encodings[name] = "DELTA_BINARY_PACKED"
        elif share < _FEW:
            few.append(name)
        else:
            encodings[name] = "BYTE_STREAM_SPLIT" if share > _MANY else "PLAIN"
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=few,
        column_encoding=encodings,
        write_statistics=["ts_recv"] if "ts_recv" in table.schema.names else False,
        write_page_checksum=True,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=max(1, table.num_rows))
        writer.add_key_value_metadata({FOOTER: json.dumps(manifest.to_json()).encode()})
    return bytes(sink.getvalue())


def read_footer(file: Path) -> FileManifest:
    """The manifest of a cached file. Raises FileNotFoundError, and Damaged for a file that is not whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(file)
        manifest = FileManifest.from_json(json.loads((metadata.metadata or {})[FOOTER]))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as why:
        raise Damaged(f"not readable as Parquet ({why})") from why
    except (ValueError, KeyError, TypeError) as why:
        raise Damaged(f"no manifest in its footer ({why!r})") from why
    if manifest.rows != metadata.num_rows:
        raise Damaged(f"{metadata.num_rows} rows; its manifest says {manifest.rows}")
    if key_of(manifest.inputs) != file.stem:
        raise Damaged(f"its manifest has the key {key_of(manifest.inputs)}")
    return manifest


def read_table(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The columns of a cached file, or all, page by page against their checksums. Raises FileNotFoundError,
    and Damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not `pq.read_table`, which imports pyarrow.dataset and, where it is installed, pandas.
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            if columns is None:
                return opened.read()
            return opened.read(list(columns)).select(list(columns))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError) as why:
        raise Damaged(f"not readable ({why})") from why


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where it went meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def not_to_be_used(file: Path, why: Exception) -> str:
    """What is said of a cached file that turns out to be damaged or gone where its values are needed."""
    reason = "it was removed meanwhile" if isinstance(why, FileNotFoundError) else str(why)
    return (
        f"{file}: {reason}; `atc features verify --remove` removes damaged files, and what is missing is "
        "built again by the next run"
    )


def write_whole(file: Path, content: bytes) -> None:
    """Writes `content` under a temporary name, makes it durable and renames it. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = own_part(file.parent, file.stem)
    try:
        with part.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(file.parent)


def sweep_parts(folder: Path) -> list[Path]:
    """Removes what killed processes of this machine left half written; says what."""
    swept = []
    for part in folder.glob(".*.part"):
        if is_abandoned(part):
            part.unlink(missing_ok=True)
            swept.append(part)
    return swept
