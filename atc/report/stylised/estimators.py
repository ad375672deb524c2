"""Estimators of stylised facts: plain functions of arrays, NaN where a value is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atc.report.stylised.measured import PowerLaw

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


def log_lags(longest: int, per_decade: int = 8) -> Ints:
    """Whole lags from 1 to `longest`, evenly spread in their logarithm."""
    count = max(2, round(per_decade * np.log10(max(longest, 10))) + 1)
    return np.unique(np.geomspace(1, max(longest, 1), count).round().astype(np.int64))


def autocorrelation(x: Floats, lags: Ints) -> tuple[Floats, Floats]:
    """ρ(k) = Σ y_t y_{t+k} / N_k ÷ (Σ y² / N) with y = x − mean, over the pairs where both are known; and the
    standard error of each under no correlation, √(Σ y_t² y_{t+k}²) / Σ_k y², which holds for changing
    variance too (Lo & MacKinlay 1988, The Review of Financial Studies 1, eq. 19). NaN without pairs.
    """
    y = x - np.nanmean(x) if np.isfinite(x).any() else x
    variance = float(np.nanmean(y**2)) if np.isfinite(y).any() else np.nan
    rho, error = np.full(len(lags), np.nan), np.full(len(lags), np.nan)
    for number, lag in enumerate(lags):
        product = y[: len(y) - lag] * y[lag:] if lag < len(y) else y[:0]
        product = product[np.isfinite(product)]
        if len(product) and variance > 0:
            rho[number] = product.mean() / variance
            error[number] = np.sqrt((product**2).sum()) / (len(product) * variance)
    return rho, error


def summed(x: Floats, count: int) -> Floats:
    """Overlapping sums of `count` neighbours; NaN where one of them is."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(x))])
    unknown = np.concatenate([[0], np.cumsum(~np.isfinite(x))])
    sums = total[count:] - total[:-count]
    known: npt.NDArray[np.bool_] = unknown[count:] == unknown[:-count]
    return np.where(known, sums, np.nan)


def blocks(x: Floats, count: int) -> Floats:
    """Sums of consecutive blocks of `count`; NaN where one is; what is left over at the end is dropped."""
    whole = len(x) // count * count
    sums: Floats = x[:whole].reshape(-1, count).sum(axis=1)
    return sums


def excess_kurtosis(x: Floats) -> float:
    """m₄ / m₂² − 3 of the known values, 0 for a normal distribution."""
    y = x[np.isfinite(x)]
    y = y - y.mean() if len(y) else y
    variance = float((y**2).mean()) if len(y) else 0.0
    return float((y**4).mean() / variance**2 - 3) if variance > 0 else np.nan


def hill(values: Floats, counts: Ints, share: float, least: int = 50) -> float:
    """Tail exponent α of P(X > x) ~ x^−α: 1 / mean ln(x_i / x_k) over the k largest (Hill 1975).

    `counts` tells how often each of `values` occurs; k is `share` of all. NaN with fewer than `least` in the
    tail.
    """
    order = np.argsort(values)[::-1]
    x, n = values[order], counts[order]
    k = int(share * n.sum())
    if k < least:
        return np.nan
    reached = int(np.searchsorted(np.cumsum(n), k))
    threshold = x[reached]
    above = x > threshold
    excess = float((n[above] * np.log(x[above] / threshold)).sum()) if threshold > 0 else 0.0
    return float(n[above].sum() / excess) if excess > 0 else np.nan


def power_law(lags: Floats, correlation: Floats, floor: Floats | float, least: int = 5) -> PowerLaw | None:
    """c k^−γ by least squares in logarithms; None where fewer than `least` lags stand out.

    Lags from the first one on whose correlation is not above `floor` are noise and left out.
    """
    good = np.isfinite(correlation) & (correlation > np.maximum(floor, 0))
    if not good.all():
        good[int(np.argmin(good)) :] = False
    if good.sum() < least:
        return None
    slope, intercept = np.polyfit(np.log(lags[good]), np.log(correlation[good]), 1)
    return PowerLaw(float(-slope), float(np.exp(intercept)))


def sign_products(sign: Floats, lags: Ints) -> tuple[Floats, Floats]:
    """Σ ε_i ε_{i+k} and the number of pairs of each lag, by fast Fourier transform."""
    size = 1 << int(np.ceil(np.log2(2 * max(len(sign), 1) + 1)))
    spectrum = np.fft.rfft(sign, size)
    products = np.fft.irfft(spectrum * np.conj(spectrum), size)
    inside = lags < len(sign)
    return np.where(inside, products[np.minimum(lags, size - 1)], 0.0), np.maximum(
        len(sign) - lags, 0
    ).astype(np.float64)
