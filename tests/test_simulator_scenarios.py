"""Each scenario does what the first line of its file says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from atc._rust import Simulator
from atc.config.compose import Composer, compose
from atc.config.data import SimulatedData
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog, read_manifests
from atc.events.quality.figures import figures_of
from atc.events.quality.measure import measured
from atc.events.reader import read_events
from atc.events.schema import ControlKind, Flag, Kind
from atc.events.simulate import ensure_simulated, located, simulator_params

S = 10**9
HORIZON_NS = 300 * S


def config(scenario: str, *words: str) -> SimulatedData:
    data = compose(["data=demo", f"data/scenario={scenario}", *words]).data
    assert isinstance(data, SimulatedData)
    return data


def days_of(data: SimulatedData, count: int) -> list[dict[str, pa.RecordBatch]]:
    simulator = Simulator(simulator_params(data), data.seed)
    return [simulator.next_day() for _ in range(count)]


def joined(days: list[dict[str, pa.RecordBatch]], kind: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches([day[kind] for day in days])))


def takers(days: list[dict[str, pa.RecordBatch]]) -> pl.DataFrame:
    return joined(days, "trade").filter((pl.col("flags") & int(Flag.DUP_OTHER_SIDE)) == 0)


class Mids:
    """Log mids of the ticker, in bps, at any time."""

    def __init__(self, days: list[dict[str, pa.RecordBatch]]) -> None:
        ticker = joined(days, "ticker")
        self.ts = ticker["ts_recv"].to_numpy()
        self.log_bps = 1e4 * np.log((ticker["bid"] + ticker["ask"]).to_numpy() / 2)

    def at(self, ts: np.ndarray) -> np.ndarray:
        return self.log_bps[np.clip(np.searchsorted(self.ts, ts, side="right") - 1, 0, None)]

    def grid(self, step_ns: int = HORIZON_NS) -> np.ndarray:
        return np.arange(self.ts[0] + HORIZON_NS, self.ts[-1] - HORIZON_NS, step_ns)

    def ahead(self, at: np.ndarray) -> np.ndarray:
        """Returns over 300 s from `at`."""
        return self.at(at + HORIZON_NS) - self.at(at)


def signed_flow(days: list[dict[str, pa.RecordBatch]], at: np.ndarray) -> np.ndarray:
    """Signs of the taker orders of the past 300 s, summed."""
    orders = takers(days).group_by("ts_exch", maintain_order=True).agg(pl.all().first())
    when = orders["ts_recv"].to_numpy()
    total = np.concatenate([[0], np.cumsum(orders["side"].to_numpy().astype(np.int64))])
    return total[np.searchsorted(when, at)] - total[np.searchsorted(when, at - HORIZON_NS)]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_every_scenario_says_what_it_is_for_and_is_known_by_its_file() -> None:
    composer = Composer()
    names = composer.options("data/scenario")
    assert set(names) >= {
        *("target", "linear_only", "null", "null_vol", "regime_switch", "flash_crash", "thin_book"),
        "dirty_feed",
    }
    for name in names:
        assert config(name).scenario.name == name
        first = (composer.root.conf / "data" / "scenario" / f"{name}.yaml").read_text().splitlines()[0]
        assert first.startswith("# ")
        assert len(first) > 60


def test_no_two_scenarios_are_the_same_market() -> None:
    found = [simulator_params(config(name)) for name in Composer().options("data/scenario")]
    assert len(set(found)) == len(found)


def test_linear_only_has_one_meaning_of_the_flow_in_both_regimes() -> None:
    days = days_of(config("linear_only"), 12)
    mids = Mids(days)
    at = mids.grid(60 * S)
    truth = joined(days, "truth")
    row = np.searchsorted(truth["ts"].to_numpy(), at, side="right") - 1
    pressure = truth["pressure"].to_numpy()[row]
    absorbing = truth["absorbing"].to_numpy()[row]
    along = mids.ahead(at) * pressure
    means = [along[(pressure != 0) & (absorbing == regime)] for regime in (False, True)]
    # Five windows of 60 s overlap, so one in five counts.
    errors = [values.std() / np.sqrt(len(values) / 5) for values in means]
    assert all(values.mean() > 3 * error for values, error in zip(means, errors, strict=True))
    assert abs(means[0].mean() - means[1].mean()) < 3 * float(np.hypot(*errors))


def test_null_vol_has_volatility_to_find_and_no_direction() -> None:
    days = days_of(config("null_vol"), 20)
    mids = Mids(days)
    at = mids.grid()
    ahead, past, flow = mids.ahead(at), mids.ahead(at - HORIZON_NS), signed_flow(days, at)
    assert correlation(np.abs(past), np.abs(ahead)) > 0.1
    limit = 4 / np.sqrt(len(at))
    # Products of heavy tails: signs are compared.
    for seen in (past, flow):
        assert abs(correlation(np.sign(seen), np.sign(ahead))) < limit
    hours = (takers(days)["ts_exch"].to_numpy() // (3_600 * S) + 9) % 24
    by_hour = np.bincount(hours, minlength=24)
    assert by_hour[22] > 1.3 * by_hour[12]


def test_regime_switch_turns_the_relation_round_at_its_day() -> None:
    # One regime, so that the flow has one meaning before and the opposite one after.
    leans = ("data.scenario.yielding_lean=0.2", "data.scenario.absorbing_lean=0.2")
    words = ("data.scenario.switch_at_day=10", *leans)
    days = days_of(config("regime_switch", *words), 20)
    mids = Mids(days)
    at = mids.grid(60 * S)
    flow, ahead = signed_flow(days, at), mids.ahead(at)
    data = config("regime_switch")
    switch = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s) + 10 * DAY_NS
    before, after = at < switch - HORIZON_NS, at > switch
    assert correlation(flow[before], ahead[before]) > 0.1
    assert correlation(flow[after], ahead[after]) < -0.1


def test_flash_crash_falls_by_a_fifth_in_ten_minutes_and_half_comes_back() -> None:
    data = config("flash_crash", "data.scenario.crash_at_day=0.6667")
    days = days_of(data, 1)
    mids = Mids(days)
    start = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    begin = start + round(0.6667 * DAY_NS)
    at = np.array([begin, begin + 600 * S, begin + 3_300 * S])
    before, bottom, after = np.exp(mids.at(at) * 1e-4)
    assert bottom / before == pytest.approx(0.8, abs=0.01)
    assert after / before == pytest.approx(0.9, abs=0.02)
    when = takers(days)["ts_recv"].to_numpy()
    during = np.count_nonzero((when >= begin) & (when < begin + 3_300 * S))
    assert during > 5 * np.count_nonzero((when >= begin - 3_300 * S) & (when < begin))


def test_thin_book_has_a_quarter_of_the_size_and_twice_the_spread() -> None:
    spread, size = {}, {}
    for name in ("target", "thin_book"):
        days = days_of(config(name), 2)
        ticker = joined(days, "ticker")
        spread[name] = (ticker["ask"] - ticker["bid"]).mean()
        # Quantity of a whole book: 20 of its 30 levels a side.
        whole = joined(days, "book").filter((pl.col("msg_kind") == 0) & (pl.col("side") == 1))
        best = whole.sort("ev_seq", "px_ticks", descending=[False, True]).group_by("ev_seq").head(20)
        size[name] = best["qty_lots"].sum() / best["ev_seq"].n_unique()
    assert size["thin_book"] / size["target"] == pytest.approx(0.25, abs=0.06)
    assert spread["thin_book"] / spread["target"] == pytest.approx(2.0, abs=0.3)


COUNTED_AS = {
    "injected_disconnects": "gaps",
    "injected_stalls": "silences",
    "injected_duplicate_prints": "equal_prints",
    "injected_crossed_snapshots": "crossed_books",
    "injected_clock_regressions": "time_regressions",
    "injected_venue_regressions": "exch_regressions",
}
"""Count of the manifest, figure of `atc doctor`."""


@pytest.mark.parametrize("scenario", ["dirty_feed", "target"])
def test_what_the_manifest_says_was_injected_is_what_is_there(scenario: str, tmp_path: Path) -> None:
    # Without maintenance, whose silence the doctor takes out of its figures by the calendar.
    data = config(scenario, "data.days=3", "data.maintenance=[]")
    assert ensure_simulated(data, tmp_path)
    (manifest,) = read_manifests(tmp_path).values()
    venue, symbol = located(data).venue, data.symbol
    catalog = Catalog(tmp_path)
    start = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    counted = dict.fromkeys(COUNTED_AS, 0)
    for number in range(3):
        begin = start + number * DAY_NS
        events = read_events(catalog, venue, symbol, begin, begin + DAY_NS)
        tables = {kind: getattr(events, kind.value) for kind in Kind}
        figures = figures_of(measured(tables, recorded_depth=30)["figures"], 0)
        for count, figure in COUNTED_AS.items():
            counted[count] += int(figures[figure] or 0)
        assert figures["misflagged_books"] == figures["locked_books"] == 0
    assert counted == {count: manifest.counts[count] for count in COUNTED_AS}
    assert (sum(counted.values()) > 60) == (scenario == "dirty_feed")


def test_maintenance_is_that_of_the_data_config() -> None:
    # The first Saturday is the sixth day; 09:00 JST is three hours after its cut.
    data = config("target", "data.days=6")
    (day,) = days_of(data, 6)[5:]
    start = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s) + 5 * DAY_NS
    control = pl.DataFrame(pl.from_arrow(day["control"]))
    assert control["control_kind"].to_list() == [ControlKind.STATUS] * 3
    assert control["detail"].to_list() == ["MAINTENANCE", "PREOPEN", "OPEN"]
    hours = ((control["ts_exch"] - start) / (3_600 * S)).to_list()
    assert hours == pytest.approx([3.0, 5.0, 5.0 + 1 / 6])
    closed, opened = start + 3 * 3_600 * S, start + 5 * 3_600 * S
    for kind in ("book", "trade", "ticker"):
        ts = day[kind]["ts_recv"].to_numpy()
        assert not ((ts > closed + S) & (ts < opened)).any(), kind
    prints = day["trade"]["ts_recv"].to_numpy()
    assert not ((prints > closed + S) & (prints < opened + 600 * S)).any()
    book = day["book"]["ts_recv"].to_numpy()
    assert ((book >= opened) & (book < opened + 600 * S)).sum() > 10
    untouched = json.loads(simulator_params(config("target", "data.days=6", "data.maintenance=[]")))
    assert untouched["maintenance"] == []
