"""What a run says of why its model scores as it does: the group `explain`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from atc.config.slices import Float, Int, Mismatch, Slice


class Explain(Slice):
    """Questions put to the named model on validation rows, evenly spaced; the holdout is closed meanwhile."""

    enabled: bool = True
    rows: Int = Field(default=2000, ge=50, le=10_000_000)
    """Rows on which inputs are permuted."""
    window_rows: Int = Field(default=400, ge=50, le=10_000_000)
    """The same of a model that reads a window a row."""
    repeats: Int = Field(default=2, ge=1, le=1000)
    """Permutations of each input."""
    resamples: Int = Field(default=200, ge=10, le=1_000_000)
    """Of the blocks of rows, for intervals."""
    group_correlation: Float = Field(default=0.8, gt=0, le=1)
    """Inputs of which any two have at least this |Spearman's ρ| are also permuted together, as are those of
    time alone.
    """
    shap_rows: Int = Field(default=150, ge=0, le=10_000_000)
    """Rows of SHAP values, of trees; 0: none."""
    top: Int = Field(default=6, ge=2, le=1000)
    """Inputs, the most important first, whose curves and interactions are asked for."""
    curve_rows: Int = Field(default=300, ge=0, le=10_000_000)
    """Rows of partial dependence and accumulated effects; 0: none."""
    curve_points: Int = Field(default=12, ge=3, le=1000)
    """Values of an input at most that a curve has."""
    pair_rows: Int = Field(default=30, ge=0, le=100_000)
    """Rows of the interactions of pairs, whose cost is their square; 0: none."""
    pictures: bool = False
    """Whether importance.png and dependence.png are drawn."""

    @model_validator(mode="after")
    def _few_pairs(self) -> Self:
        answers = self.top * (self.top + 1) // 2 * self.pair_rows**2
        if answers > 1_000_000_000:
            raise Mismatch(
                [
                    (
                        "explain.pair_rows",
                        f"{self.pair_rows} rows and explain.top={self.top} ask for {answers:,} answers, and "
                        "1,000,000,000 is the most; the cost grows with the square of the rows",
                    )
                ]
            )
        return self
