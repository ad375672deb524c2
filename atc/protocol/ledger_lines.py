"""The lines of a holdout ledger, and whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from atc.errors import DataError
from atc.protocol.window import Span


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    previous: str
    at: str


Kind = Literal["look", "judged"]
"""`look`: at a run's own holdout. `judged`: time that a run's window calls training, on which its validation
or folds judged.
"""


class Look(_Line):
    """A line of the ledger: a look at a stretch of time, a holdout's or one that became or becomes it."""

    kind: Kind
    reason: str
    """What was asked of it."""
    run_id: str
    name: str
    config_digest: str
    data_digest: str
    commit: str | None
    dirty: bool | None
    user: str | None
    host: str | None
    venue: str
    symbol: str
    from_ns: int
    to_ns: int
    holdout_digest: str

    @property
    def span(self) -> Span:
        """The time that was looked at, its end excluded."""
        return self.from_ns, self.to_ns


class Mend(_Line):
    """The first line of a ledger that stands in for a damaged one; its readable looks follow."""

    kind: Literal["mend"]
    reason: str
    damaged: str
    """Name of the damaged file, which is kept."""
    damaged_digest: str


_LINE: TypeAdapter[Look | Mend] = TypeAdapter(Annotated[Look | Mend, Field(discriminator="kind")])


def verified(path: Path, content: bytes) -> list[Look | Mend]:
    """The lines of a ledger. Raises DataError that names the first one that is not as it was written."""
    lines: list[Look | Mend] = []
    expected = sha256(path.name.encode())
    raw = content.split(b"\n")
    for number, text in enumerate(raw[:-1], start=1):
        line = _parsed(text)
        if isinstance(line, str):
            raise _damaged(path, number, line)
        if line.previous != expected:
            what = "the file's name" if number == 1 else "the line before it"
            raise _damaged(path, number, f"carries another digest of {what}: lines were changed or removed")
        lines.append(line)
        expected = sha256(text)
    if raw[-1]:
        raise _damaged(path, len(raw), "was cut short while it was written")
    return lines


def readable(content: bytes) -> list[Look]:
    """The looks of a damaged ledger that can still be read."""
    parsed = [_parsed(text) for text in content.split(b"\n")]
    return [line for line in parsed if isinstance(line, Look)]


def _parsed(text: bytes) -> Look | Mend | str:
    """A line, or what is wrong with it."""
    try:
        line = _LINE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    return line if bytes_of(line) == text else "is not written as a ledger writes it"


def _damaged(path: Path, number: int, what: str) -> DataError:
    return DataError(
        f"{path}, line {number} {what}. The ledger is damaged, so no holdout that it guards is looked at: "
        f'put a copy of it back, or run `atc holdout mend {path} --because "…"`, which keeps the damaged '
        "file and every look that can still be read"
    )


def bytes_of(line: BaseModel) -> bytes:
    """A line as the file has it, without its end."""
    return json.dumps(line.model_dump(), sort_keys=True, separators=(",", ":")).encode()


def sha256(content: bytes) -> str:
    """The digest, hex."""
    return hashlib.sha256(content).hexdigest()
