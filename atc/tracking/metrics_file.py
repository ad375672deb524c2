"""metrics.json: one flat object of numbers and nulls, the same bytes for the same numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path

from atc.errors import DataError


def plain_metrics(metrics: Mapping[str, object]) -> dict[str, int | float | None]:
    """`metrics` sorted by key, as plain ints, floats and nulls; verdicts (bools) become 1 and 0.

    Raises DataError that names the key for a value that is not a number, or not finite: an undefined figure
    is null by decision of who computes it, never by accident of arithmetic.
    """
    plain: dict[str, int | float | None] = {}
    for key in sorted(metrics):
        if not key or key != "".join(key.split()):
            raise DataError(
                f"metric name {key!r}: a name without spaces such as 'holdout/auc/lo' was expected"
            )
        value = metrics[key]
        if value is None:
            plain[key] = None
        elif isinstance(value, Integral) or type(value).__name__ in {"bool", "bool_"}:
            plain[key] = int(value)  # type: ignore[call-overload]  # numpy's bool is no Integral
        elif isinstance(value, Real):
            number = float(value)
            if not math.isfinite(number):
                raise DataError(
                    f"metric {key!r} is {number}: a finite number or an explicit null was expected"
                )
            plain[key] = number
        else:
            raise DataError(
                f"metric {key!r} is a {type(value).__name__} ({value!r:.60}): a number or null was expected"
            )
    return plain


def metrics_bytes(metrics: Mapping[str, object]) -> bytes:
    """The content of metrics.json: sorted keys, a line each, floats in their shortest exact form."""
    return (json.dumps(plain_metrics(metrics), indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_metrics(path: Path) -> dict[str, int | float | None]:
    """The metrics of a file that `metrics_bytes` made.

    Raises DataError when it is missing, cut short, or holds anything but numbers and nulls.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except ValueError as error:
        raise DataError(f"{path} is not whole JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}: one flat object was expected")
    return plain_metrics(content)
