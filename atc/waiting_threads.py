"""How long a thread that waits for others keeps the core that they may need, and which threads there are.

Libraries read it once, when they are loaded, so it is said before; what the user has set stays.
GNU's, which LightGBM and torch use on Linux, spins longer unless it is told otherwise: on an idle machine
nobody minds, nor beside one other job; where several share the cores each barrier of a fit waits for a
thread that waits for a core. Figures: docs/models_gbdt.md. Names:
https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
"""

from __future__ import annotations

import os

SPINS = "3000"
"""No slower than a longer wait on an idle machine; on a crowded one a fit is 1.5 to 4 times as fast."""


def wait_briefly() -> None:
    """For runs of trees, whose barriers come every few microseconds."""
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS


def multiply_on_one_thread() -> None:
    """For NumPy's BLAS in a run, which has threads of its own: a product that takes both cores takes one from
    the figures that are made beside it, and its threads wait for each other. The products of a run are small;
    those of a fit are shared out by rows (`atc.models.row_chunks`) whatever a BLAS does; nets have theirs.
    """
    if not {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} & os.environ.keys():
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


SPINS_OF_ENCODERS = "100000"
"""As long as the pause between two products of an encoder lasts: docs/models_sequences.md."""


def spin_between_products() -> None:
    """For encoders, whose products take a while: a thread that sleeps between them wakes too late."""
    if os.environ.get("GOMP_SPINCOUNT") == SPINS:
        del os.environ["GOMP_SPINCOUNT"]
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS_OF_ENCODERS


def sleep_at_once() -> None:
    """For small nets: beside other work twenty epochs took 11.6 s with threads that spin, 0.9 s without."""
    if os.environ.get("GOMP_SPINCOUNT") == SPINS:
        del os.environ["GOMP_SPINCOUNT"]
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
