"""What an experiment demands of its data, and the message that refuses less."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from atc.config.quality import Quality
from atc.errors import DataError
from atc.events.quality.day import DayQuality
from atc.events.quality.figures import Figures
from atc.events.quality.table import plain_value

_SHOWN = 5


@dataclass(frozen=True)
class Miss:
    """A limit that a day does not keep."""

    day: date | None
    """None: of the stream, not of a day."""
    limit_name: str
    """Its key under `quality`."""
    limit: float
    found: float | None
    """None: the figure cannot be had, so the limit cannot be shown to hold."""

    def __str__(self) -> str:
        figure = figure_of(self.limit_name)
        most = "at most" if self.limit_name.startswith("max_") else "at least"
        found = "not to be had" if self.found is None else plain_value(figure, self.found)
        where = f"business day {self.day}" if self.day else "between the first and the last day"
        return (
            f"{where}: {figure} is {found}; quality.{self.limit_name} takes {most} "
            f"{plain_value(figure, self.limit)}"
        )


def limits_of(quality: Quality) -> dict[str, float]:
    """The limits that are set, by key."""
    values = {name: getattr(quality, name) for name in Quality.model_fields if name != "measure"}
    return {name: float(value) for name, value in values.items() if value is not None}


def figure_of(limit_name: str) -> str:
    """The figure that a limit bounds: `max_crossed_share` bounds `crossed_share`."""
    return limit_name.removeprefix("max_").removeprefix("min_")


def misses(days: Iterable[DayQuality], missing_days: Sequence[date], quality: Quality) -> list[Miss]:
    """Every limit that is not kept, in order of days."""
    limits = limits_of(quality)
    missed = []
    of_stream = limits.pop("max_missing_days", None)
    if of_stream is not None and len(missing_days) > of_stream:
        missed.append(Miss(None, "max_missing_days", of_stream, len(missing_days)))
    for day in days:
        missed += [
            Miss(day.date, name, limit, day.figures.get(figure_of(name)))
            for name, limit in limits.items()
            if not _keeps(name, limit, day.figures)
        ]
    return missed


def _keeps(name: str, limit: float, figures: Figures) -> bool:
    figure = figure_of(name)
    value = figures.get(figure)
    if value is None:
        # A share of no messages, an offset without two clocks: there is nothing that could be bad. But where
        # nothing was measured at all, nothing is known.
        return figure in figures
    return value >= limit if name.startswith("min_") else abs(value) <= limit


def refuse(missed: Sequence[Miss], data_name: str) -> None:
    """Raises DataError that names days, measures, limits and the ways out; nothing for no misses."""
    if not missed:
        return
    told = [f"  {miss}" for miss in missed[:_SHOWN]]
    if len(missed) > _SHOWN:
        told.append(f"  and {len(missed) - _SHOWN} more")
    raise DataError(
        "\n".join(
            [
                f"data={data_name} is not of the quality that this run demands:",
                *told,
                f"Look at it with `atc doctor data={data_name}`. Then mend or ingest the data again, choose "
                "other days, raise the limit, or take the data as they are with quality=any.",
            ]
        )
    )
