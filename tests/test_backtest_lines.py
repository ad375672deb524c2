"""What the summary says of a backtest."""

from __future__ import annotations

import io

from rich.console import Console

from atc.report.backtest_lines import backtest_sentences, backtest_tables

CONFIG = {
    "data": {"symbol": "ETH_JPY"},
    "execution": {"size": "10"},
    "evaluation": {"confidence": 0.95},
    "backtest": {"random_draws": 20},
}
METRICS: dict[str, float | None] = {
    "backtest/pnl": -109_479.85,
    "backtest/alpha": 274_551.21,
    "backtest/alpha_daily": 137_275.6,
    "backtest/alpha_daily/lo": -42_880.3,
    "backtest/alpha_daily/hi": 325_830.3,
    "backtest/drawdown": 114_683.0,
    "backtest/sharpe": None,
    "backtest/alpha_sharpe": 1.5,
    "backtest/always_hold/pnl": -384_031.06,
    "backtest/flat/pnl": -1235.0,
    "backtest/flat/alpha": 382_795.8,
    "backtest/random/pnl": -208_824.9,
    "backtest/random/alpha": 175_206.2,
    "backtest/random/beaten": 0.95,
    "backtest/oracle_path/pnl": 1_631_125.6,
    "backtest/oracle_path/alpha": 2_015_156.6,
    "backtest/oracle_path/captured": 0.136,
    "backtest/price": 89_455.0,
    "backtest/spread_impact": -198_934.9,
    "backtest/fees": -0.0,
    "backtest/carry": 0.0,
    "backtest/alpha/price": 467_675.0,
    "backtest/orders": 90,
    "backtest/fill_rate": 1.0,
    "backtest/turnover": 373_396_802.2,
    "backtest/turnover_size": 900.0,
    "backtest/time_long": 0.08,
    "backtest/time_flat": 0.92,
    "backtest/time_short": 0.0,
    "backtest/buy/expected_px": 414_900.0,
    "backtest/buy/actual_px": 415_050.5,
    "backtest/sell/actual_px": None,
    "backtest/slippage_bps": 3.618,
    "backtest/breakeven_cost_bps": 12.757,
    "backtest/cost_bps": 5.319,
    "backtest/edge_before_costs_bps": 12.671,
    "backtest/edge_after_costs_bps": 7.352,
}


def printed(metrics: dict[str, float | None]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100)
    for table in backtest_tables(CONFIG, metrics):
        console.print(table)
    return out.getvalue()


def test_a_run_without_a_backtest_says_nothing_of_one() -> None:
    assert backtest_tables(CONFIG, {"holdout/auc": 0.6}) == []
    assert backtest_sentences("outputs/runs/x", CONFIG, {"backtest/pnl": None}) == []


RIVALS: dict[str, float | None] = {
    **METRICS,
    "gate/verdict": 0,
    "fallback/backtest/pnl": -200_000.0,
    "fallback/backtest/alpha": 184_031.0,
    "fallback/backtest/alpha_daily": 92_015.5,
    "fallback/backtest/theta": 0.75,
    "fallback/backtest/valid/alpha": 5_000.0,
    "fallback/backtest/random/beaten": 0.55,
}


def test_each_model_that_was_traded_has_its_own_row_and_sentence() -> None:
    rows = [line.split() for line in printed(RIVALS).splitlines()]
    assert ["rejected", "model", "-109,480", "+274,551", "114,683", "–", "1.50"] in rows
    assert ["fallback", "-200,000", "+184,031", "–", "–", "–"] in rows
    assert not any(row[:1] == ["strategy"] for row in rows)
    first, *said = backtest_sentences("outputs/runs/x", CONFIG, RIVALS)
    assert "is of the rejected model; the fallback traded the same instants at the same costs" in first
    (fallback,) = (one for one in said if one.startswith("Fallback: "))
    assert "long from a score of 0.7500 earned most of the grid, alpha +5,000 JPY" in fallback
    assert "Alpha against holding 10 ETH: +184,031 JPY" in fallback and "55% earn less" in fallback
    # Where the gate rejected nothing, refits stand beside the model that stayed.
    refits = {key.replace("fallback/", "refit/"): of for key, of in RIVALS.items() if key != "gate/verdict"}
    assert "model that stayed" in printed(refits) and "refits" in printed(refits)
    assert not any(
        "Fallback" in one or "traded the same" in one for one in backtest_sentences("x", CONFIG, METRICS)
    )


def test_the_table_has_the_controls_and_the_split() -> None:
    text = printed(METRICS)
    assert "backtest, JPY" in text
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines() if line.strip()}
    assert rows["oracle path"][2:] == ["1,631,126", "+2,015,157"]
    assert rows["always HOLD"][2] == "–"  # the split of always HOLD is not among these figures
    shown = [line.split() for line in text.splitlines() if line.startswith("strategy")]
    assert shown[0] == ["strategy", "-109,480", "+274,551", "114,683", "–", "1.50"]
    # A fee that nobody paid is 0, not −0.
    assert rows["strategy"][1:] == ["89,455", "-198,935", "0", "0"]


