"""The best AUC that any score could reach, from what the continuations of sampled states did.

A simulated market can be stopped at a row with all that it hides, its state s, and continued many times. The
share of continuations with y = 1 estimates p(s) = P(y = 1 | s), and no score of the past ranks better than p
(Neyman and Pearson 1933). This module turns shares of K continuations of n states into the AUC of p.

**What is estimated.** For two independent rows with states i and j, the AUC of a score f is

    A(f) = E[p_i (1 − p_j) φ(f_i, f_j)] / E[p_i (1 − p_j)],   φ = 1 if f_i > f_j, ½ if equal, else 0,

the chance that a row that turns out 1 stands above one that turns out 0. All pairs i ≠ j of the sampled
states estimate both means, with p_i replaced by the share p̂_i; a score of its own enters as it is, so its
expected AUC over fresh futures (`expected_auc`) has no bias: p̂_i and p̂_j are unbiased and independent.

**Why p̂ cannot stand for p in both places.** Symmetrised, the numerator of A(p) is ½ E max(p_i(1−p_j),
p_j(1−p_i)), so A(p) = ½ + E|p_i − p_j| / (4 E[p_i(1−p_j)]). Write Δ = p_i − p_j, f for its density, and ε for
the noise of p̂_i − p̂_j with variance v_ij/K, v_ij = p_i(1−p_i) + p_j(1−p_j).

- Ranking and weighting by the same p̂ gives E|Δ + ε| ≥ E|Δ| (Jensen): too high, by f(0) v/K to first order,
  and by √(2v/(πK)) where all p are equal. It rewards itself for its own luck.
- Ranking by p̂ of m continuations and weighting by others gives E[sign(Δ + ε) Δ] ≤ E|Δ|: free of that, but
  pairs that the noise puts the wrong way round cost, 2 ∫ |Δ| Φ(−|Δ| √(m/v)) f(Δ) dΔ ≈ f(0) v/m. Too low.

The two bracket the truth (in expectation), and both are given.

**The correction.** The second is the base: 14 of 16 parts of the continuations rank and the other two weigh,
each two parts in turn, so that every continuation weighs once (a plain split of halves would rank by K/2 and
lose nearly twice as much). What noise costs is then taken out by extrapolation in 1/m. Let
a(m) = A − ½ with m continuations to rank by. If p is normal with variance τ² and v = E[p(1−p)], then
a(m) = a(∞)/√(1 + r/m) with r = v/τ² for every m; in general a(m) = a(∞) + c/m + O(1/m²) where f is smooth at
0. So h(m) = a(m) √(1 + r/m) removes all of it in the first case and leaves some c'/m in general, and
2 h(m) − h(m/2) removes that as well: the residual is O(1/m²) for smooth f, and 0 for normal p. v and τ² have
unbiased estimates, mean p̂(1−p̂) K/(K−1) and Var p̂ − mean p̂(1−p̂)/(K−1). Where τ² < v/K it cannot be told from
0 and v/K takes its place, so that noise is never multiplied by more than √(1 + K/m). If p has few distinct
values, misrankings die out faster than 1/m and the extrapolation is too high by up to some tenths of the gap
between the brackets; raise K until that gap does not matter. `tests/test_oracle.py` measures all of this on
laws whose AUC is known.

**Direction.** The direction AUC looks at rows that move more than the exit either way, so a pair counts
u_i d_j with u = P(r > exit | s), d = P(r < −exit | s). The best ranking is by the likelihood ratio u/d, that
is by u/(u + d), and the same formulas hold with u for p and d for 1 − p (the label's are the case u + d = 1).

**Standard error.** States close in time share their latent state, so single states are no independent
draws. The states are cut into `GROUPS` contiguous groups of equal count, everything (ranks, weights,
correction, differences and ratios of AUCs) is computed again without each group, and the delete-a-group
jackknife (Tukey 1958; Kott 2001) gives √((G−1)/G Σ (a_g − ā)²). It holds what the choice of states and the
finite number of continuations do, not the remaining bias.

Sources: H. B. Mann, D. R. Whitney (1947) for the AUC as a share of pairs; C. Gini's mean difference for
E|p_i − p_j|; L. F. Richardson (1911) for the extrapolation; P. S. Kott (2001), The delete-a-group jackknife.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import dense_ranks

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

PARTS = 16
"""Parts that the continuations are cut into; two weigh while the others rank."""

GROUPS = 30
"""Contiguous groups of states that the jackknife leaves out in turn."""

LEAST_STATES = 2 * GROUPS
LEAST_CONTINUATIONS = 2 * PARTS

_WEIGHING = 2


@dataclass(frozen=True)
class Outcomes:
    """How many continuations of each state went either way."""

    up: Counts
    """(n, PARTS): with y = 1; for direction, with r > exit."""
    down: Counts
    """(n, PARTS): with y = 0; for direction, with r < −exit."""
    trials: Counts
    """(PARTS,): continuations in each part."""

    @property
    def states(self) -> int:
        """n."""
        return len(self.up)

    @property
    def continuations(self) -> int:
        """K."""
        return int(self.trials.sum())

    def take(self, states: NDArray[np.bool_]) -> Outcomes:
        """The outcomes of some states."""
        return Outcomes(self.up[states], self.down[states], self.trials)


@dataclass(frozen=True)
class Jackknifed:
    """A figure, and the same figure without each group of states."""

    value: float | None
    """None where undefined."""
    without: Vector
    """(GROUPS,); NaN where undefined."""

    @property
    def se(self) -> float | None:
        """Its standard error; None where any of the figures is undefined."""
        if self.value is None or bool(np.isnan(self.without).any()):
            return None
        groups = len(self.without)
        return float(np.sqrt((groups - 1) / groups * np.sum((self.without - self.without.mean()) ** 2)))


@dataclass(frozen=True)
class OracleAuc:
    """The AUC of the best possible score."""

    corrected: Jackknifed
    low: float
    """Ranked and weighted by different continuations: too low in expectation."""
    high: float
    """Ranked and weighted by the same ones: too high in expectation."""


def label_outcomes(r_bps: Vector, threshold_bps: float) -> Outcomes:
    """y = 1 if r > `threshold_bps`; `r_bps` (n, K)."""
    up = r_bps > threshold_bps
    return _outcomes(up, ~up)


def direction_outcomes(r_bps: Vector, exit_bps: float) -> Outcomes:
    """Moves of more than `exit_bps` up and down; `r_bps` (n, K)."""
    return _outcomes(r_bps > exit_bps, r_bps < -exit_bps)


def _outcomes(up: NDArray[np.bool_], down: NDArray[np.bool_]) -> Outcomes:
    states, continuations = up.shape
    if states < LEAST_STATES or continuations < LEAST_CONTINUATIONS:
        raise ValueError(
            f"{states} states × {continuations} continuations; expected at least {LEAST_STATES} × "
            f"{LEAST_CONTINUATIONS}"
        )
    starts = np.arange(PARTS) * continuations // PARTS
    trials = np.diff(np.append(starts, continuations))
    in_parts = [np.add.reduceat(hits, starts, axis=1, dtype=np.int64) for hits in (up, down)]
    return Outcomes(in_parts[0], in_parts[1], trials)


def oracle_auc(outcomes: Outcomes) -> OracleAuc | None:
    """The AUC of P(up | state) on fresh futures; None if nothing ever went up, or down.

    The states are in the order of time, spread over the rows that the AUC is meant for.
    """
    value = _corrected(outcomes)
    if value is None:
        return None
    without = [_corrected(outcomes.take(kept)) for kept in _leaving_out(outcomes.states)]
    low, high = _brackets(outcomes)
    return OracleAuc(Jackknifed(value, _vector(without)), low, high)


def expected_auc(up: Counts, down: Counts, score: Vector) -> Jackknifed:
    """The AUC over fresh futures of a score (n,) known at the states, of whose continuations `up` (n,) went
    up and `down` (n,) down.
    """
    without = [_pair_auc(up[kept], down[kept], score[kept]) for kept in _leaving_out(len(score))]
    return Jackknifed(_pair_auc(up, down, score), _vector(without))


def headroom_captured(model: Jackknifed, linear: Jackknifed, oracle: Jackknifed) -> Jackknifed:
    """(model − linear) / (oracle − linear), all on the same states; undefined where what lies between
    oracle and linear model is less than two of its standard errors: a share of nothing is no figure.
    """
    room_without = oracle.without - linear.without
    undefined = Jackknifed(None, np.full_like(room_without, np.nan))
    if model.value is None or linear.value is None or oracle.value is None:
        return undefined
    room = Jackknifed(oracle.value - linear.value, room_without)
    if room.value is None or room.se is None or room.value <= 2.0 * room.se or room.value <= 0.0:
        return undefined
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.where(room_without > 0, (model.without - linear.without) / room_without, np.nan)
    return Jackknifed((model.value - linear.value) / room.value, without)


def _leaving_out(states: int) -> list[NDArray[np.bool_]]:
    """(n,) masks of what is left without each contiguous group."""
    group = np.arange(states) * GROUPS // states
    return [group != left_out for left_out in range(GROUPS)]


def _vector(values: list[float | None]) -> Vector:
    return np.array([np.nan if value is None else value for value in values])


def _pair_auc(up: Counts, down: Counts, score: Vector) -> float | None:
    """Σ_{i≠j} u_i d_j φ(f_i, f_j) / Σ_{i≠j} u_i d_j; None without such pairs."""
    ranks, n_ranks = dense_ranks(score)
    down_of = np.bincount(ranks, weights=down, minlength=n_ranks)
    below = np.cumsum(down_of) - down_of
    with_itself = float(up @ down)
    pairs = float(up.sum()) * float(down.sum()) - with_itself
    concordant = float(up @ (below + 0.5 * down_of)[ranks]) - 0.5 * with_itself
    return concordant / pairs if pairs > 0 else None


def _share(up: Counts, down: Counts) -> Vector:
    """u/(u + d); ½ where nothing counted."""
    return (up + 1e-9) / (up + down + 2e-9)


def _crossed(outcomes: Outcomes) -> tuple[float, float]:
    """a(m) and a(m/2): above ½, ranked by other continuations than those that weigh."""
    whole: list[float] = []
    halves: list[float] = []
    for first in range(0, PARTS, _WEIGHING):
        turned = np.roll(np.arange(PARTS), -first)
        weighing, ranking = turned[:_WEIGHING], turned[_WEIGHING:]
        up, down = outcomes.up[:, weighing].sum(axis=1), outcomes.down[:, weighing].sum(axis=1)
        for chosen, found in (
            (ranking, whole),
            (ranking[: len(ranking) // 2], halves),
            (ranking[len(ranking) // 2 :], halves),
        ):
            score = _share(outcomes.up[:, chosen].sum(axis=1), outcomes.down[:, chosen].sum(axis=1))
            area = _pair_auc(up, down, score)
            found.append(0.0 if area is None else area - 0.5)
    return float(np.mean(whole)), float(np.mean(halves))


def _noise_ratio(outcomes: Outcomes) -> float:
    """r = v/τ² in units of one continuation: u and d as shares, states weighted by how often they count."""
    up = outcomes.up.sum(axis=1).astype(np.float64)
    counted = up + outcomes.down.sum(axis=1)
    usable = counted > 1
    up, counted = up[usable], counted[usable]
    share, weight = up / counted, counted / counted.sum()
    spread = share * (1 - share)
    noise = float(weight @ (spread / (counted - 1)))
    v = float(weight @ (spread * counted / (counted - 1)))
    mean = float(weight @ share)
    tau2 = float(weight @ (share - mean) ** 2) - noise
    of_continuations = float(counted.mean()) / outcomes.continuations
    least = v / float(counted.mean())
    return v / max(tau2, least) / of_continuations if v > 0 else 0.0


def _corrected(outcomes: Outcomes) -> float | None:
    if not outcomes.up.any() or not outcomes.down.any():
        return None
    whole, half = _crossed(outcomes)
    m = outcomes.continuations * (PARTS - _WEIGHING) / PARTS
    ratio = _noise_ratio(outcomes)
    h_whole, h_half = whole * np.sqrt(1 + ratio / m), half * np.sqrt(1 + 2 * ratio / m)
    return float(0.5 + 2 * h_whole - h_half)


def _brackets(outcomes: Outcomes) -> tuple[float, float]:
    up, down = outcomes.up.sum(axis=1), outcomes.down.sum(axis=1)
    same = _pair_auc(up, down, _share(up, down))
    return 0.5 + _crossed(outcomes)[0], 0.5 if same is None else same
