"""What W&B wrote offline, read by W&B's own inspector."""

from __future__ import annotations

import json
import os
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import Any

_WRITTEN_WITHIN_S = 2.0
"""W&B's service writes the last lines a moment after a run was finished; one that was killed has no end."""


class Offline:
    """One offline run, the folder of which is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """All records in order; each has its kind under `type` and its content under that kind."""
        from wandb.util import get_core_path

        (file,) = self.folder.glob("*.wandb")
        # What `wandb leet inspect --json FILE` calls, without the second that the command takes to begin.
        words = ["leet", "inspect", "--no-observability", "--json", "--run-file", str(file), str(file.parent)]
        environment = {**os.environ, "HOME": str(self.folder.parent.parent)}
        command = [get_core_path(), *words]
        until = time.monotonic() + _WRITTEN_WITHIN_S
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            records = [json.loads(line) for line in done.stdout.splitlines()]
            if any(record["type"] == "exit" for record in records) or time.monotonic() > until:
                return records
            time.sleep(0.2)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The contents of all records of a kind."""
        return [record[kind] for record in self.records if record["type"] == kind]

    @property
    def run(self) -> dict[str, Any]:
        """What the run is called."""
        (run,) = self.of("run")
        return run

    @property
    def config(self) -> dict[str, Any]:
        """Without W&B's own part."""
        return {key: value for key, value in self.run["config"]["update"].items() if key != "_wandb"}

    @property
    def summary(self) -> dict[str, Any]:
        """As it is in the end."""
        found: dict[str, Any] = {}
        for update in self.of("summary"):
            found |= update["update"]
        return found

    @property
    def history(self) -> list[dict[str, Any]]:
        """Line by line."""
        return [line["item"] for line in self.of("history")]

    @property
    def artifacts(self) -> dict[str, dict[str, Any]]:
        """By name; W&B's own, one a table, are left out."""
        return {one["name"]: one for one in self.of("artifact") if one["type"] != "run_table"}

    def files_in(self, artifact: str) -> list[str]:
        """Names of the files in an artifact."""
        return sorted(entry["path"] for entry in self.artifacts[artifact]["manifest"]["contents"])

    @property
    def exit_codes(self) -> list[int]:
        """None of a run that was never finished."""
        return [one["exit_code"] for one in self.of("exit")]

    def table(self, name: str) -> dict[str, Any]:
        """`columns` and `data` of a table."""
        (file,) = self.folder.glob(f"files/media/table/{name}_*.json")
        content: dict[str, Any] = json.loads(file.read_text())
        return content


def offline_runs(outputs: Path, kind: str = "") -> list[Offline]:
    """Those under `outputs` in order of time; without `kind` all but the runs that make features."""
    folders = sorted(outputs.glob(f"wandb/offline-run-*-{kind}*"))
    return [Offline(folder) for folder in folders if kind or "-features-" not in folder.name]


def read_offline(outputs: Path) -> Offline:
    """The one offline run of an experiment under `outputs`."""
    (run,) = offline_runs(outputs)
    return run