def test_the_sentences_name_alpha_break_even_and_the_file() -> None:
    said = " ".join(backtest_sentences("outputs/runs/x", CONFIG, METRICS))
    assert "Alpha against holding 10 ETH: +274,551 JPY, +137,276 a day" in said
    assert "(95% interval -42,880 … +325,830): not told apart from 0." in said
    assert "Break-even cost 12.76 bps of the value traded, 5.32 bps paid" in said
    assert "bought at 415,050.5 where 414,900.0 was expected: 3.62 bps worse" in said
    assert "8% long, 92% flat" in said and "short" not in said and "sold" not in said
    assert "outputs/runs/x/equity.parquet" in said
    few = {**METRICS, "backtest/alpha_daily/lo": None, "backtest/breakeven_cost_bps": None}
    said = " ".join(backtest_sentences("outputs/runs/x", CONFIG, few))
    assert "too few days for an interval" in said and "Break-even cost: none" in said
    assert not any("never left" in one for one in backtest_sentences("x", CONFIG, METRICS))
    held = {"backtest/theta": 0.0, "backtest/valid/alpha": 0.0, "backtest/alpha": 0.0}
    said = " ".join(backtest_sentences("x", CONFIG, {**METRICS, **held, "backtest/alpha_drawdown": 0.0}))
    assert "The policy never left: on validation no theta earned more than always HOLD, and none left" in said
    assert "0 JPY, for the strategy held as well" in said and "95% earn less" in said
    best = {"backtest/valid/leaving/theta": 0.6123, "backtest/valid/leaving/alpha": -12_345.4}
    for alpha, told in ((-12_345.4, "lost 12,345 JPY against it there"), (0.0, "earned as much as it there")):
        left = {**METRICS, **held, **best, "backtest/valid/leaving/alpha": alpha}
        (first, *_) = backtest_sentences("x", CONFIG, left)
        assert f"the best that left, at scores below 0.6123, {told}" in first
        assert first.endswith("What is told of the strategy is what holding earns.")
    left = {"backtest/theta": 0.67, "backtest/valid/alpha": 51_163.7}
    assert (
        "On validation, long from a score of 0.6700 earned most of the grid, alpha +51,164 JPY"
        in backtest_sentences("outputs/runs/x", CONFIG, {**METRICS, **left})[0]
    )
    above = {**METRICS, "backtest/alpha_daily/lo": 1.0}
    assert "above 0." in backtest_sentences("outputs/runs/x", CONFIG, above)[0]


def test_only_what_the_grid_chose_is_said_to_come_from_it() -> None:
    learned = {**METRICS, "backtest/theta": 0.55, "backtest/valid/alpha": -188_919.7}
    both = {"theta": None, "short": True, "theta_short": None}
    for policy, short, said in (
        (both, 0.2, "On validation, long from a score of 0.5500 and short from 0.2000 down earned most"),
        (both, None, "On validation, long from a score of 0.5500 and never short earned most"),
        ({**both, "theta": 0.55}, 0.2, "On validation, short from 0.2000 down earned most"),
        ({**both, "theta_short": 0.2}, 0.2, "On validation, long from a score of 0.5500 earned most"),
    ):
        metrics = {**learned, "backtest/theta_short": short}
        assert backtest_sentences("x", {**CONFIG, "policy": policy}, metrics)[0].startswith(said)


def test_random_times_of_holding_are_holding() -> None:
    held = {"backtest/alpha": 0.0, "backtest/alpha_drawdown": 0.0, "backtest/random/beaten": 0.5}
    said = " ".join(backtest_sentences("x", CONFIG, {**METRICS, **held}))
    assert "Of 20 strategies with its wishes at random times, all hold as it does" in said


def test_what_became_of_the_orders_is_counted() -> None:
    counts = {"filled": 80, "partial": 7, "thin": 0, "late_entry": 2, "end_of_data": 1}
    metrics = {**METRICS, **{f"backtest/outcome/{name}": count for name, count in counts.items()}}
    metrics |= {"backtest/orders/capped": 3, "backtest/orders/reduced": 0}
    lines = [" ".join(line.split()) for line in printed(metrics).splitlines()]
    first = lines.index("filled 80")
    assert lines[first + 1 : first + 4] == ["partial 7", "late entry 2", "end of data 1"]
    assert "of these cut to the largest order 3" in lines
    assert not any(line.startswith(("thin", "of these cut to what reduces")) for line in lines)
    said = " ".join(backtest_sentences("x", CONFIG, metrics))
    assert "90 orders, 1 of them past the last event, where nothing is filled, 100.0% of their size" in said


def test_a_run_without_an_oracle_path_says_so() -> None:
    without = {**METRICS, **{f"backtest/oracle_path/{key}": None for key in ("pnl", "alpha", "captured")}}
    said = " ".join(backtest_sentences("x", CONFIG, without))
    assert "95% earn less (equal ones count half); there is no oracle path beside it." in said
    shown = next(line for line in printed(without).splitlines() if line.startswith("oracle path"))
    assert shown.split()[2:] == ["–", "–"]


def test_a_backtest_without_a_fill_claims_nothing() -> None:
    none = {**METRICS, "backtest/fills": 0, "backtest/orders": 509, "backtest/alpha": 0.0}
    (said,) = backtest_sentences("outputs/runs/x", CONFIG, none)
    assert said.startswith("None of 509 orders was filled") and "held as well" not in said
    (said,) = backtest_sentences("outputs/runs/x", CONFIG, {**none, "backtest/orders": 0})
    assert said.startswith("No order was sent")


def test_alpha_that_staying_out_has_as_well_is_told_to_be_no_skill() -> None:
    def said(alpha: float, flat: float) -> bool:
        metrics = {**METRICS, "backtest/alpha": alpha, "backtest/flat/alpha": flat}
        sentences = backtest_sentences("outputs/runs/x", CONFIG, metrics)
        return any(
            one.startswith(f"Selling at once and staying out has alpha {flat:+,.0f} JPY") for one in sentences
        )

    assert said(274_551.0, 382_796.0) and said(309_648.0, 309_648.0)
    assert not said(382_796.0, 274_551.0) and not said(-5.0, 3.0) and not said(0.0, 3.0)
