"""What a model says where an input tells it nothing of the row any more (Breiman, *Random forests*, 2001;
Fisher, Rudin and Dominici, *All models are wrong, but many are useful*, JMLR 2019).

Rows are permuted one by one and not in blocks of time, although neighbours are alike: the answer to a row
depends on that row alone, and so do the figures, so the order in which the other rows' values come is not
seen by anything; blocks would leave the mean where it is and raise its variance. That neighbours are alike
decides how sure one can be of the result, and there the bootstrap draws whole blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from atc.models.explain.response import Answers, Asked
from atc.protocol.row_runs import Rows


def permutations(rows: int, repeats: int, seed: int) -> list[Rows]:
    """`repeats` orders of so many rows, the same for every input: differences between inputs are paired."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(rows) for _ in range(repeats)]


def permuted_answers(asked: Asked, features: Sequence[int], *, repeats: int, seed: int) -> Iterator[Answers]:
    """(n, m) a repeat: the answers where these `features` have the values of another row, together of the
    same one.
    """
    for order in permutations(asked.n_rows, repeats, seed):
        yield asked.with_inputs_of(order, features)
