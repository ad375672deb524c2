"""How a run's looks at a holdout come into the ledger."""

from __future__ import annotations

import getpass
import logging
import platform
from pathlib import Path

from atc.protocol.ledger import Asker, EnterLook, Holdout, Ledger
from atc.tracking import provenance
from atc.tracking.record import RunIdentity, RunRecord

_log = logging.getLogger(__name__)


def looks_of(record: RunRecord, events_root: Path) -> EnterLook:
    """Enters looks of the run of `record` in the ledger beside the events under `events_root`.

    What it gives raises DataError where the ledger refuses.
    """
    return looks_by(record.name, record.identity, events_root)


def looks_by(name: str, identity: RunIdentity, events_root: Path) -> EnterLook:
    """As `looks_of`, for whoever looks in the name of a run that is finished."""

    def enter(holdout: Holdout, reason: str) -> None:
        git = provenance.git_state()
        look = Ledger(events_root).enter(
            holdout,
            Asker(
                run_id=identity.run_id,
                name=name,
                config_digest=identity.config_digest,
                data_digest=identity.data_digest,
                commit=None if git["commit"] is None else str(git["commit"]),
                dirty=None if git["dirty"] is None else bool(git["dirty"]),
                user=_user(),
                host=platform.node() or None,
            ),
            reason,
        )
        _log.info("the holdout is opened: %s; entered in the ledger at %s", reason, look.at)

    return enter


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process whose user has no name, as in some containers
        return None
