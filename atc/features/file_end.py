"""How a file that runs map ends: with what it says of itself, a checksum of that, and a mark that it is
whole.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from atc.features.day_file import Damaged

_END = struct.Struct("<QI12s")
"""Bytes of the manifest, its CRC-32, and the mark."""


def packed_end(content: Mapping[str, Any], mark: bytes) -> bytes:
    """The last bytes of a file of this `mark` (12 bytes) that says `content` of itself."""
    manifest = json.dumps(content).encode()
    return manifest + _END.pack(len(manifest), zlib.crc32(manifest), mark)


def read_end(file: IO[bytes], mark: bytes) -> tuple[dict[str, Any], int]:
    """What `file` says of itself, and how many bytes stand before that. Raises ValueError, struct.error or
    OSError for a file that is not whole.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size))
    length, checksum, found = _END.unpack(file.read())
    if found != mark:
        raise ValueError("its end is missing")
    before = size - _END.size - length
    file.seek(before)
    manifest = file.read(length)
    if zlib.crc32(manifest) != checksum:
        raise ValueError("its manifest is not what was written")
    content: dict[str, Any] = json.loads(manifest)
    return content, before


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file at `path`, to be read. Raises FileNotFoundError, and Damaged for whatever the body finds that
    is not whole.
    """
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, struct.error) as why:
        raise Damaged(f"not whole ({why})") from why
