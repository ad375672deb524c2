"""A leaderboard as text of at most 100 columns, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atc.report.cells import DASH, Row, number
from atc.report.claims import BELOW, ITSELF, NOT_SHOWN, UNKNOWN
from atc.report.leaderboard import EXPECTATION, Entry, Leaderboard, Ranked, Ranking
from atc.report.leaderboard_cost import cost_lines, unit_of
from atc.report.leaderboard_keys import key_lines
from atc.report.leaderboard_notes import MARKED, told_of, warnings_on
from atc.report.page import Page, counted
from atc.report.run_cost import STEP
from atc.report.searched import Objective, best_lines
from atc.report.verdict import BELOW_POWER

_OWN_BASELINE = "—— its own baseline ——"


def leaderboard_lines(board: Leaderboard, *, markdown: bool = False, brief: bool = False) -> Iterator[str]:
    """The board, its costs, the keys that differ, and of a search its answer; `brief`: see `board_lines`."""
    page = Page(markdown)
    yield from page.lines(_board(board, page, brief=brief))
    if board.rankings:
        yield ""
        yield from cost_lines(board, markdown=markdown)
    yield from best_lines(board.best, page)


def board_lines(board: Leaderboard, *, markdown: bool = False, brief: bool = False) -> Iterator[str]:
    """Everything but the costs; `brief`: nor what a comparison of the same runs says as well."""
    page = Page(markdown)
    return page.lines((*_board(board, page, brief=brief), *best_lines(board.best, page)))


def _board(board: Leaderboard, page: Page, *, brief: bool) -> Iterator[str]:
    entries = board.entries
    yield from page.said(
        f"leaderboard of {board.name}: {counted(len(entries), 'run')} on it, {len(board.apart)} apart"
    )
    for place, ranking in enumerate(board.rankings):
        yield ""
        again = any(before.split == ranking.split for before in board.rankings[:place])
        yield from page.said(_again(ranking) if again else _heading(board, ranking))
        yield from _ranking_lines(ranking, page)
        yield ""
        yield from _further_lines(ranking, page, brief=brief)
        yield from _beside_lines(ranking, page)
    for trials in () if brief else board.trials:
        yield ""
        for told in told_of(trials):
            yield from page.said(told)
    if entries:
        yield ""
        yield from _group_lines(entries, page)
        yield from key_lines(board, page)
        for told in warnings_on(entries, brief=brief):
            yield ""
            yield from page.said(told)
    if board.apart:
        yield ""
        yield from page.said("apart, each for its reason")
        rows = [[page.name(one.label), why] for one, why in board.apart]
        yield from page.table([["run", "why"], *rows], words=(0, 1), fold=True)


def _ranking_lines(ranking: Ranking, page: Page) -> Iterator[str]:
    if ranking.objective is not None:
        yield from _objective_table(ranking, ranking.objective, page)
        return
    head = ["#", "run", "lift of", "lift", "interval", "hoped", "of it", "verdict"]
    shown = [one for one in ranking.entries if one.rank is not None]
    others = [one for one in ranking.entries if one.rank is None]
    rows = [_ranking_row(one, page) for one in shown]
    if ranking.split == "holdout":
        rows.append([DASH, _OWN_BASELINE, *[""] * (len(head) - 2)])
    rows += [_ranking_row(one, page) for one in others]
    yield from page.table([head, *rows], words=(0, 1, 2, len(head) - 1))
    found = {one.entry.judged.verdict for one in ranking.entries}
    for verdict, told in _TOLD.items():
        if verdict in found:
            yield from page.said(f"{verdict}: {told}")


def _objective_table(ranking: Ranking, objective: Objective, page: Page) -> Iterator[str]:
    """Trials of a search, which have neither ranks nor intervals."""
    head = ["run", objective.figure, "lift of", "lift", "hoped", "of it"]
    rows = []
    for one in ranking.entries:
        _, name, figure, lift, _, hoped, share, _ = _ranking_row(one, page)
        rows.append([name, number(objective.of(one.entry.metrics), ""), figure, lift, hoped, share])
    yield from page.table([head, *rows], words=(0, 2))


_TOLD = {
    NOT_SHOWN: "its lift is not told apart from 0 when all are looked at",
    BELOW: "its lift is below 0 when all are looked at",
    ITSELF: "the run is its own baseline",
    UNKNOWN: "too few independent blocks; the figures cannot tell skill from luck",
}


def _again(ranking: Ranking) -> str:
    where = "on validation" if ranking.split == "valid" else "on the holdout"
    return f"the same {where} of runs without a plan, in units of {unit_of(ranking)}"


def _heading(board: Leaderboard, ranking: Ranking) -> str:
    unit = "the plan's expectation" if ranking.unit == EXPECTATION else unit_of(ranking)
    if ranking.split == "valid":
        return (
            "ON VALIDATION, the holdout untouched: an order by which to choose, and no ranking, "
            f"{_order(ranking.objective, unit)}. It flatters: models stopped on these rows, the first of "
            "many is one of luck too, and no lift has an interval, so none is shown to be above its baseline"
        )
    many = counted(board.claims, "lift")
    return (
        f"ranking by lift over each run's own baseline on the holdout, in units of {unit} and for each "
        f"core-hour of fit (in steps of {100 * (STEP - 1):.0f} %). Ranked is what stays above 0 "
        f"when {many} {'are' if board.claims != 1 else 'is'} looked at together (Holm at "
        f"{100 * board.level:g} %); intervals are each run's own"
    )


def _order(objective: Objective | None, unit: str) -> str:
    if objective is None:
        return f"in units of {unit}"
    first = "smallest" if objective.direction == "minimize" else "largest"
    return f"by {objective.figure}, the search's objective, the {first} first"


def _ranking_row(one: Ranked, page: Page) -> Row:
    claim = one.entry.claim
    return [
        DASH if one.rank is None else str(one.rank),
        page.name(one.entry.candidate.label),
        claim.name,
        number(claim.lift, "+"),
        _interval(claim.lo, claim.hi),
        DASH if claim.expects is None else f"{claim.expects:+.3f}",
        DASH if claim.share is None else f"{100.0 * claim.share:.0f} %",
        one.entry.judged.verdict,
    ]


def _further_lines(ranking: Ranking, page: Page, *, brief: bool) -> Iterator[str]:
    """What the absolute figures are, what the run earned, and who judged it."""
    entries = [one.entry for one in ranking.entries]
    periods = {one.trials.records.sharpe_period for one in entries if one.trials is not None}
    period = periods.pop() if len(periods) == 1 else "period"
    earned = [] if brief else [f"Sharpe a {period}", "DSR", "looks"]
    head = ["run", "figure", "baseline", "place", "gate", "alpha", *earned]
    yield from page.table([head, *(_further_row(one, page)[: len(head)] for one in entries)])


def _further_row(entry: Entry, page: Page) -> Row:
    track = entry.track
    return [
        page.name(entry.candidate.label),
        number(entry.claim.value, ""),
        number(entry.claim.baseline, ""),
        f"{entry.group.letter} {entry.place}/{entry.of}" if entry.of > 1 else entry.group.letter,
        entry.gate or DASH,
        DASH if track is None else f"{track.alpha:+,.0f}",
        DASH if track is None else number(track.sharpe, "+"),
        DASH if track is None else number(track.deflated, ""),
        DASH if entry.looks is None else str(entry.looks),
    ]


def _beside_lines(ranking: Ranking, page: Page) -> Iterator[str]:
    """Whether the lifts are more than knowing how much the price moves, and whether they could be seen."""
    entries = [one.entry for one in ranking.entries]
    if all(one.beside.over_volatility is None and one.beside.direction is None for one in entries):
        return
    yield ""
    rows = [_beside_row(one, page) for one in entries]
    yield from page.table([["run", "lift", "over volatility", "interval", "direction AUC"], *rows])
    if any(BELOW_POWER in cell for row in rows for cell in row[1:]):
        yield from page.said(MARKED)


def _beside_row(entry: Entry, page: Page) -> Row:
    beside = entry.beside
    return [
        page.name(entry.candidate.label),
        _marked(number(entry.claim.lift, "+"), beside.lift_below),
        _marked(number(beside.over_volatility, "+"), beside.over_volatility_below),
        _interval(beside.lo, beside.hi),
        _marked(number(beside.direction, ""), beside.direction_below),
    ]


def _marked(said: str, below: int | None) -> str:
    return f"{said} {BELOW_POWER}" if below else said


def _interval(low: float | None, high: float | None) -> str:
    return DASH if low is None or high is None else f"{low:+.4f} … {high:+.4f}"


def _group_lines(entries: Sequence[Entry], page: Page) -> Iterator[str]:
    yield from page.said(
        "place: by the absolute figure, among runs of the same data, window, sampling, label and protocol, "
        "judged on the same rows; absolute figures of different groups are not comparable"
    )
    groups = {entry.group.letter: entry.group.told for entry in entries}
    for letter, told in groups.items():
        yield from page.said(f"{letter}: {told}")
