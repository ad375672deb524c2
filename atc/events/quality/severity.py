"""How bad a figure of a day is, and what it means: every threshold of `atc doctor` stands here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum

from atc.events.quality.figures import Figures


class Severity(IntEnum):
    """Ordered by how bad."""

    OK = 0
    INFO = 1
    """Worth knowing; nothing to do."""
    WARNING = 2
    """Look at it before results on these data are believed."""
    ERROR = 3
    """These data are not what they claim to be, or too poor to be used unasked."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Rule:
    """A figure has the highest severity whose threshold its magnitude exceeds."""

    figure: str
    title: str
    unit: str
    """`count`, `share`, `s` or `ms`."""
    words: str
    info: float | None = None
    warning: float | None = None
    error: float | None = None
    count: str | None = None
    """The figure that says how many, where `figure` is their share."""

    def severity(self, value: float | None) -> tuple[Severity, float]:
        """The severity of `value` and the threshold that it exceeds."""
        if value is not None:
            for severity, limit in (
                (Severity.ERROR, self.error),
                (Severity.WARNING, self.warning),
                (Severity.INFO, self.info),
            ):
                if limit is not None and abs(value) > limit:
                    return severity, limit
        return Severity.OK, 0.0


@dataclass(frozen=True)
class Finding:
    """One figure of one day that exceeds a threshold."""

    rule: Rule
    severity: Severity
    value: float
    limit: float


RULES: tuple[Rule, ...] = (
    Rule(
        "broken_promises",
        "broken promises",
        "count",
        "The tables are not what the canonical schema says. Ingest the sources again.",
        error=0,
    ),
    Rule(
        "impossible_prices",
        "impossible prices",
        "count",
        "Prices of 0 or less. No market has them.",
        error=0,
    ),
    Rule(
        "impossible_sizes",
        "impossible sizes",
        "count",
        "Sizes below 0, prints of 0, more than 2^53 lots, or prints above the venue's largest order.",
        error=0,
    ),
    Rule(
        "crossed_share",
        "crossed books",
        "share",
        "Messages after which the best bid is above the best ask: deletes were lost.",
        warning=0,
        error=0.01,
        count="crossed_books",
    ),
    Rule(
        "locked_share",
        "locked books",
        "share",
        "Messages after which the best bid equals the best ask. Some venues allow a moment of it.",
        info=0,
        warning=0.01,
        count="locked_books",
    ),
    Rule(
        "one_sided_books",
        "one-sided books",
        "count",
        "Messages after which a side has no level: there is no mid.",
        warning=0,
    ),
    Rule(
        "unplaced_differences",
        "unplaced differences",
        "count",
        "Differences before any whole book; they are skipped.",
        info=0,
        warning=1_000,
    ),
    Rule(
        "gaps",
        "breaks of the update chain",
        "count",
        "Updates were lost; the book is unknown until the next snapshot.",
        warning=0,
        error=100,
    ),
    Rule(
        "gap_s",
        "time in gaps",
        "s",
        "Time from the break of the chain to the snapshot that joins it.",
        warning=0,
        error=3_600,
    ),
    Rule(
        "time_regression_share",
        "receive time ran backwards",
        "share",
        "The recorder's clock stepped back; such messages carry BAD_TS, and the running maximum as time.",
        warning=0,
        error=0.01,
        count="time_regressions",
    ),
    Rule(
        "exch_regressions",
        "exchange time ran backwards",
        "count",
        "The venue sent messages of one kind out of the order of its own times.",
        info=0,
    ),
    Rule(
        "far_prints",
        "prints far off the mid",
        "count",
        "Trades far off the mid of the book, of the quotes, or of the print before: a slip, or a crash.",
        warning=0,
    ),
    Rule(
        "far_quotes",
        "quotes far off the mid",
        "count",
        "Tickers whose bid, ask or last is far off the mid of the book.",
        warning=0,
    ),
    Rule(
        "far_levels",
        "levels far off the mid",
        "count",
        "Levels of a recorded window far off the mid, or bids far above it and asks far below it.",
        warning=0,
    ),
    Rule(
        "crossed_quotes",
        "crossed quotes",
        "count",
        "Tickers with the bid above the ask.",
        warning=0,
    ),
    Rule(
        "locked_quotes",
        "locked quotes",
        "count",
        "Tickers with the bid equal to the ask.",
        info=0,
    ),
    Rule(
        "duplicate_share",
        "duplicate prints",
        "share",
        "Prints that tell an execution again: volume counts twice.",
        warning=0,
        error=0.01,
        count="duplicate_prints",
    ),
    Rule(
        "duplicates_repaired",
        "duplicates left out at ingest",
        "count",
        "Trades and updates that the source told again under their own ids.",
        info=0,
    ),
    Rule(
        "reused_trade_ids",
        "reused trade ids",
        "count",
        "Ids that name two different executions: they identify nothing.",
        warning=0,
    ),
    Rule(
        "equal_prints",
        "equal prints in a row",
        "count",
        "Without ids two equal executions and one that was told twice look alike; they are kept.",
        info=0,
    ),
    Rule(
        "silent_share",
        "silent stretches",
        "share",
        "Time without any event while the venue was open; rows and labels across it are lost.",
        warning=0,
        error=0.25,
        count="silences",
    ),
    Rule(
        "book_silent_s",
        "silent book",
        "s",
        "Time without a book message, whatever else came: the book of then is stale.",
        info=0,
        warning=600,
    ),
    Rule(
        "clock_steps",
        "steps of a clock",
        "count",
        "The median of receive minus exchange time jumps: a clock was set, or messages came another way.",
        warning=0,
    ),
    Rule(
        "offset_drift_ms",
        "drift of the clocks",
        "ms",
        "Change of the median of receive minus exchange time from the first to the last part of the day.",
        info=20,
        warning=250,
    ),
    Rule(
        "negative_latency_share",
        "received before sent",
        "share",
        "The clocks disagree: latencies mean nothing. Decisions use the receive time alone.",
        info=0,
        warning=0.01,
        count="negative_latencies",
    ),
    Rule(
        "synth_recv_share",
        "no receive time",
        "share",
        "ts_recv is made from the venue's times: what could be known when is better than it was.",
        info=0,
    ),
    Rule(
        "repeat_share",
        "repeated books",
        "share",
        "Snapshots equal to the one before, kept as one row each.",
        info=0.5,
        count="repeats",
    ),
)

MISSING_DAYS = Rule(
    "missing_days",
    "missing business days",
    "count",
    "Days between the first and the last of which nothing is filed.",
    warning=0,
)
"""The one rule of a stream, not of a day."""


def findings_of(figures: Figures, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """What of a day exceeds a threshold, in the order of `RULES`."""
    found = []
    for rule in rules:
        value = figures.get(rule.figure)
        severity, limit = rule.severity(value)
        if severity and value is not None:
            found.append(Finding(rule, severity, value, limit))
    return found


def worst(severities: Iterable[Severity]) -> Severity:
    """The highest; OK of none."""
    return max(severities, default=Severity.OK)


def rules_document() -> dict[str, dict[str, object]]:
    """Every rule, for the JSON."""
    return {rule.figure: asdict(rule) for rule in (*RULES, MISSING_DAYS)}
