"""How far a correlation lies from 0 where neighbouring labels overlap (Newey and West 1987)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class BartlettKernel:
    """Bartlett's weights max(0, 1 − |tᵢ − tⱼ|/bandwidth) of rows at times t: laid out once."""

    order: NDArray[np.int64] | None
    """(n,) the rows in order of time; None: they are."""
    time: Vector
    """(n,) in bandwidths from the start, in that order."""
    first: NDArray[np.int64]
    """(n,) in that order the first row that has weight with each, up to itself."""

    @classmethod
    def of(cls, at_ns: NDArray[np.int64], bandwidth_ns: int) -> BartlettKernel:
        """Of rows at `at_ns` (n,)."""
        if bandwidth_ns <= 0:
            raise ValueError(f"a bandwidth of {bandwidth_ns} ns: more than 0 was expected")
        order = None if bool(np.all(at_ns[1:] >= at_ns[:-1])) else np.argsort(at_ns, kind="stable")
        at = at_ns if order is None else at_ns[order]
        time = (at - at[0]) / bandwidth_ns if len(at) else np.zeros(0)
        return cls(order, time, np.searchsorted(at, at - bandwidth_ns, side="right"))

    def sum(self, psi: Vector) -> float:
        """Σᵢ Σⱼ max(0, 1 − |tᵢ − tⱼ|/bandwidth) ψᵢ ψⱼ of `psi` (n,). O(n)."""
        psi = psi if self.order is None else psi[self.order]
        # Differences of running sums give the sums of each row's window.
        upto = np.concatenate([[0.0], np.cumsum(psi)])
        moment = np.concatenate([[0.0], np.cumsum(self.time * psi)])
        before = (1.0 - self.time) * (upto[:-1] - upto[self.first])
        before += moment[:-1] - moment[self.first]
        return float(np.sum(psi * psi) + 2.0 * np.sum(psi * before))


def correlation_t(x: Vector, y: Vector, kernel: Callable[[], BartlettKernel]) -> float | None:
    """t of the slope of `y` on `x` (n,), both standardised: their correlation over its HAC standard error.

    With u, v the standardised values, ρ their correlation and ψ = u·(v − ρu),

        se² = 1/n² Σᵢ Σⱼ max(0, 1 − |tᵢ − tⱼ|/bandwidth) ψᵢ ψⱼ,

    Bartlett's `kernel` in time, not in rows: rows come when the market trades. It is positive definite, so
    se² is never negative. On rows of even spacing δ it is what regression packages give for bandwidth/δ − 1
    lags. None where either is constant or the residuals are nothing but rounding; `kernel` is not asked for
    then.
    """
    n = len(x)
    u, v = _standardised(x), _standardised(y)
    if u is None or v is None:
        return None
    rho = float(np.mean(u * v))
    error = np.sqrt(max(kernel().sum(u * (v - rho * u)), 0.0)) / n
    return float(rho / error) if error > 1e-12 else None


def _standardised(values: Vector) -> Vector | None:
    if len(values) == 0:
        return None
    centred = values - values.mean()
    spread = float(np.sqrt(np.mean(centred * centred)))
    # A constant less its mean leaves nothing but rounding.
    return centred / spread if spread > 1e-12 * float(np.max(np.abs(values))) else None
