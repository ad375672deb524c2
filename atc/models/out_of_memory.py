"""A fit that the memory was not enough for, in words: how large it was, and what asks for less."""

from __future__ import annotations

from atc.errors import DataError
from atc.protocol.dataset import Block

_SAID = ("bad allocation", "bad_alloc", "allocate memory", "out of memory", "not enough memory")
"""By LightGBM, torch and the CUDA driver, which have errors of their own."""


def ran_out(error: BaseException) -> bool:
    """Whether `error` is one of too little memory, of the processor's or of a GPU's."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _SAID)


def too_large(kind: str, train: Block) -> DataError:
    """For a fit of a model of `kind` on `train`."""
    size = train.n_rows * len(train.features) * 4 / 2**30
    return DataError(
        f"model.kind={kind}: not enough memory to fit {train.n_rows:,} rows × {len(train.features)} columns "
        f"({size:.2f} GiB as they lie); thinning=every_k takes every k-th row, a shorter window.train_… or "
        "fewer features take less, and of a net or solver=adam a smaller model.batch_size"
    )
