"""What the rows of a holdout can say, and which claims their intervals do not carry, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from atc.config.evaluation import Evaluation
from atc.evaluation import metrics
from atc.evaluation.blocks import chance_standard_error
from atc.evaluation.head import Head, HeadRows
from atc.evaluation.headline import Headline
from atc.evaluation.lift import Resampling


def notes_on_data(
    rows: HeadRows, blocks: str, windows: int, draws: Resampling, config: Evaluation
) -> list[str]:
    """What these rows can say, whoever scores them; `blocks`, which `draws` are of, in words."""
    if len(rows.y) == 0:
        return [_of(rows.head, "no holdout row has this label, so its figures are null")]
    notes = [
        f"intervals: {config.confidence:.0%}, {config.resamples} resamples of {blocks} of the holdout"
        if draws.times is not None
        else f"interval null: {blocks}, {config.min_blocks} needed; the figures stand without a measure of "
        "chance, so no comparison is decided here"
    ]
    head = rows.head
    horizon = f"{head.horizon_ns / 1e9:g} s"
    if len(head.classes) == 2:
        share = float(np.mean(rows.codes == 1))
        error = chance_standard_error(windows, share)
        notes.append(
            f"single class: all {len(rows.y):,} holdout labels are {int(share)}, so the AUC is null"
            if error is None
            else f"{len(rows.y):,} holdout rows are {windows:,} disjoint label windows of {horizon}: by "
            f"chance alone the AUC of a worthless score lies {error:.3f} (1 s.e.) from 0.5"
        )
    else:
        notes.append(f"{len(rows.y):,} holdout rows are {windows:,} disjoint label windows of {horizon}")
        absent = [name for code, name in enumerate(head.classes) if not np.any(rows.codes == code)]
        if absent:
            notes.append(f"no holdout label is {' or '.join(absent)}, so the AUC is null")
    notes += _rare(rows, draws)
    moved = metrics.direction_rows(rows.r_bps, head.exit_bps)
    up = int(np.count_nonzero(rows.r_bps[moved] > 0.0))
    down = int(np.count_nonzero(moved)) - up
    if up == 0 or down == 0:
        notes.append(
            f"direction AUC null: of the rows with |r| > {head.exit_bps:g} bps {up:,} go up and {down:,} "
            "down, both are needed"
        )
    return [_of(head, note) for note in notes]


def _rare(rows: HeadRows, draws: Resampling) -> list[str]:
    """Classes that occur, in too few blocks."""
    found = []
    for code, name in enumerate(rows.head.classes):
        of_class = rows.codes == code
        if draws.times is not None and of_class.any() and not draws.bears_interval(of_class):
            found.append(
                f"AUC, PR-AUC and F1 of {name} without interval, and means over it: its labels lie in "
                f"{draws.blocks_with(of_class)} of {draws.n_blocks} blocks, {draws.min_blocks} needed"
            )
    return found


def notes_on_figures(
    head: Head,
    figures: Mapping[str, float | None],
    found: Mapping[str, Headline],
    lifts: Sequence[tuple[str, str]],
    *,
    drawn: bool,
) -> list[str]:
    """Claims that the intervals do not carry; `found`: of the models, the named one first; `drawn`: the rows
    have blocks enough for intervals.
    """
    notes = []
    names = {"auc": "AUC", "direction_auc": "direction AUC", "pearson": "Pearson correlation"}
    ranking = head.ranking
    nothing = 0.5 if head.classes else 0.0
    for figure in (ranking, "direction_auc"):
        for name, of in found.items():
            sample = of.samples[figure]
            if sample.value is not None and sample.resampled is not None and sample.estimate.interval is None:
                notes.append(
                    f"{names[figure]} interval of the {name} null: more than 5 % of the resamples hold one "
                    "class only"
                )
    named = next(iter(found.values()))
    part = named.samples["direction_auc"]
    if part.value is not None and drawn and part.resampled is None:
        notes.append(
            f"direction AUC interval null: the rows with |r| > {head.exit_bps:g} bps that go up, or those "
            "that go down, lie in too few blocks"
        )
    area = named.samples[ranking].estimate.interval
    direction = named.samples["direction_auc"].estimate.interval
    if area is not None and area.contains(nothing):
        notes.append(
            f"the {names[ranking]}'s interval contains {nothing:g}: these data do not show that the model "
            "ranks at all"
        )
    elif (
        head.classes
        and area is not None
        and area.lo > 0.5
        and direction is not None
        and direction.contains(0.5)
    ):
        notes.append(
            "the AUC is above 0.5 and the direction AUC's interval contains 0.5: the score may know how "
            "much the price moves without knowing which way"
        )
    for lift, other in lifts:
        lo, hi = (figures[f"{head.key(f'{lift}/holdout/{ranking}')}/{end}"] for end in ("lo", "hi"))
        if lo is not None and hi is not None and lo <= 0.0 <= hi:
            notes.append(
                f"the lift's interval over the {other} contains 0: these data do not tell the two apart"
            )
    return [_of(head, note) for note in notes]


def _of(head: Head, note: str) -> str:
    return f"{head.name}: {note}" if head.name else note
