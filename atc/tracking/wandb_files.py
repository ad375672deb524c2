"""Where W&B's files of a run lie under `<outputs>/wandb`, and what becomes of those of attempts that died."""

from __future__ import annotations

import logging
from pathlib import Path

from atc.errors import DataError
from atc.tracking.run_files import FINISHED, Manifest, read_manifest, run_folder

_log = logging.getLogger(__name__)

ID_LENGTH = 16
"""The W&B id of a run is so much of the start of its run id."""
HOME, EARLIER = "wandb", "earlier"


def wandb_id(run_id: str) -> str:
    """The id in W&B of the run `run_id`."""
    return run_id[:ID_LENGTH]


def offline_folders(outputs: Path, id_: str) -> list[Path]:
    """The folders of offline runs of this W&B id under `outputs`, in the order in which they began."""
    return sorted((outputs / HOME).glob(f"offline-run-*-{id_}"))


def was_begun(outputs: Path, id_: str) -> bool:
    """Whether a W&B run of this id, offline or online, was ever begun under `outputs`."""
    return any((outputs / HOME).glob(f"*run-*-{id_}"))


def was_sent(folder: Path) -> bool:
    """Whether `wandb sync` has sent the offline run in `folder`; it leaves a mark when it has."""
    return any(folder.glob("*.wandb.synced"))


def folder_of(outputs: Path, manifest: Manifest) -> Path | None:
    """The folder of W&B's offline files that the manifest of a run names, None if it names none."""
    tracking = manifest.get("tracking")
    if not isinstance(tracking, dict) or tracking.get("effective_mode") != "offline":
        return None
    directory = tracking.get("directory")
    return outputs / str(directory) if directory else None


def put_earlier_aside(outputs: Path, name: str, run_id: str) -> None:
    """Moves what attempts at this run left to `wandb/earlier/`, so that `wandb sync` of all that lies in
    `wandb/` sends the attempt that begins now and no dead one: the two have one id and would become one.

    What was sent stays, and what the finished run in the run's folder names. Whoever calls holds the run's
    lock.
    """
    try:
        manifest = read_manifest(run_folder(outputs, name, run_id)) or {}
    except DataError:
        manifest = {}
    kept = folder_of(outputs, manifest) if manifest.get("status") == FINISHED else None
    for folder in offline_folders(outputs, wandb_id(run_id)):
        if folder == kept or was_sent(folder):
            continue
        _log.info("W&B files of an earlier attempt: %s", put_aside(outputs, folder))


def put_aside(outputs: Path, folder: Path) -> Path:
    """Moves the folder of an offline run to `wandb/earlier/`; gives where it lies then."""
    aside = outputs / HOME / EARLIER / folder.name
    aside.parent.mkdir(exist_ok=True)
    folder.rename(aside)
    return aside
