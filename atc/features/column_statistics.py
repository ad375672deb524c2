"""What the values of a cached column look like, for the manifest of its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class ColumnStatistics:
    """Of one column in one file; from `min` on None where every value is null."""

    nulls: int
    distinct: int
    """How many values differ."""
    min: float | None
    max: float | None
    mean: float | None
    """To nine digits, so that it does not depend on the order of a sum."""
    quantiles: tuple[float, ...] | None
    """Nearest-rank values at `QUANTILES`."""

    def to_json(self) -> dict[str, Any]:
        """As the footer holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ColumnStatistics:
        """The inverse of `to_json`. Raises KeyError or TypeError for other content."""
        quantiles = content["quantiles"]
        return cls(**{**content, "quantiles": None if quantiles is None else tuple(quantiles)})


def column_statistics(column: pa.Array | pa.ChunkedArray) -> ColumnStatistics:
    """Statistics of a floating-point column."""
    import numpy as np

    # Nulls of a cached column are NaN to NumPy, and sort to the end.
    values = np.sort(column.to_numpy() if column.null_count == 0 else column.drop_null().to_numpy())
    if not len(values):
        return ColumnStatistics(column.null_count, 0, None, None, None, None)
    places = [max(0, -(-round(q * 100) * len(values) // 100) - 1) for q in QUANTILES]
    return ColumnStatistics(
        nulls=column.null_count,
        distinct=int(np.count_nonzero(values[1:] != values[:-1])) + 1,
        min=float(values[0]),
        max=float(values[-1]),
        mean=float(f"{np.mean(values, dtype=np.float64):.9g}"),
        quantiles=tuple(values[places].tolist()),
    )
