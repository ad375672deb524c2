"""How far a correlation lies from 0 where neighbouring labels overlap (Newey and West 1987)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def correlation_t(x: Vector, y: Vector, at_ns: NDArray[np.int64], bandwidth_ns: int) -> float | None:
    """t of the slope of `y` on `x` (n,), both standardised: their correlation over its HAC standard error.

    With u, v the standardised values, ρ their correlation and ψ = u·(v − ρu),

        se² = 1/n² Σᵢ Σⱼ max(0, 1 − |tᵢ − tⱼ|/`bandwidth_ns`) ψᵢ ψⱼ,

    Bartlett's kernel in time, not in rows: rows come when the market trades. The kernel is positive definite,
    so se² is never negative. On rows of even spacing δ it is what regression packages give for
    `bandwidth_ns`/δ − 1 lags. None where either is constant or the residuals are nothing but rounding.
    """
    n = len(x)
    u, v = _standardised(x), _standardised(y)
    if u is None or v is None:
        return None
    rho = float(np.mean(u * v))
    error = np.sqrt(max(bartlett_sum(u * (v - rho * u), at_ns, bandwidth_ns), 0.0)) / n
    return float(rho / error) if error > 1e-12 else None


def bartlett_sum(psi: Vector, at_ns: NDArray[np.int64], bandwidth_ns: int) -> float:
    """Σᵢ Σⱼ max(0, 1 − |tᵢ − tⱼ|/`bandwidth_ns`) ψᵢ ψⱼ of `psi` (n,) at `at_ns` (n,). O(n log n)."""
    if bandwidth_ns <= 0:
        raise ValueError(f"a bandwidth of {bandwidth_ns} ns: more than 0 was expected")
    order = np.argsort(at_ns, kind="stable")
    psi, at = psi[order], at_ns[order]
    # In bandwidths from the start; differences of running sums give the sums of each row's window.
    time = (at - at[0]) / bandwidth_ns if len(at) else np.zeros(0)
    upto = np.concatenate([[0.0], np.cumsum(psi)])
    moment = np.concatenate([[0.0], np.cumsum(time * psi)])
    first = np.searchsorted(at, at - bandwidth_ns, side="right")
    row = np.arange(len(psi))
    before = (1.0 - time) * (upto[row] - upto[first]) + (moment[row] - moment[first])
    return float(np.sum(psi * psi) + 2.0 * np.sum(psi * before))


def _standardised(values: Vector) -> Vector | None:
    if len(values) == 0:
        return None
    centred = values - values.mean()
    spread = float(np.sqrt(np.mean(centred * centred)))
    # A constant less its mean leaves nothing but rounding.
    return centred / spread if spread > 1e-12 * float(np.max(np.abs(values))) else None
