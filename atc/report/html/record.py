"""A run's record as the sections of a report ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.opened_run import OpenedRun
from atc.report.backtest_lines import quote_currency
from atc.report.summary import shown_path
from atc.report.verdict import Metrics

if TYPE_CHECKING:
    import polars as pl

HOLDOUT, VALID, FOLDS = "holdout", "valid", "folds"
_SAID = {
    HOLDOUT: "the holdout",
    VALID: "validation, which chose: these figures flatter",
    FOLDS: "the test rows of all folds",
}
_OTHERS = ("baseline", "volatility", "refit", "fallback")
NAMES = {"model": "model", "baseline": "baseline", "volatility": "volatility only"}
LOOKS = {"model": "s0", "baseline": "s1", "volatility": "s2", "refit": "s3", "fallback": "s5"}
"""The class of each model's marks, the same in all drawings."""


@dataclass(frozen=True)
class Answers:
    """What the models said of the rows that judge, and what happened, for one class (or return) of one
    head.
    """

    head: str
    wanted: str
    """The class that a high score asks for; empty for a return."""
    happened: NDArray[np.bool_]
    """(n,); of a return whether it is above 0."""
    r_bps: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.float64]]
    """(n,) by model."""

    @property
    def has_both(self) -> bool:
        """Whether it happened in some rows and not in others."""
        return bool(self.happened.any() and not self.happened.all())

    @property
    def end(self) -> str:
        """What follows a figure's name in metrics.json."""
        return f"@{self.head}" if self.head else ""

    @property
    def title(self) -> str:
        """Such as `300s UP`."""
        return " ".join(word for word in (self.head, self.wanted) if word)


class Record:
    """One run's tables and figures; a table that the run does not have is None."""

    def __init__(self, run: OpenedRun) -> None:
        self.run = run
        self.folder = run.folder
        self.shown = shown_path(run.folder)
        self.manifest = run.manifest
        self._tables: dict[str, pl.DataFrame | None] = {}

    @property
    def metrics(self) -> Metrics:
        """metrics.json."""
        return self.run.metrics

    @property
    def config(self) -> Mapping[str, object]:
        """config.yaml, whatever version wrote it."""
        return self.run.raw_config

    @property
    def quote(self) -> str:
        """The currency of money."""
        return quote_currency(self.config)

    def part(self, name: str) -> Mapping[str, object]:
        """A section of the config; empty where it has none."""
        found = self.config.get(name)
        return found if isinstance(found, dict) else {}

    def table(self, name: str) -> pl.DataFrame | None:
        """`<name>.parquet`; None if the run has none, or it has no rows. DataError if it is damaged."""
        import polars as pl

        if name not in self._tables:
            path = self.folder / f"{name}.parquet"
            try:
                frame = pl.read_parquet(path) if path.is_file() else None
            except pl.exceptions.PolarsError as error:
                raise DataError(f"{path} is no readable Parquet file: {error}") from None
            self._tables[name] = frame if frame is not None and frame.height else None
        return self._tables[name]

    @cached_property
    def sealed(self) -> bool:
        """Whether no figure of the holdout is there though the protocol has one."""
        return self.judges == VALID

    @cached_property
    def judges(self) -> str:
        """Which rows the figures of this page are of."""
        splits = set(self.run.predictions["split"].unique())
        if "holdout" in splits:
            return HOLDOUT
        if VALID in splits:
            return VALID
        return FOLDS

    @property
    def judged_by(self) -> str:
        """The same in words."""
        return _SAID[self.judges]

    @property
    def prefix(self) -> str:
        """What the keys of those figures begin with; of folds that of their means."""
        return {HOLDOUT: "holdout", VALID: "valid", FOLDS: "folds"}[self.judges]

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The rows of predictions.parquet that judge."""
        import polars as pl

        frame = self.run.predictions
        own = (
            pl.col("split").str.starts_with("fold")
            if self.judges == FOLDS
            else pl.col("split") == self.judges
        )
        frame = frame.filter(own)
        return frame.filter("judged") if "judged" in frame.columns else frame

    @cached_property
    def heads(self) -> list[str]:
        """Names of the heads, shortest horizon first; one empty name for the only one."""
        found = [
            name.removeprefix("y").removeprefix("_")
            for name in self.rows.columns
            if name == "y" or name.startswith("y_")
        ]
        return sorted(found, key=lambda head: (len(head), head))

    @cached_property
    def answers(self) -> list[Answers]:
        """Of each head and, of three classes, of each class."""
        return [one for head in self.heads for one in self._of_head(head, self.rows, self.judges)]

    @cached_property
    def fold_answers(self) -> dict[str, list[Answers]]:
        """The same of the test rows of each fold, by its name; each fold has models of its own."""
        import polars as pl

        frame = self.run.predictions.filter(pl.col("split").str.starts_with("fold"))
        frame = frame.filter("judged") if "judged" in frame.columns else frame
        folds = frame.partition_by("split", as_dict=True, maintain_order=True)
        return {
            str(name): [one for head in self.heads for one in self._of_head(head, rows, FOLDS)]
            for (name,), rows in folds.items()
        }

    def _of_head(self, head: str, rows: pl.DataFrame, judges: str) -> list[Answers]:
        end = f"_{head}" if head else ""
        rows = rows.filter(rows[f"y{end}"].is_not_null())
        own = [name for name in rows.columns if name.startswith(("p_", "predicted_")) and name.endswith(end)]
        own = [name for name in own if not name.endswith("_raw")]
        y, r_bps = rows[f"y{end}"].to_numpy(), rows[f"r_bps{end}"].to_numpy()
        found = []
        for code, name in enumerate(own):
            of_return = name.startswith("predicted_")
            wanted = "" if of_return else name.removeprefix("p_").removesuffix(end).upper()
            happened = y > 0 if of_return else y == (1 if len(own) == 1 else code)
            columns = {"model": name, **{other: f"{other}_{name}" for other in _OTHERS}}
            if judges == VALID:
                # Calibration was fitted on these very rows.
                columns = {
                    model: raw if (raw := f"{column}_raw") in rows.columns else column
                    for model, column in columns.items()
                }
            scores = {
                model: rows[column].to_numpy()
                for model, column in columns.items()
                if column in rows.columns and rows[column].null_count() == 0
            }
            found.append(Answers(head, wanted, happened, r_bps, scores))
        return found


def name_of(model: str) -> str:
    """What people read."""
    return NAMES.get(model, model)
