"""p_T: how often a whole transaction, its opening and its closing, is foretold (Briola, Bartolucci and Aste,
*Deep limit order book forecasting: a microstructural guide*, Quantitative Finance 25(7), 2025).

A sequence of classes is read as orders: the last class asks for a long position (+1), the first for a short
one or none (−1), those between for whatever there is (0). A transaction opens at a row that asks for ±1 and
closes at the next row that asks for the opposite, where the following one opens. With P_T transactions in
what happened, T_T in what was called, and C_T of them in both, opened and closed at the same rows on the same
side,

    p_T = C_T / (P_T + T_T − C_T).

(The paper names the idea; the formula is as public implementations of it have it: the share of the union
that is common to both.) Accuracy forgives a single wrong row in a long run; p_T does not, because that row
would have been traded.

**Reading.** Rows follow each other in a second and labels look 300 s ahead, so whole sequences would differ
by one row nearly always. So decisions are taken on rows whose labels do not overlap: the first, then always
the first that comes after the label of the one before has ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.head import HeadRows
from atc.evaluation.lift import Resampling, Sample, ratio

Codes = NDArray[np.int64]


def p_transaction(rows: HeadRows, called: Codes, draws: Resampling) -> Sample:
    """p_T of the `called` classes (n,) of `rows`; undefined where there is no transaction at all.

    A transaction belongs to the block in which it opens; without enough such blocks nothing is resampled.
    """
    chosen = rows.disjoint
    happened, foretold = (
        transactions(orders(codes[chosen], len(rows.head.classes))) for codes in (rows.codes, called)
    )
    both = happened.also_in(foretold, len(chosen))
    block = draws.block if draws.times is not None else np.zeros_like(draws.block)
    opened = [
        np.bincount(block[chosen][opening], minlength=draws.n_blocks)
        for opening in (both, happened.opening, foretold.opening)
    ]
    opens = np.zeros(len(rows.y), dtype=np.bool_)
    opens[chosen[happened.opening]] = opens[chosen[foretold.opening]] = True
    sums = np.column_stack([opened[0], opened[1] + opened[2] - opened[0]])
    return draws.borne(draws.figure(sums, ratio), opens)


@dataclass(frozen=True)
class Transactions:
    """In order of time."""

    opening: Codes
    """(k,) row."""
    closing: Codes
    """(k,) row."""
    side: Codes
    """(k,) +1 or −1."""

    def also_in(self, other: Transactions, rows: int) -> Codes:
        """The opening rows of those that are in both, of sequences of so many `rows`."""
        closing, side = np.full(rows, -1), np.zeros(rows, dtype=np.int64)
        closing[other.opening], side[other.opening] = other.closing, other.side
        same = (closing[self.opening] == self.closing) & (side[self.opening] == self.side)
        return np.asarray(self.opening[same])


def orders(code: Codes, classes: int) -> Codes:
    """(n,) +1 for the last class, −1 for the first, 0 between."""
    return np.where(code == classes - 1, 1, np.where(code == 0, -1, 0))


def transactions(order: Codes) -> Transactions:
    """The transactions of `order` (n,); what never closes is none."""
    asks = np.flatnonzero(order)
    turns = asks[np.concatenate([[True], order[asks][1:] != order[asks][:-1]])] if len(asks) else asks
    return Transactions(turns[:-1], turns[1:], order[turns[:-1]])
