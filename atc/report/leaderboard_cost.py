"""What the runs of a leaderboard cost, as lines."""

from __future__ import annotations

from collections.abc import Iterator

from atc.report.cells import DASH, Row
from atc.report.claims import MEASURES
from atc.report.leaderboard import EXPECTATION, Leaderboard, Ranked, Ranking
from atc.report.page import Page


def cost_lines(board: Leaderboard, *, markdown: bool = False) -> Iterator[str]:
    """What the runs cost."""
    page = Page(markdown)
    return page.lines(_cost(board, page))


def _cost(board: Leaderboard, page: Page) -> Iterator[str]:
    yield from page.said(
        "cost, as measured, in processor seconds: fit, of the model that has the lift; rest, what else the "
        "run made for itself: what the model is held against (baseline, volatility), folds, refits, figures, "
        "by what is switched on; all, with events, quality, features, labels, dataset and truth, whose "
        "results caches share; s: all by the clock; peak MiB of fit and rest; rows fitted and judged; "
        "a core-h: the lift in the ranking's unit for each core-hour of fit"
    )
    head = ["run", "a core-h", "fit", "rest", "all", "s", "MiB", "fitted", "judged"]
    for ranking in board.rankings:
        yield from page.said(f"in {unit_of(ranking)}{' on validation' if ranking.split == 'valid' else ''}")
        yield from page.table([head, *(_cost_row(one, page) for one in ranking.entries)])


def _cost_row(one: Ranked, page: Page) -> Row:
    cost = one.entry.cost
    return [
        page.name(one.entry.candidate.label),
        _worth(one.per_core_hour),
        _seconds(cost.fit_cpu_seconds),
        _seconds(cost.rest_cpu_seconds),
        _seconds(cost.cpu_seconds),
        _seconds(cost.seconds),
        f"{cost.peak_mib:,.0f}",
        DASH if cost.train_rows is None else f"{cost.train_rows:,}",
        DASH if cost.judged_rows is None else f"{cost.judged_rows:,}",
    ]


def unit_of(ranking: Ranking) -> str:
    """In which its lifts are, in words."""
    if ranking.unit == EXPECTATION:
        return "expectations"
    of = "" if ranking.group is None else f" of group {ranking.group.letter}"
    return f"{MEASURES.get(ranking.unit, ranking.unit)}{of}"


def _worth(value: float | None) -> str:
    if value is None:
        return DASH
    decimals = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    return f"{value:+,.{decimals}f}"


def _seconds(value: float | None) -> str:
    return DASH if value is None else f"{value:,.{1 if value < 1000 else 0}f}"
