"""A price tag as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from atc.report.cells import DASH, Row, table
from atc.review.estimate import RECORDED, Estimate
from atc.review.price import PriceTag

NO_PRICE = "no price: what a run of keys of another version would make, this version cannot say"
_HEAD = ["stage", "to make", "seconds", "MiB", "how it is known"]


def price_lines(price: PriceTag, right: str, *, markdown: bool) -> Iterator[str]:
    """The stages, and in sentences what they cost in all."""
    if not price.stages:
        yield "the same run: nothing is made, no look at the holdout is spent"
        return
    yield from table([_HEAD, *map(_row, price.stages)], markdown=markdown, words=(0, 1, 4))
    yield ""
    bullet = "- " if markdown else ""
    for sentence in sentences(price, right):
        yield f"{bullet}{sentence}"


def sentences(price: PriceTag, right: str) -> Iterator[str]:
    """Time and memory, and how sure they are; looks; the smallest lift."""
    if price.cached:
        yield f"from the cache: {', '.join(price.cached)}"
    yield _time(price, right)
    if price.peak_mib is not None:
        yield f"peak memory: {price.peak_mib:,.0f} MiB"
    yield _looks(price)
    for lift in price.lifts:
        of_head = f" of {lift.head}" if lift.head else ""
        yield f"smallest detectable lift{of_head}: {lift.value:.4f} AUC ({lift.how})"
    if not price.filed:
        yield "its events are not here: days are taken from the config, and no ledger is known"


def price_json(price: PriceTag) -> dict[str, Any]:
    """The same."""
    looks, interval = price.looks, price.interval
    return {
        "stages": [
            {
                "stage": one.stage.name,
                "share": one.stage.share,
                "why": one.stage.why,
                "certain": one.stage.certain,
                "seconds": one.seconds,
                "peak_mib": one.peak_mib,
                "basis": one.basis,
                "factor": one.factor,
                "runs": list(one.runs),
            }
            for one in price.stages
        ],
        "cached": list(price.cached),
        "minutes": None if price.seconds is None else price.seconds / 60,
        "minutes_from": None if interval is None else interval[0] / 60,
        "minutes_to": None if interval is None else interval[1] / 60,
        "minutes_without_early_stopping": None if price.most_seconds is None else price.most_seconds / 60,
        "seconds_between_stages": price.between,
        "peak_mib": price.peak_mib,
        "sureness": price.sureness,
        "unknown": list(price.unknown),
        "records": price.records,
        "looks": {"spent": looks.spent, "so_far": looks.so_far, "at_other_holdouts": looks.others},
        "smallest_detectable_lift": [
            {"head": lift.head, "value": lift.value, "how": lift.how} for lift in price.lifts
        ],
        "events_here": price.filed,
    }


def _row(one: Estimate) -> Row:
    return [
        one.stage.name,
        one.stage.why,
        DASH if one.seconds is None else f"{one.seconds:,.1f}",
        DASH if one.peak_mib is None else f"{one.peak_mib:,.0f}",
        _how(one),
    ]


def _how(one: Estimate) -> str:
    if not one.runs:
        return "no run has done it yet"
    others = f" and {len(one.runs) - 1} more" if len(one.runs) > 1 else ""
    factor = "" if one.basis == RECORDED else f" × {one.factor:.2g} of the work"
    return f"{one.basis}: {one.runs[-1]}{others}{factor}"


def _time(price: PriceTag, right: str) -> str:
    if not price.records:
        return (
            "expected time: nobody knows, no finished run is recorded here; one run is enough to begin with: "
            f"python -m atc.run +experiment={right.rpartition(':')[2]}"
        )
    parts = ", ".join(f"{share:.0%} {basis}" for basis, share in price.sureness.items())
    interval = price.interval
    if interval is None:
        return (
            f"expected time: {price.known_seconds / 60:.1f} min and what {', '.join(price.unknown)} take, "
            f"which no recorded run has done ({parts})"
        )
    low, high = interval
    return (
        f"expected time: {(price.seconds or 0) / 60:.1f} min in stages ({low / 60:.1f} … {high / 60:.1f}; "
        f"{parts}){_besides(price)}"
    )


def _besides(price: PriceTag) -> str:
    most, between = price.most_seconds, price.between
    told = "" if most is None else f"; {most / 60:.1f} min where no fit stops early"
    return told if between is None else f"{told}; {between:.1f} s between stages"


def _looks(price: PriceTag) -> str:
    looks = price.looks
    many = "1 look" if looks.spent == 1 else f"{looks.spent} looks"
    told = f"holdout: spends {many}"
    if looks.span is not None:
        first, last = (datetime.fromtimestamp(ns // 1_000_000_000, UTC) for ns in looks.span)
        told += f" at {first:%Y-%m-%d %H:%M} … {last:%Y-%m-%d %H:%M} UTC"
    if looks.so_far is not None:
        told += f"; {looks.so_far} so far"
    if looks.others:
        told += f"; its validation and folds are looks at {looks.others} other holdouts"
    return told
