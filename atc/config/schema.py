"""The typed config of one run.

Past the composition no module sees a `DictConfig`: each takes its own frozen slice of `RunConfig`. Unknown
keys are errors, numbers have ranges, units stand in the names. The YAML groups in `conf/` spell every field,
so that a default is read where it is edited; the defaults here are the same (a test compares them).
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from atc.config.auxiliary import Auxiliary
from atc.config.combinations import problems_of
from atc.config.cost import Cost
from atc.config.data import Data
from atc.config.evaluation import Calibration, Evaluation
from atc.config.explain import Explain
from atc.config.features import Features, Sampling
from atc.config.labels import Label
from atc.config.model import Model
from atc.config.plan import Plan
from atc.config.protocol import Protocol
from atc.config.quality import Quality
from atc.config.refit import Refit
from atc.config.seeds import Seeds
from atc.config.slices import Int, Mismatch, Name, Slice
from atc.config.surroundings import Paths, Runtime, Tracking
from atc.config.thinning import Thinning
from atc.config.trading import Backtest, Execution, Policy
from atc.config.weights import Weights
from atc.config.window import Window


class Baseline(Slice):
    """A second model on the same rows, for the lift."""

    features: Features
    model: Model


class RunConfig(Slice):
    """Everything that one run depends on."""

    name: Name
    """The experiment; it names the run folder, so it is part of the run id as well."""
    seed: Int = Field(default=1, ge=0, lt=2**31)
    seeds: Seeds = Seeds()
    data: Data
    window: Window
    sampling: Sampling
    features: Features
    label: Label
    auxiliary: Auxiliary = Auxiliary()
    model: Model
    thinning: Thinning
    weights: Weights
    baseline: Baseline
    calibration: Calibration
    protocol: Protocol
    refit: Refit
    evaluation: Evaluation
    explain: Explain = Explain()
    policy: Policy
    execution: Execution
    cost: Cost
    backtest: Backtest
    quality: Quality
    plan: Plan = Plan()
    tracking: Tracking
    paths: Paths
    runtime: Runtime

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        found = problems_of(self)
        if found:
            raise Mismatch(found)
        return self
