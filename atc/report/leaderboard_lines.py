"""A leaderboard as text of at most 100 columns, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atc.report.cells import DASH, Row, number
from atc.report.claims import BELOW, ITSELF, NOT_SHOWN, UNKNOWN
from atc.report.leaderboard import EXPECTATION, Entry, Leaderboard, Ranked, Ranking
from atc.report.leaderboard_cost import cost_lines, unit_of
from atc.report.leaderboard_keys import key_lines
from atc.report.page import Page, counted, listed
from atc.report.record_tables import FLATTERS, luck
from atc.report.run_cost import SAME_COST
from atc.report.trials import Trials

_OWN_BASELINE = "—— its own baseline ——"


def leaderboard_lines(board: Leaderboard, *, markdown: bool = False, brief: bool = False) -> Iterator[str]:
    """The board, its costs, and the keys that differ; `brief`: see `board_lines`."""
    yield from board_lines(board, markdown=markdown, brief=brief)
    if board.rankings:
        yield ""
        yield from cost_lines(board, markdown=markdown)


def board_lines(board: Leaderboard, *, markdown: bool = False, brief: bool = False) -> Iterator[str]:
    """Everything but the costs; `brief`: nor what a comparison of the same runs says as well."""
    page = Page(markdown)
    return page.lines(_board(board, page, brief=brief))


def _board(board: Leaderboard, page: Page, *, brief: bool) -> Iterator[str]:
    entries = board.entries
    yield from page.said(
        f"leaderboard of {board.name}: {counted(len(entries), 'run')} on it, {len(board.apart)} apart"
    )
    for ranking in board.rankings:
        yield ""
        yield from _ranking_lines(board, ranking, page)
        yield ""
        yield from _further_lines(ranking, page, brief=brief)
    for trials in () if brief else board.trials:
        yield ""
        yield from _trials_lines(trials, page)
    if entries:
        yield ""
        yield from _group_lines(entries, page)
        yield from key_lines(board, page)
        yield from () if brief else _warning_lines(entries, page)
    if board.apart:
        yield ""
        yield from page.said("apart, each for its reason")
        rows = [[page.name(one.label), why] for one, why in board.apart]
        yield from page.table([["run", "why"], *rows], words=(0, 1), fold=True)


def _ranking_lines(board: Leaderboard, ranking: Ranking, page: Page) -> Iterator[str]:
    yield from page.said(_heading(board, ranking))
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


_TOLD = {
    NOT_SHOWN: "its lift is not told apart from 0 when all are looked at",
    BELOW: "its lift is below 0 when all are looked at",
    ITSELF: "the run is its own baseline",
    UNKNOWN: "too few independent blocks; the figures cannot tell skill from luck",
}


def _heading(board: Leaderboard, ranking: Ranking) -> str:
    if ranking.split == "valid":
        return (
            "ON VALIDATION, the holdout untouched: an order by which to choose, and no ranking. It flatters: "
            "models stopped on these rows, the first of many is one of luck too, and no lift has an "
            "interval, so none is shown to be above its baseline"
        )
    unit = "the plan's expectation" if ranking.unit == EXPECTATION else unit_of(ranking)
    many = counted(board.claims, "lift")
    return (
        f"ranking by lift over each run's own baseline on the holdout, in units of {unit} and for each "
        f"core-hour (costs within {100 * (SAME_COST - 1):.0f} % count as one). Ranked is what stays above 0 "
        f"when {many} {'are' if board.claims != 1 else 'is'} looked at together (Holm at "
        f"{100 * board.level:g} %); intervals are each run's own"
    )


def _ranking_row(one: Ranked, page: Page) -> Row:
    claim = one.entry.claim
    interval = DASH if claim.lo is None or claim.hi is None else f"{claim.lo:+.4f} … {claim.hi:+.4f}"
    return [
        DASH if one.rank is None else str(one.rank),
        page.name(one.entry.candidate.label),
        claim.name,
        number(claim.lift, "+"),
        interval,
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


def _trials_lines(trials: Trials, page: Page) -> Iterator[str]:
    records = trials.records
    on_validation = trials.split == "valid"
    looks = "runs that judged on that time" if on_validation else "looks"
    where = "sealed runs on validation" if on_validation else "runs on the holdout"
    yield from page.said(
        f"alpha over always HOLD, {counted(len(records.runs), 'trial')}, {where}: {luck(records, looks)}; "
        f"probability of backtest overfitting {number(records.overfitting, '')}, by the {records.period}"
    )
    reasons: dict[str, list[str]] = {}
    for run in records.runs:
        if run.why_not_deflated is not None:
            reasons.setdefault(run.why_not_deflated, []).append(run.name)
    for why, names in reasons.items():
        whose = "any of them" if len(names) == len(records.runs) else listed(names)
        yield from page.said(f"no DSR of {whose}: {why}")
    if on_validation:
        yield from page.said(FLATTERS)


def _group_lines(entries: Sequence[Entry], page: Page) -> Iterator[str]:
    yield from page.said(
        "place: by the absolute figure, among runs of the same data, window, sampling, label and protocol; "
        "absolute figures of different groups are not comparable"
    )
    groups = {entry.group.letter: entry.group.told for entry in entries}
    for letter, told in groups.items():
        yield from page.said(f"{letter}: {told}")


def _warning_lines(entries: Sequence[Entry], page: Page) -> Iterator[str]:
    """What a reader of some of the figures has to know, each sentence once."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        for told in _warnings(entry):
            names.setdefault(told, []).append(entry.candidate.label)
    for told, whose in names.items():
        yield ""
        yield from page.said(f"{listed(whose)}: {told}")


def _warnings(entry: Entry) -> Iterator[str]:
    warned = [key for key, value in entry.metrics.items() if key.startswith("warning/") and value]
    if warned:
        yield f"warns {', '.join(key.removeprefix('warning/') for key in warned)}; its notes say why"
    if entry.gate == "rejected":
        yield "its gate rejected the model that these figures are of"
    if entry.looks is None and entry.claim.split == "holdout":
        yield "its look is in no ledger beside its data, so nobody knows how many there were"
