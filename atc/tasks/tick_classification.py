"""The first task: classify what a position would have earned, row by row, from ticks of one symbol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.schema import RunConfig
from atc.tasks.base import Curves, DataIdentity, Desk, Outcome
from atc.tasks.market_data import MarketData

if TYPE_CHECKING:
    from atc.tasks.fitting import Fitted
    from atc.tasks.loaded import Loaded


class TickClassification:
    """Binary labels of a forward return; the model, its baseline and volatility alone, on the same rows."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self.market = MarketData(config)

    def prepare(self, desk: Desk) -> DataIdentity:
        """Simulates or ingests the events unless they are there; digests all that the rows depend on.

        Raises DataError where the filed events are of another instrument than the config says.
        """
        return self.market.prepare(desk)

    def load(self, desk: Desk) -> Loaded:
        """Rows with the columns of all models, labels, and the holdout behind its seal."""
        from atc.tasks.loaded import load_rows

        return load_rows(self.market, self.market.config, desk)

    def fit(self, loaded: Loaded, desk: Desk) -> Fitted:
        """Fits the named model, the baseline and volatility alone; the holdout is closed meanwhile, and the
        ledger knows on which time validation and folds judge.
        """
        from dataclasses import replace

        from atc.tasks.fitting import fit_all
        from atc.tasks.judging import enter_judged

        config = self.market.config
        notes = enter_judged(config, self.market, loaded, desk)
        return replace(fit_all(config, loaded, desk), notes=notes)

    def curves(self, fitted: Fitted) -> Mapping[str, Curves]:
        """Losses and AUCs of the models that are fitted in steps."""
        return {name: one.report.curves for name, one in fitted.by_name.items() if one.report.curves}

    def save(self, fitted: Fitted, folder: Path) -> None:
        """The named model's directory, and in it the fallback's where there is one; each loads without this
        run.
        """
        from atc.tasks.model_folder import save_models

        save_models(self._config, self.market.digest, fitted, folder)

    def evaluate(self, loaded: Loaded, fitted: Fitted, desk: Desk) -> Outcome:
        """Scores all three models and compares them on the holdout, unless the run is sealed."""
        from atc.tasks.outcome import outcome_of

        return outcome_of(self.market.config, self.market, loaded, fitted, desk)
