"""What each key of metrics.json is: its unit and its meaning, declared once for pages and tools.

A key is made of parts, so a declaration is a pattern: `<who>holdout/<figure><head><end>`. Every key of
finished runs is held against the declarations by `tests/test_metric_keys.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from atc.backtest.figures import OUTCOMES

PARTS = {
    "<who>": (
        r"(?:(?:baseline|volatility|trivial|fallback)/)?",
        "nothing: the named model; `baseline/`; `volatility/`: volatility and time of day alone; "
        "`trivial/`: the shares of the classes in training; `fallback/`: what stands in for a model that "
        "the gate rejected",
    ),
    "<lift>": (
        r"(?:lift|lift_over_volatility)",
        "`lift`: the named model less the baseline; `lift_over_volatility`: less volatility alone",
    ),
    "<split>": (r"(?:valid|holdout)", "`valid`, which selects, or `holdout`, which judges"),
    "<part>": (r"(?:train|valid|holdout)", "`train`, `valid` or `holdout`"),
    "<figure>": ("", "a figure of the table above; three classes add those of each class"),
    "<ranking>": (r"(?:auc|pearson)", "`auc`, or `pearson` of a return"),
    "<head>": (r"(?:@[\w.]+)?", "of a label of several horizons the head, such as `@300s`; else nothing"),
    "<end>": (
        r"(?:/lo|/hi)?",
        "nothing: the value; `/lo`, `/hi`: the ends of its 95 % interval (`evaluation.confidence`)",
    ),
    "<class>": (r"[A-Z]+", "a class of the label, such as `HOLD`"),
    "<k>": (r"\w+", "the name of a fold, or the number of a path"),
    "<cause>": (r"\w+", "why a row has no label ([labels](../labels.md))"),
    "<traded>": (
        r"(?:(?:fallback|refit)/)?",
        "nothing: the named model; `fallback/`, `refit/`: what is traded beside it",
    ),
}
"""By the name of a part: what it matches, and what it says."""


@dataclass(frozen=True)
class Declared:
    """Keys of one meaning."""

    pattern: str
    unit: str
    meaning: str

    def matches(self, key: str) -> bool:
        """Whether `key` is one of them."""
        return _compiled(self.pattern).fullmatch(key) is not None


FIGURES = (
    Declared(
        "auc",
        "share",
        "P(score of a positive > score of a negative) + ½ P(equal); of three classes their mean",
    ),
    Declared(
        "direction_auc", "share", "the same against the sign of the return, on rows that moved enough to pay"
    ),
    Declared("pr_auc", "share", "average precision; no skill scores the base rate"),
    Declared("log_loss", "nats", "mean −ln p of what happened"),
    Declared("brier", "1", "mean squared error of the probabilities"),
    Declared("ece", "share", "expected calibration error, 20 bins of equal count"),
    Declared("accuracy", "share", "called what it was, by the prior-adjusted argmax"),
    Declared("macro_f1", "share", "mean of the classes' F1"),
    Declared("p_t", "share", "transactions that were called and happened, of all that were either"),
    Declared("auc/<class>", "share", "of three classes: one against the rest"),
    Declared("f1/<class>", "share", "2·tp/(2·tp + fp + fn)"),
    Declared("pearson", "1", "correlation of score and return"),
    Declared("spearman", "1", "correlation of their ranks"),
    Declared("mse", "bps²", "of a return: mean squared error"),
    Declared("directional_accuracy", "share", "of a return: right signs, on rows that moved"),
    Declared("pearson/t", "1", "Newey–West t of the correlation, by the baseline's horizon"),
    Declared("spearman/t", "1", "the same of the ranks"),
    Declared("confusion/<class>/<class>", "rows", "that were the first and called the second"),
)
"""What stands for `<figure>`; formulas, sources and traps: docs/metrics.md."""

_BACKTEST = (
    Declared("pnl", "quote", "equity at the end of the holdout"),
    Declared("alpha", "quote", "pnl less that of always HOLD, bought at the same decision"),
    Declared("alpha_daily<end>", "quote a day", "alpha by business day, with its interval"),
    Declared("alpha_daily/blocks", "count", "blocks of the interval"),
    Declared("days", "count", "whole business days"),
    Declared(
        "(alpha/)?(price|spread_impact|fees|carry)", "quote", "where the money (or the alpha) came from"
    ),
    Declared("(alpha_)?sharpe", "a day", "mean over standard deviation of daily gains, not annualised"),
    Declared("(alpha_)?drawdown", "quote", "largest fall of the curve from its peak"),
    Declared("orders", "count", "submissions"),
    Declared("orders/(capped|reduced)", "count", "cut to the venue's largest order; cut to what reduces"),
    Declared(f"outcome/({'|'.join(OUTCOMES)})", "count", "what became of the orders"),
    Declared("fills", "count", "orders with a fill"),
    Declared("fill_rate", "share", "of the size that was asked for"),
    Declared("turnover", "quote", "value traded"),
    Declared("turnover_size", "base", "size traded"),
    Declared("slippage_bps", "bps", "paid beyond the best price at the decision, weighed by size"),
    Declared("(buy|sell)/(expected|actual)_px", "quote", "mean price at the decisions, and as filled"),
    Declared("time_(long|flat|short)", "share", "of the time with that position"),
    Declared("edge_(before|after)_costs_bps", "bps", "what trades beyond always HOLD's earn, of their value"),
    Declared("breakeven_cost_bps", "bps", "cost of traded value at which the alpha is 0"),
    Declared("cost_bps", "bps", "what spread, impact and fees took of the value traded beyond always HOLD's"),
    Declared(
        "random/(pnl|alpha|fills)", "quote, count", "mean of strategies with the same wishes at random times"
    ),
    Declared("random/beaten", "share", "of them that earned less, ties by half"),
    Declared("oracle_path/captured", "share", "of the best path's alpha"),
    Declared("theta", "score", "the threshold that the policy learned on validation; null: never leave"),
    Declared("theta_short", "score", "the same of short positions"),
    Declared("valid/alpha", "quote", "what it earned there: the largest of many, so it flatters"),
    Declared(
        "valid/leaving/(theta|alpha)", "score, quote", "the best threshold that left, where never leaving won"
    ),
)
"""Below `<traded>backtest/`."""

_CONTROLS = (
    Declared("always_hold/(price|spread_impact|fees|carry|pnl)", "quote", "the benchmark"),
    Declared("(flat|oracle_path)/(pnl|alpha)", "quote", "never in the market; the best path in hindsight"),
    Declared(
        "waterfall(_reverse)?/\\w+", "quote", "what a step takes of the oracle path's alpha, in both orders"
    ),
    Declared("sensitivity/alpha_min", "quote", "least alpha of all cells"),
    Declared("sensitivity/positive", "share", "of all cells with alpha above 0"),
    Declared("sensitivity/depth", "share", "the depth of the cells that are named"),
    Declared("sensitivity/[\\d.e+-]+s_[\\d.e+-]+bps/alpha", "quote", "alpha at that latency and fee"),
    Declared("capacity/[\\d.e+-]+/alpha", "quote", "alpha at that size"),
    Declared("capacity/[\\d.e+-]+/fill_rate", "share", "filled at that size"),
)
"""Below `backtest/`."""

FAMILIES = (
    Declared("<who>train/<ranking><head>", "share", "how well the rows are ranked that were fitted"),
    Declared("<who>valid/<figure><head>", "of the figure", "on validation, which chose: no interval"),
    Declared("<who>holdout/<figure><head><end>", "of the figure", "on the holdout; null in a sealed run"),
    Declared("<lift>/valid/<ranking><head>", "share", "paired difference on validation"),
    Declared(
        "<lift>/holdout/<figure><head><end>", "of the figure", "paired difference: same rows, same resamples"
    ),
    Declared(
        "(<lift>/)?holdout/(auc|direction_auc)<head>/below_power",
        "0 or 1",
        "1: claimed, and nearer to chance than the holdout was said to detect",
    ),
    Declared(
        "power/holdout/(auc|direction_auc|lift)<head>/min_detectable",
        "share",
        "distance from chance, or lift, that 80 % of such holdouts show; said before the fit",
    ),
    Declared(
        "power/holdout/(auc|direction_auc|lift)<head>/expected_half_width",
        "share",
        "half the interval to expect",
    ),
    Declared("<part>/rows<head>", "rows", "that have the label"),
    Declared("<part>/base_rate<head>", "share", "of the last class, HOLD or UP"),
    Declared("<part>/class/<class>/share<head>", "share", "of the labelled rows"),
    Declared("<part>/return/(mean|std)_bps<head>", "bps", "of a return, of the labelled rows"),
    Declared("<part>/null/share<head>", "share", "of the rows without a label"),
    Declared("<part>/null/<cause>/share<head>", "share", "of the rows without a label for that reason"),
    Declared("holdout/blocks<head>", "count", "blocks of time that intervals draw"),
    Declared(
        "<lift>/holdout/<figure><head>/blocks",
        "count",
        "that hold the rarest class of the figure",
    ),
    Declared("holdout/direction_rows<head>", "rows", "that moved enough for the direction AUC"),
    Declared("holdout/independent_windows<head>", "count", "label windows that do not overlap"),
    Declared("holdout/always_hold_accuracy<head>", "share", "how often always HOLD is right"),
    Declared("train/rows_before_thinning", "rows", "of which `train/rows` are left"),
    Declared("train/own_labels<head>", "labels", "that overlap with no other, as many as the rows are worth"),
    Declared("fold/<k>/(train|valid|test)/rows<head>", "rows", "of a part of a fold"),
    Declared("fold/<k>/<who>(train|valid)/<ranking><head>", "share", "of a fold"),
    Declared("fold/<k>/<who>test/<figure><head>", "of the figure", "of the test rows of a fold"),
    Declared("fold/<k>/<lift>/test/<figure><head>", "of the figure", "paired difference of a fold"),
    Declared("folds/count", "count", "folds"),
    Declared(
        "folds/(<who>|<lift>/)((train|valid)/)?<figure><head>/mean<end>",
        "of the figure",
        "mean over the folds, of their test rows where no part is named",
    ),
    Declared("path/<k>/test/<ranking><head>", "share", "along one whole path of CPCV"),
    Declared("paths/count", "count", "paths"),
    Declared("paths/<ranking><head>/(mean|min|max|std)", "share", "over the paths"),
    Declared("gate/verdict", "1, 0 or null", "accepted, rejected, undecided"),
    Declared("gate/gap<end>", "share", "training AUC less validation AUC, mean over the folds"),
    Declared("refit/<split>/fits", "count", "fits on the way"),
    Declared("refit/<split>/<ranking><head><end>", "share", "of the model that was kept young"),
    Declared("lift_of_refit/<split>/<ranking><head><end>", "share", "less the model that stayed"),
    Declared(
        "calibration/<split>/(ece|log_loss|brier)<head>/(before|after)",
        "of the figure",
        "what calibration changed",
    ),
    Declared("(seeds|members)/count", "count", "fits, or runs, whose scores are averaged"),
    Declared(
        "(seeds|members)/<split>/<figure><head>/(mean|sd|min|max)", "of the figure", "over the single models"
    ),
    Declared(
        "regimes/(trend|volatility)_cut", "of the column", "where regimes are told apart: medians of training"
    ),
    Declared("adversarial/auc", "share", "how well the holdout's inputs are told from training's; ½: alike"),
    Declared("warning/\\w+", "1", "what every output of the run says"),
    *(Declared(f"<traded>backtest/{one.pattern}", one.unit, one.meaning) for one in _BACKTEST),
    *(Declared(f"backtest/{one.pattern}", one.unit, one.meaning) for one in _CONTROLS),
)
"""Every key, by pattern."""


def declared(key: str) -> Iterator[Declared]:
    """The declarations that `key` is one of; none of an unknown key."""
    return (family for family in FAMILIES if family.matches(key))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    figures = "|".join(one.pattern for one in FIGURES)
    expression = pattern.replace("<figure>", f"(?:{figures})")
    for name, (matched, _) in PARTS.items():
        if name != "<figure>":
            expression = expression.replace(name, matched)
    return re.compile(expression)
