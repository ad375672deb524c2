"""How W&B is told where to write, and how a run of it begins: quietly, under `<outputs>/wandb` alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from atc.tracking.wandb_files import HOME

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

RecordingMode = Literal["offline", "online"]
Mode = Literal["offline", "online", "none"]
_INIT_TIMEOUT_S = 30.0
_FINISH_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class About:
    """What a W&B run is called, and what it belongs to."""

    id: str
    name: str
    project: str = "atc"
    entity: str | None = None
    group: str | None = None
    job_type: str | None = "run"
    """None: that of the run that goes on."""
    tags: Sequence[str] = ()


class Surroundings:
    """W&B's environment variables, set between `enter` and `leave` and put back after."""

    def __init__(self, outputs: Path) -> None:
        self._home = (outputs / HOME).resolve()
        self._before: dict[str, str | None] = {}

    def enter(self) -> None:
        """Nothing that W&B writes or asks goes to the home folder. Raises OSError."""
        self._home.mkdir(parents=True, exist_ok=True)
        for variable, value in self.variables().items():
            self._before.setdefault(variable, os.environ.get(variable))
            os.environ[variable] = value

    def leave(self) -> None:
        """Puts the environment back; nothing if it was not entered."""
        for variable, value in self._before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
        self._before.clear()

    def variables(self) -> dict[str, str]:
        """What is set."""
        return {
            "WANDB_DATA_DIR": str(self._home / "data"),
            "WANDB_CACHE_DIR": str(self._home / "cache"),
            "WANDB_CONFIG_DIR": str(self._home / "config"),
            "WANDB_ERROR_REPORTING": "false",  # W&B would send its own errors home, network or not
            "WANDB_SILENT": "true",
        }


def begin(outputs: Path, mode: RecordingMode, about: About, config: Mapping[str, object]) -> Run:
    """Begins the W&B run, or goes on with the one of its id, whose files lie under `outputs`.

    mode: `online` needs an account. Raises RuntimeError without one, and what W&B raises.
    """
    import wandb

    if mode == "online" and not wandb.login(prompt=False):  # with a prompt it would wait at the terminal
        raise RuntimeError("no account is configured")
    return wandb.init(
        mode=mode,
        project=about.project,
        entity=about.entity,
        dir=str(outputs.resolve()),
        id=about.id,
        name=about.name,
        group=about.group,
        job_type=about.job_type,
        tags=tuple(about.tags),
        config=dict(config),
        resume="allow",
        reinit="create_new",
        settings=wandb.Settings(
            silent=True,
            console="off",  # log.txt has it; W&B's capture would wrap stdout and garble progress bars
            disable_git=True,
            disable_code=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            symlink=False,
            init_timeout=_INIT_TIMEOUT_S,
            finish_timeout=_FINISH_TIMEOUT_S,
            finish_timeout_raises=True,
        ),
    )
