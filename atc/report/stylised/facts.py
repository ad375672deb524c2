"""All stylised facts of a market, measured a day at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from atc.report.stylised.measured import Measured, Measurement

if TYPE_CHECKING:
    from atc.report.stylised.market_day import MarketDay


def measure(
    name: str,
    days: Iterable[MarketDay],
    *,
    is_simulated: bool,
    progress: Callable[[], object] = lambda: None,
) -> Measured:
    """The facts of a market's days. `progress` is called after each day."""
    from atc.report.stylised.book_facts import Depth, Spread
    from atc.report.stylised.flow_facts import Impact, InterArrival, Seasonality, SignMemory, Sizes
    from atc.report.stylised.price_facts import Returns, Signature

    measurements: list[Measurement] = [
        Spread(),
        Depth(),
        Returns(),
        Signature(),
        SignMemory(),
        InterArrival(),
        Sizes(),
        Seasonality(),
        Impact(),
    ]
    measured = Measured(name, is_simulated, takes_prices_from="trades")
    for day in days:
        measured.days += 1
        if day.quotes is not None:
            measured.takes_prices_from = "mid"
        for measurement in measurements:
            measurement.add(day)
        progress()
    for measurement in measurements:
        measurement.finish(measured)
    return measured
