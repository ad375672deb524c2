"""What needs a W&B account: whose it is, sending offline files, saving a dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from atc.errors import DataError, UsageError
from atc.tracking.wandb_files import was_sent
from atc.tracking.wandb_session import Surroundings

_ANSWER_WITHIN_S = 20


def account_entity() -> str:
    """The team or user that the account of this machine writes to unless told.

    Raises UsageError where there is no account, DataError where W&B does not answer or refuses it.
    """
    import wandb

    try:
        known = bool(wandb.login(prompt=False))
    except Exception as error:
        raise DataError(f"W&B refuses the account of this machine: {_one_line(error)}") from error
    if not known:
        raise UsageError(
            "no W&B account is configured on this machine: `wandb login` or WANDB_API_KEY gives one"
        )
    try:
        entity = wandb.Api(timeout=_ANSWER_WITHIN_S).default_entity
    except Exception as error:
        raise DataError(f"W&B does not answer: {_one_line(error)}; nothing was sent") from error
    if not entity:
        raise UsageError("the W&B account has no default team or user: give --entity")
    return str(entity)


def send(folders: Sequence[Path], outputs: Path, *, entity: str, project: str) -> None:
    """`wandb sync` of folders of offline runs; those of one run go in the order in which they began.

    Raises DataError that names what was not sent, with what W&B said; the others are sent.
    """
    if not folders:
        return
    import wandb

    wandb.teardown()  # its service may hold the last lines of what was finished just now
    variables = Surroundings(outputs).variables()
    del variables["WANDB_SILENT"]
    words = ["sync", "--entity", entity, "--project", project, *map(str, folders)]
    done = subprocess.run(
        [sys.executable, "-m", "wandb", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables, "WANDB_DIR": str(outputs)},  # where it writes a log of its own
    )
    left = [folder.name for folder in folders if not was_sent(folder)]
    if left:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise DataError(
            f"{len(left)} of {len(folders)} offline runs were not sent ({', '.join(left[:3])}); the same "
            f"command goes on with them. W&B said:\n{said}"
        )


def save(workspace: Any) -> str:
    """Saves the dashboard (see `workspace_of`), in place of the one of its name; gives its address.

    Raises DataError where W&B refuses.
    """
    from atc.tracking.workspace import library

    workspaces = library("workspaces")
    try:
        with suppress(ValueError):  # it is there already
            workspace._internal_id = workspaces.Workspace.from_url(workspace.url)._internal_id
        workspace.save()
    except Exception as error:
        raise DataError(f"W&B did not take the dashboard: {_one_line(error)}") from error
    return str(workspace.url)


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
