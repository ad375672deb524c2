"""`reference/metrics.md`: every key of metrics.json, from the declarations in `atc/report/metric_keys.py`."""

from __future__ import annotations

from markdown import code, page, prose, table

from atc.report.metric_keys import FAMILIES, FIGURES, PARTS


def pages() -> dict[str, str]:
    """By file name below `reference/`."""
    return {
        "metrics.md": page(
            "# Metric keys",
            "`metrics.json` of a run is one flat object of numbers and nulls. Null: undefined, too few "
            "blocks for an interval, or sealed. Formulas, sources and the trap of each: "
            "[metrics](../metrics.md); of money: [backtest](../backtest.md). `uv run atc compare` and "
            "`atc.open_run(…).metrics` read them.",
            "## Figures",
            table(
                ["figure", "unit", "meaning"],
                ([code(one.pattern), one.unit, prose(one.meaning)] for one in FIGURES),
            ),
            "## Parts of a key",
            table(["part", "stands for"], ([code(name), said] for name, (_, said) in PARTS.items())),
            "## Keys",
            "In parentheses: alternatives, and what may be absent (`?`).",
            table(
                ["key", "unit", "meaning"],
                ([code(one.pattern), one.unit, prose(one.meaning)] for one in FAMILIES),
            ),
        )
    }
