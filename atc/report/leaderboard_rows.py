"""A leaderboard as rows of plain values: what CSV, Parquet and JSON hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atc.report.candidates import Candidate
from atc.report.leaderboard import Entry, Leaderboard, Ranked, Ranking
from atc.report.leaderboard_notes import warnings_on
from atc.report.searched import Best

if TYPE_CHECKING:
    import polars as pl

Plain = str | int | float | None
Record = dict[str, Plain]

_TEXT, _WHOLE, _REAL = "text", "whole", "real"
COLUMNS: dict[str, str] = {
    "table": _TEXT,
    "unit": _TEXT,
    "rank": _WHOLE,
    "run": _TEXT,
    "experiment": _TEXT,
    "job": _WHOLE,
    "folder": _TEXT,
    "figure": _TEXT,
    "value": _REAL,
    "baseline": _REAL,
    "lift": _REAL,
    "lift_lo": _REAL,
    "lift_hi": _REAL,
    "p_holm": _REAL,
    "verdict": _TEXT,
    "objective": _TEXT,
    "objective_value": _REAL,
    "expects": _REAL,
    "share": _REAL,
    "lift_over_volatility": _REAL,
    "lift_over_volatility_lo": _REAL,
    "lift_over_volatility_hi": _REAL,
    "direction_auc": _REAL,
    "lift_below_power": _WHOLE,
    "lift_over_volatility_below_power": _WHOLE,
    "direction_auc_below_power": _WHOLE,
    "code_digest": _TEXT,
    "data_digest": _TEXT,
    "group": _TEXT,
    "place": _WHOLE,
    "place_of": _WHOLE,
    "gate": _TEXT,
    "alpha": _REAL,
    "sharpe": _REAL,
    "sharpe_period": _TEXT,
    "dsr": _REAL,
    "pbo": _REAL,
    "trials": _WHOLE,
    "trials_on_record": _WHOLE,
    "looks": _WHOLE,
    "why_apart": _TEXT,
}
"""What stands in `leaderboard.csv` before the differing keys; nothing of it was measured by a clock."""
COST_COLUMNS: dict[str, str] = {
    "table": _TEXT,
    "unit": _TEXT,
    "rank": _WHOLE,
    "run": _TEXT,
    "job": _WHOLE,
    "folder": _TEXT,
    "lift_in_unit": _REAL,
    "per_core_hour": _REAL,
    "fit_cpu_seconds": _REAL,
    "fit_seconds": _REAL,
    "rest_cpu_seconds": _REAL,
    "rest_seconds": _REAL,
    "cpu_seconds": _REAL,
    "seconds": _REAL,
    "peak_mib": _REAL,
    "train_rows": _WHOLE,
    "judged_rows": _WHOLE,
}
TABLES = {"holdout": "ranking", "valid": "validation"}
"""What the column `table` says; runs on no ranking say `apart`."""


def board_rows(board: Leaderboard) -> list[Record]:
    """In the order of the tables, those apart last; keys are `COLUMNS` and the differing keys."""
    rows = [
        {**_entry_row(ranking, one), **_key_values(board, one.entry.candidate)}
        for ranking in board.rankings
        for one in ranking.entries
    ]
    for one, why in board.apart:
        row: Record = {**dict.fromkeys(COLUMNS), "table": "apart", **_named(one), "why_apart": why}
        rows.append({**row, **_key_values(board, one)})
    return rows


def cost_rows(board: Leaderboard) -> list[Record]:
    """What each run of the tables cost, in the same order."""
    return [
        {
            "table": TABLES[ranking.split],
            "unit": ranking.unit,
            "rank": one.rank,
            "run": one.entry.candidate.label,
            "job": one.entry.candidate.number,
            "folder": one.entry.candidate.folder_name,
            "lift_in_unit": one.amount,
            "per_core_hour": one.per_core_hour,
            **vars(one.entry.cost),
        }
        for ranking in board.rankings
        for one in ranking.entries
    ]


def frame_of(rows: list[Record], columns: Mapping[str, str]) -> pl.DataFrame:
    """`rows` with typed `columns`; further ones are text."""
    import polars as pl

    types = {_TEXT: pl.String, _WHOLE: pl.Int64, _REAL: pl.Float64}
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    schema = {name: types[columns.get(name, _TEXT)] for name in names}
    return pl.DataFrame([[row.get(name) for name in names] for row in rows], schema=schema, orient="row")


def board_json(board: Leaderboard) -> dict[str, Any]:
    """The same rows, with their costs, and what is said of all of them."""
    return {
        "name": board.name,
        "differing_keys": list(board.keys),
        "claims": board.claims,
        "level": board.level,
        "groups": {entry.group.letter: entry.group.told for entry in board.entries},
        "warnings": list(warnings_on(board.entries)),
        "best": None if board.best is None else _best_json(board.best),
        "rows": board_rows(board),
        "cost": cost_rows(board),
    }


def _best_json(best: Best) -> dict[str, Any]:
    return {
        "job": best.candidate.number,
        "objective": best.objective.figure,
        "direction": best.objective.direction,
        "value": best.value,
        "complete": best.of,
        "command": best.command,
    }


def shown_value(config: Mapping[str, Any], key: str) -> str | None:
    """The value of a dotted `key` as text; None where the config has no such key."""
    part: Any = config
    for name in key.split("."):
        if not isinstance(part, Mapping) or name not in part:
            return None
        part = part[name]
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)


def _named(one: Candidate) -> Record:
    return {
        "run": one.label,
        "experiment": one.experiment,
        "job": one.number,
        "folder": one.folder_name or None,
    }


def _entry_row(ranking: Ranking, one: Ranked) -> Record:
    entry, claim, track = one.entry, one.entry.claim, one.entry.track
    records = None if entry.trials is None else entry.trials.records
    return {
        **dict.fromkeys(COLUMNS),
        "table": TABLES[ranking.split],
        "unit": ranking.unit,
        "rank": one.rank,
        **_named(entry.candidate),
        "figure": claim.key,
        "value": claim.value,
        "baseline": claim.baseline,
        "lift": claim.lift,
        "lift_lo": claim.lo,
        "lift_hi": claim.hi,
        "p_holm": entry.judged.p_adjusted,
        "verdict": entry.judged.verdict,
        **_objective_row(entry),
        "expects": claim.expects,
        "share": claim.share,
        "lift_over_volatility": entry.beside.over_volatility,
        "lift_over_volatility_lo": entry.beside.lo,
        "lift_over_volatility_hi": entry.beside.hi,
        "direction_auc": entry.beside.direction,
        "lift_below_power": entry.beside.lift_below,
        "lift_over_volatility_below_power": entry.beside.over_volatility_below,
        "direction_auc_below_power": entry.beside.direction_below,
        "code_digest": entry.digest("code"),
        "data_digest": entry.digest("data"),
        "group": entry.group.letter,
        "place": entry.place,
        "place_of": entry.of,
        "gate": entry.gate or None,
        "alpha": None if track is None else track.alpha,
        "sharpe": None if track is None else track.sharpe,
        "sharpe_period": None if records is None else records.sharpe_period,
        "dsr": None if track is None else track.deflated,
        "pbo": None if records is None else records.overfitting,
        "trials": None if records is None else records.trials,
        "trials_on_record": None if records is None else records.on_record,
        "looks": entry.looks,
    }


def _objective_row(entry: Entry) -> Record:
    objective = entry.candidate.objective
    if objective is None:
        return {}
    return {"objective": objective.figure, "objective_value": objective.of(entry.metrics)}


def _key_values(board: Leaderboard, one: Candidate) -> Record:
    return {key: shown_value(one.config, key) for key in board.keys}
