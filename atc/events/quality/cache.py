"""The quality of days, measured once and kept.

A day's quality is a function of its events, of what is known of its neighbours, of the yardsticks and
of the code; the name of a file is the digest of just that, so an entry is never stale. Files are renamed into
place.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from atc.events.quality.day import DayQuality, Stream, measure_days
from atc.events.quality.document import VERSION, day_document, day_from_document
from atc.tracking.durable import own_part

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """The quality of some days, in order, and how many of them were there already."""

    days: tuple[DayQuality, ...]
    cached: int


def cached_quality(
    stream: Stream, days: Sequence[date], cache_root: Path, progress: Callable[[int], Any] | None = None
) -> Found:
    """The quality of `days`, measured where it is not in the cache. Places of findings are not kept."""
    files = {day: _file(stream, day, cache_root) for day in days}
    known = {day: found for day, file in files.items() if (found := _read(file)) is not None}
    if progress is not None:
        progress(len(known))
    missing = [day for day in days if day not in known]
    for quality in measure_days(stream, missing, progress=progress):
        _write(files[quality.date], quality)
        known[quality.date] = quality
    return Found(tuple(known[day] for day in days), len(days) - len(missing))


def _file(stream: Stream, day: date, cache_root: Path) -> Path:
    facts = stream.facts
    key = {
        "code": _code_digest(),
        "version": VERSION,
        "events": stream.catalog.content_digest(facts.venue, facts.symbol, [day]),
        "ingest": stream.ingest(day),
        "around": asdict(stream.neighbourhood(day)),
        "yardsticks": asdict(stream.yardsticks),
        "recorded_depth": facts.recorded_depth,
        "largest_order": str(facts.largest_order),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = cache_root / "quality" / f"venue={facts.venue}" / f"symbol={facts.symbol}"
    return folder / f"date={day.isoformat()}" / f"{digest[:24]}.json"


@cache
def _code_digest() -> str:
    """Digest of the code that lies between the events and a figure."""
    from atc import _rust
    from atc.events import reader, validate

    whole = hashlib.sha256(_rust.QUALITY_DIGEST.encode())
    sources = [Path(reader.__file__), Path(validate.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    for path in sources:
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _read(file: Path) -> DayQuality | None:
    try:
        return day_from_document(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as why:
        _log.warning("%s is damaged (%r) and is measured again", file, why)
        return None


def _write(file: Path, quality: DayQuality) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = own_part(file.parent, file.name)
    try:
        part.write_text(json.dumps(day_document(quality)), encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
