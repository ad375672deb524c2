"""Each stylised fact on a series whose answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from atc.events.business_day import DAY_NS, NS_PER_S
from atc.events.schema import Flag, Kind, schema_of
from atc.report.stylised.bands import BANDS, judge
from atc.report.stylised.book_facts import Depth, Spread
from atc.report.stylised.estimators import (
    autocorrelation,
    excess_kurtosis,
    hill,
    log_lags,
    power_law,
    sign_products,
    summed,
)
from atc.report.stylised.flow_facts import Impact, InterArrival, Seasonality, SignMemory, Sizes
from atc.report.stylised.market_day import Levels, MarketDay, Quotes, TakerGroups, taker_groups
from atc.report.stylised.measured import Measured
from atc.report.stylised.panels import PANELS
from atc.report.stylised.price_facts import Signature, returns_facts
from atc.report.stylised.references import REFERENCES
from atc.report.stylised.verdicts import bands_markdown

Floats = npt.NDArray[np.float64]
START = 1_736_110_800 * NS_PER_S
HALF_SECOND = NS_PER_S // 2


def _empty() -> Measured:
    return Measured("made", is_simulated=True)


def _takers(ts: npt.NDArray[np.int64], side: object, qty: object) -> TakerGroups:
    sides = np.broadcast_to(np.asarray(side, dtype=np.int64), ts.shape)
    sizes = np.broadcast_to(np.asarray(qty, dtype=np.float64), ts.shape)
    return TakerGroups(ts, ts, sides, sizes, np.full(len(ts), 100.0))


def _day(
    *,
    mid: Floats | None = None,
    takers: TakerGroups | None = None,
    spread: float = 0.02,
    levels: Levels | None = None,
    step_ns: int = HALF_SECOND,
) -> MarketDay:
    """A day whose mid is given on a grid from its start on."""
    quotes = None
    if mid is not None:
        ts = START + step_ns * np.arange(len(mid), dtype=np.int64)
        quotes = Quotes(ts, mid - spread / 2, mid + spread / 2)
    none = _takers(np.zeros(0, dtype=np.int64), 1, 1.0)
    takers = none if takers is None else takers
    frames = 0 if mid is None else len(mid)
    return MarketDay(START, 6, frames, quotes, levels, takers, len(takers.ts))


def _ar1(rho: float, count: int, seed: int) -> Floats:
    chance = np.random.default_rng(seed)
    x = np.zeros(count)
    noise = chance.standard_normal(count)
    for step in range(1, count):
        x[step] = rho * x[step - 1] + noise[step]
    return x


def _fractional_noise(hurst: float, count: int, seed: int) -> Floats:
    """Fractional Gaussian noise of variance 1 by circulant embedding (Davies & Harte 1987)."""
    k = np.arange(count + 1, dtype=float)
    power = 2 * hurst
    rho = (np.abs(k + 1) ** power - 2 * k**power + np.abs(k - 1) ** power) / 2
    eigenvalues = np.fft.fft(np.concatenate([rho, rho[-2:0:-1]])).real
    assert eigenvalues.min() > -1e-9
    chance = np.random.default_rng(seed)
    size = len(eigenvalues)
    normal = chance.standard_normal(size) + 1j * chance.standard_normal(size)
    made: Floats = np.fft.fft(np.sqrt(np.maximum(eigenvalues, 0) / size) * normal).real[:count]
    return made


# estimators


def test_autocorrelation_of_an_autoregression() -> None:
    x = _ar1(0.6, 40_000, seed=1)
    x[::97] = np.nan
    rho, error = autocorrelation(x, np.array([1, 2, 4]))
    np.testing.assert_allclose(rho, [0.6, 0.36, 0.1296], atol=0.02)
    assert (error > 0.003).all() and (error < 0.02).all()


def test_autocorrelation_errors_hold_under_changing_variance() -> None:
    chance = np.random.default_rng(2)
    scale = np.where(np.arange(5000) % 1000 < 100, 10.0, 1.0)
    beyond = 0
    for _ in range(200):
        rho, error = autocorrelation(scale * chance.standard_normal(5000), np.array([1]))
        beyond += int(abs(rho[0]) > 1.96 * error[0])
    # 5 % are expected; with 1/√n as the error it would be above 50 %.
    assert 2 <= beyond <= 24


def test_kurtosis_of_normal_is_0_and_of_laplace_3() -> None:
    chance = np.random.default_rng(3)
    assert abs(excess_kurtosis(chance.standard_normal(200_000))) < 0.05
    assert excess_kurtosis(chance.laplace(size=400_000)) == pytest.approx(3, abs=0.2)
    assert math.isnan(excess_kurtosis(np.full(9, 2.0)))


@pytest.mark.parametrize("alpha", [1.5, 3.0])
def test_hill_finds_the_exponent_of_a_pareto_tail(alpha: float) -> None:
    x = np.random.default_rng(4).pareto(alpha, 100_000) + 1
    assert hill(x, np.ones(len(x), dtype=np.int64), 0.05) == pytest.approx(alpha, rel=0.05)
    values, counts = np.unique(np.round(x, 1), return_counts=True)
    assert hill(values, counts, 0.05) == pytest.approx(alpha, rel=0.07)
    assert math.isnan(hill(x[:100], np.ones(100, dtype=np.int64), 0.05))


def test_power_law_is_fitted_up_to_the_noise() -> None:
    lags = log_lags(1000).astype(float)
    y = 0.4 * lags**-0.55
    y[lags > 200] = -0.01
    y[-1] = 0.9
    law = power_law(lags, y, 0.005)
    assert law is not None
    assert (law.exponent, law.level) == (pytest.approx(0.55, abs=1e-4), pytest.approx(0.4, rel=1e-4))
    assert power_law(lags, np.full(len(lags), 0.001), 0.005) is None


def test_sums_overlap_and_skip_what_is_unknown() -> None:
    x = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0])
    np.testing.assert_array_equal(summed(x, 2), [3, np.nan, np.nan, 9, 11])


def test_sign_products_equal_the_plain_sums() -> None:
    sign = np.random.default_rng(5).choice([-1.0, 1.0], 50)
    lags = np.array([1, 7, 49, 60])
    products, pairs = sign_products(sign, lags)
    expected = [(sign[: 50 - lag] * sign[lag:]).sum() for lag in (1, 7, 49)] + [0]
    np.testing.assert_allclose(products, expected, atol=1e-9)
    np.testing.assert_array_equal(pairs, [49, 43, 1, 0])


# price


def _returns(days: int, seed: int) -> Floats:
    return 1e-4 * np.random.default_rng(seed).standard_normal(8640 * days)


def test_independent_normal_returns_show_nothing() -> None:
    into = _empty()
    returns_facts(_returns(5, seed=6), into)
    values = into.values
    assert abs(values["return_corr_10s"]) < 0.02
    assert values["return_corr_20min"] <= 1
    assert abs(values["kurtosis_1min"]) < 0.3
    assert values["abs_return_corr_10min"] < 1
    assert math.isnan(values["abs_return_decay"])
    assert values["return_tail_1min"] > 5


def test_a_kurtosis_that_rises_from_below_normal_is_not_said_to_fall() -> None:
    # Minutes of two values have an excess of −2, their sums one of about 0.
    chance = np.random.default_rng(12)
    minutes = chance.choice([-1.0, 1.0], 1440 * 5) * 1e-4
    returns = np.repeat(minutes / 6, 6)
    into = _empty()
    returns_facts(returns, into)
    assert into.values["kurtosis_1min"] < -1
    assert "kurtosis_falls" not in into.values


def test_trends_of_half_an_hour_are_seen() -> None:
    into = _empty()
    drift = np.repeat(np.random.default_rng(7).choice([-1.0, 1.0], 60), 360) * 0.5e-4
    returns_facts(_returns(3, seed=8)[: len(drift)] + drift, into)
    assert into.values["return_corr_20min"] > 1


def test_clustered_volatility_is_seen_and_its_decay_is_fitted() -> None:
    # Log volatility is fractional Gaussian noise whose correlation decays like k^−0.3, a value a minute.
    decays = []
    for seed in range(8):
        volatility = np.exp(0.5 * _fractional_noise(0.85, 1440 * 5, seed))
        into = _empty()
        returns_facts(np.repeat(volatility, 6) * _returns(5, seed=100 + seed), into)
        decays.append(into.values["abs_return_decay"])
        assert into.values["abs_return_corr_10min"] > 2
        assert into.values["kurtosis_1min"] > 1
        assert into.values["kurtosis_falls"] < 1
        assert 2 < into.values["return_tail_1min"] < 5
        assert into.curves["abs_return_correlation"].fit is not None
    # The sample mean of a series with memory takes some correlation away: the fit comes out above 0.3.
    expected = power_law(*_expected_decay(7200), floor=0.0)
    assert expected is not None and 0.3 < expected.exponent < 0.5
    # One sample of five days has a standard error of about 0.08.
    assert np.mean(decays) == pytest.approx(expected.exponent, abs=0.08)


def _expected_decay(count: int) -> tuple[Floats, Floats]:
    """Correlation of |e^(x/2) z|, x the noise of the test above, less the variance of its mean."""
    k = np.arange(1, count, dtype=float)
    rho = ((k + 1) ** 1.7 - 2 * k**1.7 + (k - 1) ** 1.7) / 2
    variance = math.exp(0.5) - 2 / math.pi * math.exp(0.25)
    correlation = 2 / math.pi * math.exp(0.25) * np.expm1(0.25 * rho) / variance
    of_mean = (1 + 2 * float(((1 - k / count) * correlation).sum())) / count
    lags = log_lags(100)
    return lags.astype(float), (correlation[lags - 1] - of_mean) / (1 - of_mean)


def test_signature_of_a_random_walk_is_flat_and_of_a_bounce_falls() -> None:
    steps = 2 * 86_400
    chance = np.random.default_rng(10)
    walk = np.exp(math.log(4e5) + np.cumsum(2e-5 * chance.standard_normal(steps)))
    flat, falling = _empty(), _empty()
    for into, path in ((flat, walk), (falling, walk * np.exp(3e-4 * chance.standard_normal(steps)))):
        signature = Signature()
        signature.add(_day(mid=path))
        signature.finish(into)
    assert flat.values["signature_120s"] == pytest.approx(1, abs=0.2)
    # Noise of variance n adds 2 n to every return: (120 v + 2 n) / 120 over (10 v + 2 n) / 10, v a second.
    v, n = 2 * 4e-10, 9e-8
    assert falling.values["signature_120s"] == pytest.approx((v + 2 * n / 120) / (v + 2 * n / 10), rel=0.2)
    tape = _empty()
    tape.takes_prices_from = "trades"
    signature.finish(tape)
    assert tape.values == {} and len(tape.curves) == 1


def test_a_path_is_unknown_before_its_first_price_and_after_a_silence() -> None:
    sampled = _day(mid=np.array([100.0, 101.0]), step_ns=100 * NS_PER_S).sampled(10 * NS_PER_S)
    assert len(sampled) == 8641
    np.testing.assert_array_equal(sampled[[0, 6, 9, 10, 16]], [100, 100, np.nan, 101, 101])
    assert np.isnan(sampled[7]) and np.isnan(sampled[17:]).all()


# book


def test_spread_is_weighted_by_time() -> None:
    ts = START + NS_PER_S * np.array([0, 10, 40], dtype=np.int64)
    mid = np.full(3, 10_000.0)
    half = np.array([1.0, 2.0, 4.0])
    quotes = Quotes(ts, mid - half, mid + half)
    spread, into = Spread(), _empty()
    none = _takers(np.zeros(0, dtype=np.int64), 1, 1.0)
    spread.add(MarketDay(START, 0, 3, quotes, None, none, 0))
    spread.finish(into)
    # 2 bps for 10 s, 4 for 30 s, 8 for the 60 s that a message stands for at most.
    assert into.values["spread_bps"] == pytest.approx((2 * 10 + 4 * 30 + 8 * 60) / 100)
    curve = into.curves["spread"]
    at = [float(np.interp(x, curve.x, curve.y)) for x in (3, 6)]
    assert at == [pytest.approx(0.1, abs=0.01), pytest.approx(0.4, abs=0.01)]


def test_depth_by_level_and_distance() -> None:
    count, depth = 3, 20
    away = 1 + np.arange(depth)
    px = np.tile(away, (count, 1))
    qty = np.tile(np.where(away == 1, 5.0, 1.0), (count, 1))
    ts = START + 5 * NS_PER_S * np.arange(count, dtype=np.int64)
    levels = Levels(ts, 10_000.0 - px, 10_000.0 + px, 2 * qty, qty)
    mid = np.full(count, 10_000.0)
    takers = _takers(START + np.arange(4, dtype=np.int64), 1, 0.5)
    into, depth_facts = _empty(), Depth()
    depth_facts.add(_day(mid=mid, levels=levels, takers=takers, step_ns=5 * NS_PER_S))
    depth_facts.finish(into)
    assert into.values["depth_symmetry"] == pytest.approx(2)
    assert into.values["best_level_share"] == pytest.approx(5 / ((5 + 7) / 8))
    bid = ((10_000 - away) * 2 * qty[0]).sum()
    ask = ((10_000 + away) * qty[0]).sum()
    assert into.values["depth_20_million"] == pytest.approx((bid + ask) / 2 * 1e-6)
    curve = into.curves["depth_by_distance"]
    # Within 2.5 bps: 6 of size on one side, 12 on the other; the mean order is 0.5.
    assert float(np.interp(2.5, curve.x, curve.y)) == pytest.approx(9 / 0.5, rel=0.1)


# flow


def test_planted_sign_memory_is_found() -> None:
    # The sign of fractional Gaussian noise: its correlation is 2/π · asin ρ(k), which decays like k^−0.5.
    chance = np.random.default_rng(11)
    signs = np.sign(_fractional_noise(0.75, 150_000, seed=11)).astype(np.int64)
    memory, into = SignMemory(), _empty()
    ts = START + np.arange(len(signs), dtype=np.int64)
    memory.add(_day(takers=_takers(ts, signs, 1.0)))
    memory.finish(into)
    assert into.values["sign_exponent"] == pytest.approx(0.5, abs=0.06)
    assert into.values["sign_corr_1"] == pytest.approx(2 / math.pi * math.asin(2**0.5 - 1), abs=0.02)
    none, forgetful = _empty(), SignMemory()
    forgetful.add(_day(takers=_takers(ts, chance.choice([-1, 1], len(ts)), 1.0)))
    forgetful.finish(none)
    assert math.isnan(none.values["sign_exponent"])
    assert abs(none.values["sign_corr_1"]) < 0.02


def test_times_between_orders() -> None:
    chance = np.random.default_rng(12)
    gaps = {"poisson": chance.exponential(2, 30_000), "clustered": chance.pareto(2.5, 30_000)}
    found = {}
    for name, gap in gaps.items():
        into, facts = _empty(), InterArrival()
        ts = START + (np.cumsum(gap) * NS_PER_S).astype(np.int64)
        facts.add(_day(takers=_takers(ts, 1, 1.0)))
        facts.finish(into)
        found[name] = into.values["interarrival_cv"]
        curve = into.curves["interarrival"]
        if name == "poisson":
            assert float(np.interp(1, curve.x, curve.y)) == pytest.approx(math.exp(-1), abs=0.03)
    assert found["poisson"] == pytest.approx(1, abs=0.03)
    assert found["clustered"] > 1.5


def test_sizes_of_a_pareto_law_over_several_days() -> None:
    chance = np.random.default_rng(13)
    facts, into = Sizes(), _empty()
    for _ in range(3):
        sizes = np.ceil(100 * (chance.pareto(1.5, 20_000) + 0.1)) / 100
        facts.add(_day(takers=_takers(START + np.arange(20_000, dtype=np.int64), 1, sizes)))
    facts.finish(into)
    # A shifted Pareto law: its tail comes close to the exponent.
    assert into.values["size_tail"] == pytest.approx(1.5, abs=0.15)


def test_hours_of_the_day() -> None:
    hour_ns = 3600 * NS_PER_S
    # Twice as many orders and three times the volatility in the 5th hour, 10 to 11 local time.
    ts = np.concatenate(
        [
            START + hour_ns * hour + np.arange(0, hour_ns, hour_ns // (200 if hour == 4 else 100))
            for hour in range(24)
        ]
    )
    scale = np.where(np.arange(86_400) // 3600 == 4, 3.0, 1.0)
    path = 1e5 * np.exp(np.cumsum(1e-5 * scale * np.random.default_rng(14).standard_normal(86_400)))
    facts, into = Seasonality(), _empty()
    facts.add(_day(mid=path, step_ns=NS_PER_S, takers=_takers(ts, 1, 1.0)))
    facts.finish(into)
    assert into.values["activity_by_hour"] == pytest.approx(2, rel=0.02)
    assert into.values["volatility_by_hour"] == pytest.approx(3.3, rel=0.2)
    for name in ("activity_by_hour", "volatility_by_hour"):
        assert int(np.argmax(into.curves[name].y)) == 10
    assert into.values["executions_a_day"] == pytest.approx(2500, rel=0.01)
    assert into.values["frames_a_day"] == pytest.approx(86_400, rel=0.01)


def test_known_impact_is_found() -> None:
    # Every order moves the mid for good, by size^0.4; the book is published before the next order.
    chance = np.random.default_rng(15)
    count = 17_000
    ts = START + 5 * NS_PER_S * np.arange(1, count + 1, dtype=np.int64)
    side = chance.choice([-1, 1], count)
    size = np.exp(chance.standard_normal(count))
    path = math.log(4e5) + np.concatenate([[0.0], np.cumsum(1e-5 * side * size**0.4)])
    quotes_ts = np.concatenate([[START], ts + NS_PER_S])
    mid = np.exp(path)
    takers = _takers(ts, side, size)
    day = MarketDay(START, 0, count, Quotes(quotes_ts, mid - 1, mid + 1), None, takers, count)
    facts, into = Impact(), _empty()
    facts.add(day)
    facts.finish(into)
    assert into.values["impact_exponent"] == pytest.approx(0.4, abs=0.03)
    assert into.values["response_growth"] == pytest.approx(1, abs=0.25)
    fit = into.curves["impact_by_size"].fit
    assert fit is not None and fit.exponent == pytest.approx(-0.4, abs=0.03)


# bands


def _market(name: str, **values: float) -> Measured:
    return Measured(name, is_simulated=name == "simulated", values=values)


@pytest.mark.parametrize(
    ("value", "says"), [(2.4, "hit"), (4.0, "hit"), (2.39, "MISS"), (4.01, "MISS"), (math.nan, "MISS")]
)
def test_a_value_outside_its_band_is_a_miss(value: float, says: str) -> None:
    verdict = judge(_market("simulated", spread_bps=value), [])[0]
    assert (verdict.band.fact, verdict.says) == ("spread_bps", says)


def test_bands_of_the_recordings() -> None:
    recordings = [_market("a", signature_120s=0.6), _market("b", signature_120s=1.2), _market("c")]
    by_fact = {v.band.fact: v for v in judge(_market("simulated", signature_120s=1.9), recordings)}
    verdict = by_fact["signature_120s"]
    assert verdict.ends == (pytest.approx(0.4), pytest.approx(1.8))
    assert verdict.says == "MISS"
    assert verdict.real == {"a": 0.6, "b": 1.2}
    alone = {v.band.fact: v for v in judge(_market("simulated", signature_120s=1.9), [])}
    assert alone["signature_120s"].says == "not judged"
    unmeasured = {v.band.fact: v for v in judge(_market("simulated"), recordings)}
    assert unmeasured["signature_120s"].says == "not judged"


def test_every_band_has_a_source_and_a_panel() -> None:
    panels = {panel.name for panel in PANELS}
    assert len({band.fact for band in BANDS}) == len(BANDS)
    for band in BANDS:
        assert band.sources and all(key in REFERENCES for key in band.sources)
        assert band.panel in panels
        assert band.of_recordings or band.lower is not None or band.upper is not None
    facts = {band.fact for band in BANDS}
    assert all(panel.shade.fact in facts for panel in PANELS if panel.shade)


def test_a_day_ends_where_the_next_begins() -> None:
    day = _day(mid=np.full(3, 100.0), step_ns=DAY_NS // 2)
    assert day.sampled(DAY_NS)[-1] == 100.0


def test_the_docs_show_the_bands_and_sources_that_are_declared() -> None:
    page = (Path(__file__).parents[1] / "docs" / "stylised_facts.md").read_text(encoding="utf-8")
    assert bands_markdown() in page, "put the output of verdicts.bands_markdown() into docs/stylised_facts.md"
    flowing = " ".join(page.split())
    assert all(text in flowing for text in REFERENCES.values())


def test_taker_groups_from_prints() -> None:
    ms = NS_PER_S // 1000
    # Two prints of one taker with their makers' prints; the other side at the same time; the same key after
    # 6 ms; an auction; a later taker whose exchange time steps back.
    rows = [
        (0, 0, 0, 100, 2, 1),
        (1, 0, Flag.DUP_OTHER_SIDE, 100, 2, -1),
        (2 * ms, 0, 0, 101, 3, 1),
        (3 * ms, 0, Flag.DUP_OTHER_SIDE, 101, 3, -1),
        (4 * ms, 0, 0, 99, 1, -1),
        (10 * ms, 0, 0, 98, 1, -1),
        (11 * ms, 8 * ms, Flag.AUCTION, 97, 50, 0),
        (20 * ms, -ms, 0, 102, 4, 1),
    ]
    table = pa.Table.from_pylist(
        [
            {
                **{"ev_seq": number, "ts_recv": START + ts, "ts_exch": START + exchange, "venue_seq": None},
                **{"flags": int(flags), "px_ticks": px, "qty_lots": qty, "side": side, "trade_id": None},
            }
            for number, (ts, exchange, flags, px, qty, side) in enumerate(rows)
        ],
        schema=schema_of(Kind.TRADE),
    )
    groups, executions = taker_groups(table, tick=0.5, lot=0.1)
    assert executions == 5
    assert (groups.ts - START).tolist() == [0, 4 * ms, 10 * ms, 20 * ms]
    assert (groups.ts_exch - START).tolist() == [0, 0, 0, 0]
    assert groups.side.tolist() == [1, -1, -1, 1]
    np.testing.assert_allclose(groups.qty, [0.5, 0.1, 0.1, 0.4])
    np.testing.assert_allclose(groups.price, [50.5, 49.5, 49.0, 51.0])
