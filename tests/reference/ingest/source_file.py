"""Source files of any length: lines, CSV rows and whole JSON documents, plain or gzip, with errors that say
where.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from atc.errors import DataError
from reference.ingest.message import Origin

Progress = Callable[[int], None]
"""Takes the number of (compressed) bytes read since the last call."""


def no_progress(_: int) -> None:
    """For callers that show none."""


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes. Raises DataError if it is missing."""
    check_exists(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_exists(path: Path) -> None:
    """Raises DataError, naming what lies beside it, if `path` is no file."""
    if path.is_file():
        return
    found = "a folder" if path.is_dir() else "nothing"
    near = [p.name for p in sorted(path.parent.glob(path.name[:4] + "*"))[:5]] if path.parent.is_dir() else []
    beside = f"; its folder has {', '.join(near)}" if near else ""
    raise DataError(f"{path}: expected a file, found {found}{beside}")


def read_lines(path: Path, progress: Progress = no_progress) -> Iterator[tuple[Origin, bytes]]:
    """The lines that are not blank, without their ends.

    Raises DataError for a missing or empty file, and for a truncated or damaged gzip (with the line and byte
    reached).
    """
    row = 0
    with _opened(path, lambda: f"after line {row}") as (file, raw):
        told = 0
        for row, line in enumerate(file, start=1):
            if row % 1024 == 0:
                here = raw.tell()
                progress(here - told)
                told = here
            if text := line.strip():
                yield Origin(str(path), row), text
        progress(raw.tell() - told)
    if row == 0:
        raise DataError(f"{path}: the file is empty; expected at least one line")


def read_json(path: Path, progress: Progress = no_progress) -> Any:
    """The one JSON document of a file. Raises DataError as `read_lines`, and for what is no JSON."""
    with _opened(path, lambda: "in its only document") as (file, raw):
        content = file.read()
        progress(raw.tell())
    if not content.strip():
        raise DataError(f"{path}: the file is empty; expected a JSON document")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path}: no JSON document ({error}); it may have been cut") from error


def read_csv(
    path: Path, columns: Sequence[str], progress: Progress = no_progress
) -> Iterator[tuple[Origin, list[str]]]:
    """The rows of a CSV file with a header, cells in the order of `columns`; other columns are ignored.

    Raises DataError as `read_lines`, for a missing column and for a row with another number of cells.
    """
    lines = read_lines(path, progress)
    places: list[int] = []
    width = 0
    for origin, line in lines:
        try:
            cells = next(csv.reader([line.decode()]))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path}:{origin.row}: not a CSV row ({error})") from error
        if not places:
            missing = [name for name in columns if name not in cells]
            if missing:
                raise DataError(
                    f"{path}:{origin.row}: no column {', '.join(missing)}; found {', '.join(cells)}; "
                    f"expected {', '.join(columns)}"
                )
            places, width = [cells.index(name) for name in columns], len(cells)
            continue
        if len(cells) != width:
            raise DataError(f"{path}:{origin.row}: {len(cells)} cells; expected {width}, as in the header")
        yield origin, [cells[place] for place in places]


@contextmanager
def located(origin: Origin) -> Iterator[None]:
    """Turns what a malformed message raises into a DataError that names its file and row."""
    try:
        yield
    except KeyError as error:
        raise DataError(f"{origin}: no field {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{origin}: {error}") from error


@contextmanager
def _opened(path: Path, where: Callable[[], str]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    check_exists(path)
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: IO[bytes] = gzip.GzipFile(fileobj=raw, mode="rb") if packed else raw  # type: ignore[assignment]
        try:
            yield file, raw
        except EOFError as error:
            raise DataError(
                f"{path}: the gzip ends {where()}, byte {raw.tell()}, before its end mark; it was cut: "
                "fetch it again"
            ) from error
        except (zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path}: damaged gzip {where()}, byte {raw.tell()} ({error}); fetch it again"
            ) from error
