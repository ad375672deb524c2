"""What a run says and shows of its alpha waterfall."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from atc.backtest.waterfall import FORWARD, REVERSE, STEPS
from atc.errors import DataError
from atc.report import waterfall_lines
from atc.report.waterfall_lines import waterfall_sentences, waterfall_table
from atc.report.waterfall_picture import draw_waterfall

CHANGES = (1_000.4, None, -700.0, -50.0, -20.2, -30.0, 10.0, -40.0)
METRICS = {f"backtest/waterfall/{step}": change for step, change in zip(STEPS, CHANGES, strict=True)} | {
    f"backtest/waterfall_reverse/{step}": change
    for step, change in zip(STEPS, (1_000.4, None, -600.0, -60.2, -10.0, -100.0, -60.0, 0.0), strict=True)
}


def printed(metrics: dict[str, float | None]) -> list[list[str]]:
    out = io.StringIO()
    console = Console(file=out, width=80)
    for table in waterfall_table("JPY", metrics):
        console.print(table)
    return [re.split(r"  +", line.strip()) for line in out.getvalue().splitlines() if line.strip()]


def test_the_table_sums_to_the_realised_alpha() -> None:
    rows = {row[0]: row[1:] for row in printed(METRICS)}
    assert rows["oracle path, ideal*"] == ["+1,000", "1,000", "+1,000"]
    assert rows["observables*"] == ["–", "–", "–"]
    assert rows["ranking*"] == ["-700", "300", "-600"]
    assert rows["depth"] == ["+10", "210", "-60"]
    assert rows["fees and carry"] == ["-40", "170", "0"]
    assert rows["realised alpha"] == ["170", "170"]
    assert tuple(step for step, _ in waterfall_lines.STEPS) == STEPS


def test_the_sentences_say_what_is_hindsight_and_what_is_not_known() -> None:
    (said,) = waterfall_sentences("outputs/runs/x", METRICS)
    assert said.startswith("Waterfall: most is lost to ranking. No truth is known here, so ranking holds")
    assert "nothing is chosen by them" in said and said.endswith("outputs/runs/x/waterfall.parquet")
    known = {**METRICS, "backtest/waterfall/observables": -900.0}
    (said,) = waterfall_sentences("x", known)
    assert "most is lost to observables. Levels" in said
    assert waterfall_sentences("x", {"backtest/pnl": 1.0}) == []
    assert waterfall_table("JPY", {"backtest/pnl": 1.0}) == []


def run_folder(folder: Path) -> Path:
    rows = []
    for way, levels in (("forward", FORWARD), ("reverse", REVERSE)):
        alpha = 0.0
        for step, who, _ in levels:
            change = METRICS[f"backtest/waterfall{'' if way == 'forward' else '_reverse'}/{step}"]
            if change is not None:
                alpha += change
                rows.append(
                    {"way": way, "step": step, "change": change, "alpha": alpha, "hindsight": who != "policy"}
                )
    pl.DataFrame(rows).write_parquet(folder / "waterfall.parquet")
    return folder


def test_the_picture_has_every_step_of_both_ways(tmp_path: Path) -> None:
    run, picture = run_folder(tmp_path), tmp_path / "there" / "waterfall.svg"
    draw_waterfall(run, picture, quote="JPY")
    drawn = picture.read_text(encoding="utf-8")
    for words in ("1,000", "-700", "-600", "-50", "+10", "170", "left after", "realised", "alpha, JPY"):
        assert f">{words}</text>" in drawn
    draw_waterfall(run, tmp_path / "again.svg", quote="JPY")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == drawn
    draw_waterfall(run, tmp_path / "one.png", quote="JPY")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_a_waterfall_has_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"waterfall\.parquet is not there"):
        draw_waterfall(tmp_path, tmp_path / "x.svg", quote="JPY")
