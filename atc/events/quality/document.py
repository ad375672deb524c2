"""The quality of a data set as JSON, for `atc doctor --json` and a run's quality.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from atc.config.data import InstrumentFacts
from atc.events.quality.day import DayQuality, Place
from atc.events.quality.severity import MISSING_DAYS, Severity, rules_document, worst

VERSION = 1
"""Raised whenever a field changes its meaning or goes."""


def document(
    facts: InstrumentFacts, days: Sequence[DayQuality], missing_days: Sequence[date]
) -> dict[str, Any]:
    """Everything that is known; docs/quality.md has the fields."""
    severities = [day.severity for day in days]
    of_missing = MISSING_DAYS.severity(len(missing_days))[0]
    return {
        "version": VERSION,
        "data": facts.name,
        "venue": facts.venue,
        "symbol": facts.symbol,
        "severity": str(worst([*severities, of_missing])),
        "missing_days": [day.isoformat() for day in missing_days],
        "rules": rules_document(),
        "days": [day_document(day) for day in days],
    }


def day_document(day: DayQuality) -> dict[str, Any]:
    """One day's part."""
    return {
        "date": day.date.isoformat(),
        "severity": str(day.severity),
        "figures": day.figures,
        "findings": [
            {
                "figure": finding.rule.figure,
                "severity": str(finding.severity),
                "value": finding.value,
                "threshold": finding.limit,
            }
            for finding in day.findings
        ],
        "broken_promises": list(day.problems),
        "places": [asdict(place) for place in day.places],
        "ingest": day.ingest,
    }


def counts(days: Sequence[DayQuality], missing_days: Sequence[date]) -> tuple[int, int]:
    """Errors and warnings over all days; the missing days are one finding."""
    severities = [finding.severity for day in days for finding in day.findings]
    severities.append(MISSING_DAYS.severity(len(missing_days))[0])
    return severities.count(Severity.ERROR), severities.count(Severity.WARNING)


def day_from_document(content: dict[str, Any]) -> DayQuality:
    """The inverse of `day_document`; findings are judged anew."""
    return DayQuality(
        date.fromisoformat(content["date"]),
        content["figures"],
        tuple(content["broken_promises"]),
        tuple(Place(**place) for place in content["places"]),
        content["ingest"],
    )
