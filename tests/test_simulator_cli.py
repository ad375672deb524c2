"""`atc simulate`, and what is left of a simulation that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from atc.cli import application
from atc.config.compose import compose
from atc.config.data import SimulatedData
from atc.errors import UsageError
from atc.events.catalog import Catalog
from atc.events.simulate import ensure_simulated, located

runner = CliRunner()


def test_it_writes_the_canonical_layout_and_ends_with_a_table(tmp_path: Path) -> None:
    arguments = ["simulate", "scenario=null", "days=1", "seed=3", "--root", str(tmp_path)]
    first = runner.invoke(application(), arguments, catch_exceptions=False)
    assert first.exit_code == 0
    head, row = first.stdout.splitlines()[-2:]
    assert head.split()[:3] == ["scenario", "seed", "days"]
    assert row.split()[:3] == ["null", "3", "1"]
    ((venue, symbol),) = Catalog(tmp_path).streams()
    assert symbol == "ETH_JPY"
    assert f"simulated: {venue}/ETH_JPY" in first.stdout
    again = runner.invoke(application(), arguments, catch_exceptions=False)
    assert f"was there: {venue}/ETH_JPY" in again.stdout
    assert again.stdout.splitlines()[-2:] == [head, row]


def test_without_a_root_it_writes_where_runs_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATC_EVENTS", str(tmp_path / "events"))
    done = runner.invoke(application(), ["simulate", "days=1", "seed=3"], catch_exceptions=False)
    assert done.exit_code == 0
    paths = compose(["data=demo", "data.days=1"]).paths
    assert paths.events_dir == tmp_path / "events"
    assert len(Catalog(paths.events_dir).streams()) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["dyas=3"], "did you mean 'days'"),
        (["days"], "expected KEY=VALUE"),
        (["days=many"], "days=many"),
        (["days=1", "days=2"], "set twice"),
        (["scenario=targt"], "targt"),
        (["start_date=1970-01-01"], "start_date=1970-01-01: .*1971-01-01"),
    ],
)
def test_wrong_settings_are_named(arguments: list[str], named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=named):
        runner.invoke(
            application(), ["simulate", *arguments, "--root", str(tmp_path)], catch_exceptions=False
        )
    assert not any(tmp_path.iterdir())


def test_a_killed_simulation_leaves_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    data = SimulatedData.model_validate({**compose(["data=demo"]).data.model_dump(), "days": 3})
    program = (
        "import sys; from pathlib import Path; from atc.config.data import SimulatedData\n"
        "from atc.events.simulate import ensure_simulated\n"
        "data = SimulatedData.model_validate_json(sys.argv[1])\n"
        "def wait(days): print(days, flush=True), sys.stdin.read(1)\n"
        "ensure_simulated(data, Path(sys.argv[2]), wait)\n"
    )
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen(
        [sys.executable, "-c", program, data.model_dump_json(), str(killed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        # The first day is written, and the program waits to be told to go on.
        assert process.stdout.readline() == b"1\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert Catalog(killed).streams() == []
    assert ensure_simulated(data, killed)
    assert ensure_simulated(data, whole)
    venue, symbol = located(data).venue, data.symbol
    found, expected = Catalog(killed), Catalog(whole)
    days = expected.days(venue, symbol)
    assert len(days) == 3
    assert found.content_digest(venue, symbol, days) == expected.content_digest(venue, symbol, days)
    assert not any((killed / "canonical" / "_tmp").iterdir())
