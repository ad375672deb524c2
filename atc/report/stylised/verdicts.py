"""The verdicts as a printed table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from atc.report.stylised.bands import BANDS, FACTOR, Verdict
from atc.report.stylised.measured import Measured
from atc.report.stylised.references import REFERENCES


def table(verdicts: Sequence[Verdict], recordings: Sequence[Measured]) -> str:
    """A line a fact: value of each recording, simulated value, band, verdict, source."""
    names = [market.name for market in recordings]
    head = ["fact", *names, "simulated", "band", "verdict", "source"]
    rows = [
        [
            verdict.band.title + (f", {verdict.band.unit}" if verdict.band.unit else ""),
            *(number(verdict.real.get(name)) for name in names),
            value_text(verdict),
            span_text(verdict.ends),
            verdict.says,
            "; ".join(verdict.band.sources),
        ]
        for verdict in verdicts
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    right = range(1, len(names) + 2)
    return "\n".join(
        "  ".join(
            cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ).rstrip()
        for row in [head, *rows]
    )


def number(value: float | None) -> str:
    """Three significant digits; `–` for what was not measured, `none` for a law that is not there."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def value_text(verdict: Verdict) -> str:
    """The simulated value."""
    return number(verdict.value)


def span_text(ends: tuple[float, float] | None) -> str:
    """`2.4–4`, `≥ 1`, `≤ 1`; `–` without a band."""
    if ends is None:
        return "–"
    low, high = ends
    if math.isinf(high):
        return f"≥ {number(low)}"
    if math.isinf(low):
        return f"≤ {number(high)}"
    return f"{number(low)} to {number(high)}" if low < 0 else f"{number(low)}–{number(high)}"


def write_json(
    path: Path, simulated: Measured, recordings: Sequence[Measured], verdicts: Sequence[Verdict]
) -> None:
    """Facts, verdicts and curves; null for what was not measured, and for a law that is not there."""
    content = {
        "facts": [
            {
                "fact": verdict.band.fact,
                "title": verdict.band.title,
                "unit": verdict.band.unit,
                "simulated": _json(verdict.value),
                "real": {name: _json(value) for name, value in verdict.real.items()},
                "lower": None if verdict.ends is None else _json(verdict.ends[0]),
                "upper": None if verdict.ends is None else _json(verdict.ends[1]),
                "verdict": verdict.says,
                "source": [REFERENCES[key] for key in verdict.band.sources],
                "says": verdict.band.says,
                "tolerance": verdict.band.tolerance,
            }
            for verdict in verdicts
        ],
        "markets": [
            {
                "name": market.name,
                "simulated": market.is_simulated,
                "days": market.days,
                "hours": round(market.hours, 3),
                "prices": market.takes_prices_from,
                "values": {name: _json(value) for name, value in sorted(market.values.items())},
                "curves": {
                    name: {
                        "x": [_json(x) for x in curve.x.tolist()],
                        "y": [_json(y) for y in curve.y.tolist()],
                    }
                    for name, curve in sorted(market.curves.items())
                },
            }
            for market in [simulated, *recordings]
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def _json(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def bands_markdown() -> str:
    """The declared bands as the table of docs/stylised_facts.md."""
    rows = ["| fact | band | source | what it says | ATC's tolerance |", "|---|---|---|---|---|"]
    for band in BANDS:
        if band.of_recordings:
            span = "theirs"
            tolerance = band.tolerance or f"lowest ÷ {FACTOR} to highest × {FACTOR}"
        else:
            span = span_text(band.ends(()))
            tolerance = band.tolerance
        unit = f", {band.unit}" if band.unit else ""
        cells = (f"{band.title}{unit}", span, "; ".join(band.sources), band.says, tolerance)
        # A bar inside a cell would end it.
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)
