"""How long a thread that waits for others keeps the core that they may need.

OpenMP's libraries read it once, when they are loaded, so it is said before; what the user has set stays.
GNU's, which LightGBM and torch use on Linux, spins for milliseconds unless it is told otherwise: on an idle
machine nobody minds, beside other work each barrier of a fit waits for a thread that waits for a core. Names:
https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
"""

from __future__ import annotations

import os

SPINS = "3000"
"""Some microseconds: no slower than a longer wait on an idle machine, and far faster beside another job."""


def wait_briefly() -> None:
    """For runs of trees, whose barriers come every few microseconds."""
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS


def sleep_at_once() -> None:
    """For nets: beside other work twenty epochs took 11.6 s with threads that spin, 0.9 s without."""
    if os.environ.get("GOMP_SPINCOUNT") == SPINS:
        del os.environ["GOMP_SPINCOUNT"]
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
