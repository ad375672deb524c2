"""The bench of features on a few hours: every peer computes what ATC computes, and the table says so.

Nothing is timed here. Numba's code runs uncompiled, so that the test costs no compilation; the bench itself
compiles it and checks its values again.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

BENCHES = Path(__file__).with_name("benches")
HOURS = 1.25
RATE = 0.25


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The bench's entry with its modules on the path; Numba does not compile."""
    sys.path.insert(0, str(BENCHES))
    try:
        return importlib.import_module("features")
    finally:
        sys.path.remove(str(BENCHES))


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's functions stay Python functions in modules that are imported from now on."""
    numba = pytest.importorskip("numba", reason="the peers group is not installed: uv sync --group peers")
    pytest.importorskip("screamer", reason="the peers group is not installed: uv sync --group peers")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)


def test_peers_agree_and_every_part_gives_its_rows(
    bench: ModuleType, uncompiled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHES))
    table = bench.FeatureTable()
    parts = ["rates", "push", "polars", "numba", "screamer", "files"]
    wanted = bench.asked(["--runs", "1", "--rate", str(RATE), "--only", *parts])
    with np.errstate(all="ignore"):
        bench.measure(table, tmp_path, wanted, int(HOURS * 3600) * 10**9)
    against = " ".join(str(row["against"]) for row in table.rows)
    assert all(peer in against for peer in ("polars", "Numba", "screamer"))
    assert all(np.isfinite(row["value"]) for row in table.rows)
    judged = [row for row in table.rows if row["goal"] is not None]
    assert {row["reached"] for row in judged} <= {True, False}
    assert all(len(line.split("|")) == 9 for line in table.markdown().splitlines()[2:])


def test_a_peer_that_disagrees_is_an_error(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHES))
    compare = importlib.import_module("features_compare")
    values = np.array([1.0, np.nan, 3.0], np.float32)
    ours = pa.record_batch({"spread_bps": pa.array(values, from_pandas=True)})
    assert compare.check("peer", ours, {"spread_bps": values * np.float32(1.00001)})["spread_bps"] < 1
    for wrong in (np.array([1.0, np.nan, 3.01]), np.array([1.0, 2.0, 3.0]), np.array([1.0, np.nan])):
        with pytest.raises(compare.PeerDisagrees, match="peer: spread_bps"):
            compare.check("peer", ours, {"spread_bps": wrong.astype(np.float32)})


def test_goals(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHES))
    goal = importlib.import_module("features_table").Goal
    assert goal(1.5).reached(1.5) and not goal(1.5).reached(1.49)
    assert goal(10, at_most=True).reached(10) and not goal(10, at_most=True).reached(10.1)
    assert goal(3.8, upper=4.2).reached(4) and not goal(3.8, upper=4.2).reached(4.3)
    table = bench.FeatureTable()
    table.add("figure", 2.0, "s", against="peer", ratio=1.2, goal=goal(1.5))
    assert table.rows[0]["reached"] is False, "a goal is one of the ratio where there is one"
