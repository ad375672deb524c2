"""What the summary of a run says of its backtest: money beside the controls, where it came from, what it
takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atc.report.sensitivity_lines import sensitivity_sentences, sensitivity_table
from atc.report.table import DASH, new_table
from atc.report.verdict import Metrics
from atc.report.waterfall_lines import waterfall_sentences, waterfall_table

if TYPE_CHECKING:
    from rich.table import Table

_CONTROLS = (
    ("always HOLD", "always_hold"),
    ("flat", "flat"),
    ("random, mean", "random"),
    ("oracle path", "oracle_path"),
)
RIVALS = {"fallback": "fallback", "refit": "refits"}
"""Models that are traded beside the named one, and what they are called."""
_OUTCOME = "backtest/outcome/"
_CUT = (
    ("of these cut to the largest order", "backtest/orders/capped"),
    ("of these cut to what reduces", "backtest/orders/reduced"),
)
_PARTS = (("price", "price"), ("spread, impact", "spread_impact"), ("fees", "fees"), ("carry", "carry"))


def backtest_tables(config: Mapping[str, object], metrics: Metrics) -> list[Table]:
    """Empty for a run without a backtest."""
    if metrics.get("backtest/pnl") is None:
        return []
    return [
        _money(config, metrics),
        _split(config, metrics),
        _outcomes(metrics),
        *sensitivity_table(base_asset(config), quote_currency(config), metrics),
        *waterfall_table(quote_currency(config), metrics),
    ]


def strategies(metrics: Metrics) -> list[tuple[str, str]]:
    """Titles and keys of the strategies, one a model that was traded, the named one first."""
    rivals = [(RIVALS[name], f"{name}/backtest") for name in RIVALS if f"{name}/backtest/pnl" in metrics]
    named = "strategy"
    if rivals:
        named = "rejected model" if metrics.get("gate/verdict") == 0 else "model that stayed"
    return [(named, "backtest"), *rivals]


def _money(config: Mapping[str, object], metrics: Metrics) -> Table:
    table = new_table(
        f"backtest, {quote_currency(config)}", right=("PnL", "alpha", "drawdown", "Sharpe", "alpha Sharpe")
    )
    for title, prefix in strategies(metrics):
        table.add_row(
            title,
            _money_cell(metrics, f"{prefix}/pnl"),
            _money_cell(metrics, f"{prefix}/alpha", "+"),
            _money_cell(metrics, f"{prefix}/drawdown"),
            _ratio(metrics, f"{prefix}/sharpe"),
            _ratio(metrics, f"{prefix}/alpha_sharpe"),
        )
    table.rows[-1].end_section = True
    for title, name in _CONTROLS:
        alpha = "0" if name == "always_hold" else _money_cell(metrics, f"backtest/{name}/alpha", "+")
        table.add_row(title, _money_cell(metrics, f"backtest/{name}/pnl"), alpha, "", "", "")
    return table


def _split(config: Mapping[str, object], metrics: Metrics) -> Table:
    table = new_table(f"from, {quote_currency(config)}", right=[title for title, _ in _PARTS])
    mine, *others = strategies(metrics)
    for title, prefix, sign in (
        (*mine, ""),
        *((other, prefix, "") for other, prefix in others),
        ("always HOLD", "backtest/always_hold", ""),
        ("alpha", "backtest/alpha", "+"),
    ):
        table.add_row(title, *(_money_cell(metrics, f"{prefix}/{part}", sign) for _, part in _PARTS))
    return table


def _outcomes(metrics: Metrics) -> Table:
    """What became of the orders, and which of them were cut; all that occurred."""
    table = new_table(f"orders of the {strategies(metrics)[0][0]}", right=("orders",))
    found = {key.rpartition("/")[2]: n for key, n in metrics.items() if key.startswith(_OUTCOME) and n}
    for outcome, count in sorted(found.items(), key=lambda one: -one[1]):
        table.add_row(outcome.replace("_", " "), f"{count:,.0f}")
    if table.rows:
        table.rows[-1].end_section = True
    for title, key in _CUT:
        if metrics.get(key):
            table.add_row(title, _whole(metrics, key))
    return table


def backtest_sentences(folder: str, config: Mapping[str, object], metrics: Metrics) -> list[str]:
    """`folder`: of the run, as people write it. Empty for a run without a backtest."""
    if metrics.get("backtest/pnl") is None:
        return []
    if metrics.get("backtest/fills") == 0:
        return [_nothing_filled(folder, metrics)]
    rivals = rival_sentences(config, metrics)
    return [
        *([_whose(metrics)] if rivals else []),
        *_learned(config, metrics),
        _alpha(config, metrics),
        *_staying_out(config, metrics),
        _trades(config, metrics),
        _costs(metrics),
        _chance(config, metrics),
        *sensitivity_sentences(base_asset(config), metrics),
        *rivals,
        *waterfall_sentences(folder, metrics),
        f"Equity curve: {folder}/equity.parquet, beside always HOLD, flat, random and the oracle path; every "
        "order: orders.parquet",
    ]


def _whose(metrics: Metrics) -> str:
    """Which model the sentences and tables that name none speak of."""
    (named, _), *others = strategies(metrics)
    others_said = " and ".join(f"the {title}" for title, _ in others)
    return (
        f"What follows, and every table without a name of a model, is of the {named}; {others_said} "
        "traded the same instants at the same costs, with thresholds of their own scores on validation."
    )


def rival_sentences(config: Mapping[str, object], metrics: Metrics) -> list[str]:
    """On each model that was traded beside the named one: what it learned, its alpha, what it takes."""
    said = []
    for title, prefix in strategies(metrics)[1:]:
        own = {
            key.removeprefix(prefix.removesuffix("backtest")): of
            for key, of in metrics.items()
            if key.startswith(prefix)
        }
        own["backtest/flat/alpha"] = metrics.get("backtest/flat/alpha")
        own["backtest/oracle_path/pnl"] = metrics.get("backtest/oracle_path/pnl")
        told = [*_learned(config, own), _alpha(config, own), *_staying_out(config, own), _costs(own)]
        said.append(f"{title.capitalize()}: {' '.join([*told, _chance(config, own)])}")
    return said


def _nothing_filled(folder: str, metrics: Metrics) -> str:
    """Neither the strategy nor the benchmark, whose first order is the same, ever held anything by it."""
    orders = metrics.get("backtest/orders")
    sent = f"None of {orders:,.0f} orders was filled" if orders else "No order was sent"
    return (
        f"{sent} (the table says why), so nothing was traded: the figures above say nothing of the policy. "
        f"Every order: {folder}/orders.parquet"
    )


def _learned(config: Mapping[str, object], metrics: Metrics) -> list[str]:
    theta, earned = metrics.get("backtest/theta"), metrics.get("backtest/valid/alpha")
    if theta is None or earned is None:
        return []
    policy, short = _part(config, "policy"), metrics.get("backtest/theta_short")
    chosen = []
    if policy.get("theta") is None:
        if theta == 0:
            return [_never_left(config, metrics)]
        chosen.append(f"long from a score of {theta:.4f}")
    if policy.get("short") and policy.get("theta_short") is None:
        chosen.append("never short" if short is None else f"short from {short:.4f} down")
    return [
        f"On validation, {' and '.join(chosen)} earned most of the grid, alpha {earned:+,.0f} "
        f"{quote_currency(config)} there, which flatters."
    ]


def _never_left(config: Mapping[str, object], metrics: Metrics) -> str:
    """Why all that follows is what holding earns."""
    best, at = metrics.get("backtest/valid/leaving/alpha"), metrics.get("backtest/valid/leaving/theta")
    said = "The policy never left: on validation no theta earned more than always HOLD"
    if best is None or at is None:
        return f"{said}, and none left. What is told of the strategy is what holding earns."
    quote = quote_currency(config)
    rest = f"lost {-best:,.0f} {quote} against it" if best < 0 else "earned as much as it"
    return (
        f"{said}; the best that left, at scores below {at:.4f}, {rest} there. What is told of the "
        "strategy is what holding earns."
    )


def _alpha(config: Mapping[str, object], metrics: Metrics) -> str:
    size = _part(config, "execution").get("size", "")
    base, quote = base_asset(config), quote_currency(config)
    if metrics.get("backtest/alpha") == 0 and metrics.get("backtest/alpha_drawdown") == 0:
        return f"Alpha against holding {size} {base}: 0 {quote}, for the strategy held as well."
    said = f"Alpha against holding {size} {base}: {_money_cell(metrics, 'backtest/alpha', '+')} {quote}"
    low, high = metrics.get("backtest/alpha_daily/lo"), metrics.get("backtest/alpha_daily/hi")
    mean = f"{_money_cell(metrics, 'backtest/alpha_daily', '+')} a day"
    if low is None or high is None:
        return f"{said}, {mean}; too few days for an interval, so nothing tells skill from luck."
    confidence = _part(config, "evaluation").get("confidence", 0.95)
    interval = f"{confidence:.0%} interval {low:+,.0f} … {high:+,.0f}"
    told = "above 0." if low > 0 else "below 0." if high < 0 else "not told apart from 0."
    return f"{said}, {mean} ({interval}): {told}"


def _staying_out(config: Mapping[str, object], metrics: Metrics) -> list[str]:
    """Where a market falls whoever sells has alpha, whatever the score knows."""
    alpha, flat = metrics.get("backtest/alpha"), metrics.get("backtest/flat/alpha")
    if alpha is None or flat is None or not 0 < alpha <= flat:
        return []
    return [
        f"Selling at once and staying out has alpha {_money_cell(metrics, 'backtest/flat/alpha', '+')} "
        f"{quote_currency(config)}, no less: alpha alone shows no skill here."
    ]


def _trades(config: Mapping[str, object], metrics: Metrics) -> str:
    base, quote = base_asset(config), quote_currency(config)
    held = ", ".join(
        f"{metrics[key]:.0%} {name}"
        for name in ("long", "flat", "short")
        if metrics.get(key := f"backtest/time_{name}")
    )
    rate = metrics.get("backtest/fill_rate")
    filled = DASH if rate is None else f"{rate:.1%}"
    prices = ", ".join(
        f"{word} at {_px(metrics, f'backtest/{name}/actual_px')} where "
        f"{_px(metrics, f'backtest/{name}/expected_px')} was expected"
        for name, word in (("buy", "bought"), ("sell", "sold"))
        if metrics.get(f"backtest/{name}/actual_px") is not None
    )
    beyond = metrics.get("backtest/outcome/end_of_data")
    unmet = f", {beyond:,.0f} of them past the last event, where nothing is filled" if beyond else ""
    return (
        f"{_whole(metrics, 'backtest/orders')} orders{unmet}, {filled} of their size filled; "
        f"{_whole(metrics, 'backtest/turnover_size')} {base} "
        f"({_money_cell(metrics, 'backtest/turnover')} {quote}) traded; of the time {held}. On average "
        f"{prices}: {_bps(metrics, 'backtest/slippage_bps')} worse."
    )


def _costs(metrics: Metrics) -> str:
    if metrics.get("backtest/breakeven_cost_bps") is None:
        return "Break-even cost: none, for nothing was traded beyond what holding trades."
    return (
        f"Break-even cost {_bps(metrics, 'backtest/breakeven_cost_bps')} of the value traded, "
        f"{_bps(metrics, 'backtest/cost_bps')} paid; edge {_bps(metrics, 'backtest/edge_before_costs_bps')} "
        f"before costs, {_bps(metrics, 'backtest/edge_after_costs_bps')} after."
    )


def _chance(config: Mapping[str, object], metrics: Metrics) -> str:
    draws = _part(config, "backtest").get("random_draws")
    beaten, captured = metrics.get("backtest/random/beaten"), metrics.get("backtest/oracle_path/captured")
    said = f"Of {draws} strategies with its wishes at random times, "
    if beaten == 0.5 and metrics.get("backtest/alpha") == metrics.get("backtest/alpha_drawdown") == 0:
        said += "all hold as it does"
    else:
        said += f"{beaten:.0%} earn less (equal ones count half)" if beaten is not None else "none was tried"
    if metrics.get("backtest/oracle_path/pnl") is None:
        return f"{said}; there is no oracle path beside it."
    return f"{said}; of the oracle path's alpha it takes {DASH if captured is None else f'{captured:.1%}'}."


def base_asset(config: Mapping[str, object]) -> str:
    """Of a symbol such as ETH_JPY; the symbol itself where it does not say."""
    return _symbol(config).partition("_")[0]


def quote_currency(config: Mapping[str, object]) -> str:
    """Of a symbol such as ETH_JPY; `quote` where it does not say."""
    return _symbol(config).partition("_")[2] or "quote"


def _symbol(config: Mapping[str, object]) -> str:
    return str(_part(config, "data").get("symbol", ""))


def _money_cell(metrics: Metrics, key: str, sign: str = "") -> str:
    value = metrics.get(key)
    if value is None:
        return DASH
    return f"{round(value):{sign},}" if round(value) else "0"


def _ratio(metrics: Metrics, key: str) -> str:
    value = metrics.get(key)
    return DASH if value is None else f"{value:.2f}"


def _whole(metrics: Metrics, key: str) -> str:
    value = metrics.get(key)
    return DASH if value is None else f"{value:,.0f}"


def _px(metrics: Metrics, key: str) -> str:
    value = metrics.get(key)
    return DASH if value is None else f"{value:,.6g}" if value < 1000 else f"{value:,.1f}"


def _bps(metrics: Metrics, key: str) -> str:
    value = metrics.get(key)
    return DASH if value is None else f"{value:.2f} bps"


def _part(content: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}
