"""The bench of training on a few rows: its rows, its processes and its table. Nothing is timed here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

BENCHES = Path(__file__).with_name("benches")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench's entry with its modules on the path."""
    monkeypatch.syspath_prepend(str(BENCHES))
    for name in [name for name in sys.modules if name == "train" or name.startswith("train_")]:
        monkeypatch.delitem(sys.modules, name)
    import train

    return train


def test_rows_are_made_once_and_smaller_sets_are_their_beginning(bench: ModuleType, tmp_path: Path) -> None:
    from train_rows import BLOCK, SyntheticRows

    whole, part = SyntheticRows(tmp_path, BLOCK + 500, 6), SyntheticRows(tmp_path, 1000, 6)
    part.make()
    alone = np.array(part.x)
    whole.make()
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = SyntheticRows(tmp_path, BLOCK + 10, 6)
    again.make()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    np.testing.assert_array_equal(whole.x[:1000], alone)
    np.testing.assert_array_equal(again.x, whole.x[: BLOCK + 10])
    assert whole.x.dtype == np.float32
    assert len(np.unique(whole.x[BLOCK - 50 : BLOCK + 50, 0])) == 100  # blocks do not repeat
    assert 0.5 < whole.y.mean() < 0.9
    assert set(np.unique(whole.classes)) == {0, 1, 2}
    other = SyntheticRows(tmp_path, 1000, 6, seed=2)
    other.make()
    assert not np.array_equal(other.x[:, 0], alone[:, 0])


def test_a_disk_without_room_is_said_before_a_file_is_made(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import train_rows

    monkeypatch.setattr(train_rows.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SystemExit, match=r"1,000,000 rows × 36 columns take 0.1 GiB, 0.0 GiB are free"):
        train_rows.SyntheticRows(tmp_path / "rows", 1_000_000, 36).make()
    assert list((tmp_path / "rows").iterdir()) == []


PART = """
import numpy as np
from train import Case

def cases():
    return [Case("copy", 100_000, 40), Case("map", 100_000, 40), Case("fails", 10, 40)]

def run(case, data, clock):
    if case == "fails":
        raise SystemExit("no such model")
    with clock():
        kept = np.array(data.x) if case == "copy" else data.x
        total = float(np.nansum(kept[:, 0], dtype=np.float64))
    return {"total": total}

def tabulate(table, found):
    for name, one in found.items():
        table.add(name, one.seconds, "s")
"""


def test_each_case_is_a_process_whose_anonymous_memory_counts(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of 16 MB of rows is memory, a map of them is not."""
    import train_rows

    monkeypatch.setattr(train_rows, "HELD_ROWS", 1000)
    (tmp_path / "train_part.py").write_text(PART, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{BENCHES.parents[1]}")
    monkeypatch.setattr(bench, "PARTS", ("part",))
    monkeypatch.setattr(bench, "there", lambda _: True)
    cases = {case.name: case for case in bench.module_of("part").cases()}
    folder = tmp_path / "rows"
    train_rows.SyntheticRows(folder, 100_000, 40).make()
    copied, mapped = (bench.measured("part", cases[name], folder) for name in ("copy", "map"))
    assert copied.figures == mapped.figures
    assert copied.peak_mib - copied.before_mib > 14
    assert mapped.peak_mib - mapped.before_mib < 8
    with pytest.raises(SystemExit, match="part, fails: exit code 1"):
        bench.measured("part", cases["fails"], folder)
    table = bench.main(["part", "--only", "map", "--folder", str(folder), "--out", str(tmp_path / "t.json")])
    assert [row["figure"] for row in table.rows] == ["map"]
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == table.rows
