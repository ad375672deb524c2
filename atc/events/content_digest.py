"""A digest of what a table says, whatever its chunks, row groups, encodings or compression."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


class ContentDigest:
    """Hashes column by column, fed in chunks: the digest does not depend on where they were cut.

    Values are hashed as little-endian bytes; a null counts as 0 (or "") plus a mark in the column's validity
    bytes, so whatever lies under a null does not matter.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows = 0
        self._hashes: list[dict[str, Any]] = [
            {part: hashlib.sha256() for part in ("valid", "size", "value")} for _ in schema
        ]

    def update(self, table: pa.Table) -> None:
        """Adds rows of the schema."""
        import numpy as np
        import pyarrow as pa

        self._rows += table.num_rows
        for column, hashes in zip(table.columns, self._hashes, strict=True):
            for chunk in column.chunks:
                if chunk.null_count:
                    hashes["valid"].update(np.asarray(chunk.is_valid(), dtype=np.uint8).tobytes())
                    chunk = chunk.fill_null("" if pa.types.is_string(chunk.type) else 0)  # noqa: PLW2901
                else:
                    hashes["valid"].update(b"\x01" * len(chunk))
                if pa.types.is_string(chunk.type):
                    ends, text = _texts(chunk)
                    hashes["size"].update(np.diff(ends).astype("<u4").tobytes())
                    hashes["value"].update(text[int(ends[0]) : int(ends[-1])])
                else:
                    values = chunk.to_numpy(zero_copy_only=False)
                    hashes["value"].update(
                        values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
                    )

    def hexdigest(self) -> str:
        """SHA-256 over names, types, row count and the hashes of all columns."""
        whole = hashlib.sha256(f"{self._rows}\n".encode())
        for field, hashes in zip(self._schema, self._hashes, strict=True):
            whole.update(f"{field.name}:{field.type}:{field.nullable}\n".encode())
            for part in ("valid", "size", "value"):
                whole.update(hashes[part].digest())
        return whole.hexdigest()


def _texts(chunk: pa.StringArray) -> tuple[npt.NDArray[np.int32], memoryview]:
    """Where the texts of a chunk begin, with the end of the last one, in their bytes. No text is null."""
    import numpy as np

    _, offsets, text = chunk.buffers()
    if offsets is None:
        return np.zeros(1, np.int32), memoryview(b"")
    ends = np.frombuffer(offsets, "<i4", len(chunk) + 1, 4 * chunk.offset)
    return ends, memoryview(text if text is not None else b"")
