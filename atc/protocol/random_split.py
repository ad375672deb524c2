"""A random split: the control that shows how much it flatters (SPEC 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.config.protocol import RandomSplit
from atc.protocol.fold import Fold, require_rows
from atc.protocol.sealed_holdout import MIN_ROWS

WARNING = (
    "random_split is a control: its test rows were drawn from among the training rows, so that labels of "
    "both look at the same seconds. Its figures are what a leak is worth and no result"
)


def random_split(
    usable: NDArray[np.bool_], protocol: RandomSplit, *, seed: int, min_rows: int = MIN_ROWS
) -> Fold:
    """One fold of the `usable` rows (n,), drawn at random: no purge, no embargo, no time between."""
    rows = np.flatnonzero(usable)
    drawn = np.random.default_rng(seed).permutation(rows)
    n_test = round(len(rows) * protocol.test_fraction)
    n_valid = round((len(rows) - n_test) * protocol.valid_fraction)
    test, valid, train = (np.sort(part) for part in np.split(drawn, [n_test, n_test + n_valid]))
    fold = Fold(
        name="1",
        train=train,
        valid=valid,
        test=test,
        test_decisions=test,
        purged=0,
        embargoed=0,
        leaks=True,
    )
    require_rows(fold, min_rows)
    return fold
