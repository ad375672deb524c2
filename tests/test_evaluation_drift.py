"""PSI of an input, its error, and what it would be without drift."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from atc.evaluation.drift import STRETCHES, stability


def slow(rng: np.random.Generator, n: int, hold: int) -> NDArray[np.float64]:
    """(n,) of a standard normal that keeps its value for `hold` rows, with a little noise."""
    return np.repeat(rng.standard_normal(-(-n // hold)), hold)[:n] + 0.1 * rng.standard_normal(n)


def test_the_index_is_its_formula() -> None:
    train, holdout = np.repeat([0.0, 1.0], [600, 400]), np.repeat([0.0, 1.0], [300, 700])
    # Bins: up to 0, up to 1, above; nulls. Halves are added to all of them, the empty ones tell nothing.
    p, q = np.array([600.5, 400.5]) / 1002, np.array([300.5, 700.5]) / 1002
    assert stability(train, holdout).psi == pytest.approx(float(np.sum((p - q) * np.log(p / q))), rel=1e-12)


def test_the_same_distribution_is_mostly_below_what_chance_makes() -> None:
    """Also where rows hang together, for which the error of independent rows would be far too small."""
    rng = np.random.default_rng(3)
    for hold in (1, 50):
        found = [stability(slow(rng, 4_000, hold), slow(rng, 3_000, hold)) for _ in range(200)]
        above = np.mean([one.psi > (one.chance or 0.0) for one in found])
        assert 0.01 <= above <= 0.12, hold
    independent = 9 * (1 / 4_000 + 1 / 3_000)
    assert np.mean([one.psi for one in found]) > 10 * independent


def test_the_error_is_that_of_repeated_draws() -> None:
    rng = np.random.default_rng(4)
    found = [stability(slow(rng, 6_000, 20), slow(rng, 6_000, 20) + 1.0) for _ in range(150)]
    spread = np.std([one.psi for one in found])
    assert np.mean([one.se or 0.0 for one in found]) == pytest.approx(spread, rel=0.25)


def test_a_shift_is_told() -> None:
    rng = np.random.default_rng(5)
    found = stability(rng.standard_normal(5_000), rng.standard_normal(5_000) + 0.5)
    assert found.chance is not None
    assert found.psi > 5 * found.chance
    assert found.psi == pytest.approx(0.25, abs=0.06)  # of normals: the shift squared


def test_nulls_are_a_bin_of_their_own_and_a_constant_does_not_drift() -> None:
    rng = np.random.default_rng(6)
    known = rng.standard_normal(2_000)
    gone = np.where(rng.random(2_000) < 0.3, np.nan, known)
    assert stability(known, gone).psi > 0.5
    all_null = np.full(2_000, np.nan)
    assert stability(all_null, all_null).psi == 0.0
    same = stability(np.ones(2_000), np.ones(1_000))
    assert (same.psi, same.se, same.chance) == (
        pytest.approx(0.0, abs=1e-6),
        pytest.approx(0.0, abs=1e-3),
        0.0,
    )


def test_few_rows_have_no_error() -> None:
    few = np.arange(STRETCHES - 1.0)
    found = stability(few, np.arange(100.0))
    assert (found.se, found.chance) == (None, None)
    assert np.isfinite(found.psi)
