"""What the summary shows of sensitivity and capacity."""

from __future__ import annotations

import io

from rich.console import Console

from atc.report.sensitivity_lines import sensitivity_sentences, sensitivity_table

LATENCIES, FEES = ("0", "0.1", "0.3", "1", "5"), ("0", "1", "2")
SIZES = {"1": 1.0, "2": 1.0, "5": 0.999, "10": 0.996, "20": 0.987, "50": 0.891, "100": 0.607}
METRICS: dict[str, float | None] = {
    "backtest/sensitivity/positive": 0.25,
    "backtest/sensitivity/alpha_min": -336_161.07,
    "backtest/sensitivity/depth": 1.0,
    **{
        f"backtest/sensitivity/{latency}s_{fee}bps/alpha": 1_000.0 * row - 10.0 * column
        for row, latency in enumerate(LATENCIES)
        for column, fee in enumerate(FEES)
    },
    **{f"backtest/capacity/{size}/alpha": -1_234_567.8 for size in SIZES},
    **{f"backtest/capacity/{size}/fill_rate": rate for size, rate in SIZES.items()},
}


def printed(metrics: dict[str, float | None]) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=80)
    for table in sensitivity_table("ETH", "JPY", metrics):
        console.print(table)
    return out.getvalue().splitlines()


def test_one_table_holds_both_within_twelve_lines_of_80_columns() -> None:
    lines = printed(METRICS)
    assert len(lines) <= 12 and max(map(len, lines)) <= 80 and not any("…" in line for line in lines)
    assert lines[0].split() == [
        *("alpha,", "JPY", "fee", "0", "bps", "fee", "1", "bps", "fee", "2", "bps"),
        *("size,", "ETH", "alpha", "filled"),
    ]
    rows = {line.split()[1]: line.split()[3:] for line in lines if line.startswith("latency")}
    assert rows["0.3"] == ["+2,000", "+1,990", "+1,980", "5", "-1,234,568", "100%"]
    # The filled share stands beside the alpha of each size, to a tenth where it is not the whole.
    assert lines[-1].split() == ["100", "-1,234,568", "60.7%"]
    assert len({len(line.rstrip()) for line in lines[2:]}) == 1


def test_latencies_and_sizes_are_in_order_of_their_values() -> None:
    turned = dict(reversed(METRICS.items()))
    assert printed(turned) == printed(METRICS)


def test_one_may_be_left_out() -> None:
    sizes_alone = {key: value for key, value in METRICS.items() if "/capacity/" in key}
    assert printed(sizes_alone)[0].split() == ["alpha,", "JPY", "size,", "ETH", "alpha", "filled"]
    cells_alone = {key: value for key, value in METRICS.items() if "/sensitivity/" in key}
    assert printed(cells_alone)[-1].split() == ["latency", "5", "s", "+4,000", "+3,990", "+3,980"]
    assert printed({"backtest/pnl": 1.0}) == []


def test_sentences_tell_what_the_table_leaves_out() -> None:
    cells, sizes = sensitivity_sentences("ETH", METRICS)
    assert "is at depth 1" in cells and "25% are above 0" in cells and "-336,161" in cells
    assert sizes.startswith("From 20 ETH on orders fill in part")
    whole = {key: 1.0 for key in METRICS if key.endswith("fill_rate")}
    assert sensitivity_sentences("ETH", whole) == []


def test_nothing_but_zeros_is_one_sentence() -> None:
    nought = {key: (value if "fill_rate" in key else 0.0) for key, value in METRICS.items()}
    assert printed(nought) == []
    (said,) = sensitivity_sentences("ETH", nought)
    assert said.startswith("Alpha is 0 at every latency")
    # One size or one cell that is not 0 is enough for the table.
    assert printed({**nought, "backtest/capacity/1/alpha": -1.0})
    assert printed({**nought, "backtest/sensitivity/alpha_min": -1.0})
