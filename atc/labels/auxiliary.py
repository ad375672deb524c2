"""What auxiliary heads are trained on: the direction, or the run's label, of further horizons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.config.auxiliary import Auxiliary
from atc.config.labels import Label
from atc.labels.definitions import DOWN_UP, FittedLabel, Vector, fit_label_to
from atc.protocol.auxiliary import AuxiliaryLabels
from atc.protocol.row_runs import Rows, places_of


def auxiliary_labels(  # noqa: PLR0917  # all of them are different things
    asked: Auxiliary,
    label: Label,
    heads: tuple[str, ...],
    r_bps: Vector,
    t1: NDArray[np.int64],
    spread_bps: Vector | None,
    train: Rows,
) -> AuxiliaryLabels:
    """Codes of the returns `r_bps` (n, m) over [t0, `t1`] (n, m) of the auxiliary `heads`.

    Constants of the run's `label` are fitted to each head's returns and to `spread_bps` (n,) at the positions
    `train`, no others. Raises DataError where there is nothing to fit to.
    """
    if asked.target == "direction":
        each = [FittedLabel(DOWN_UP, (head,), (0.0,), unchanged=None) for head in heads]
    else:
        some = places_of(train)
        each = [fit_label_to(label, r_bps[:, number], spread_bps, some) for number in range(len(heads))]
    codes = [one.codes(r_bps[:, number], spread_bps) for number, one in enumerate(each)]
    return AuxiliaryLabels(
        heads=heads,
        classes=each[0].classes,
        y=np.column_stack(codes),
        r_bps=r_bps,
        t1=t1,
        loss_weight=asked.weight,
    )
