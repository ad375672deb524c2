"""How a run's looks at a holdout come into the ledger."""

from __future__ import annotations

import getpass
import logging
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from atc.errors import DataError
from atc.protocol.ledger import Asker, EnterJudged, EnterLook, Holdout, Ledger, number_of_looks
from atc.protocol.ledger_lines import Look
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
        look = Ledger(events_root).enter(holdout, _asker(name, identity), reason)
        _log.info("the holdout is opened: %s; entered in the ledger at %s", reason, look.at)

    return enter


def judged_of(record: RunRecord, events_root: Path, say: Callable[[str], None]) -> EnterJudged:
    """Enters, in the same ledger, the time on which validation and folds of the run of `record` judge.

    Where that time was held out it says so before they do. What it gives raises DataError where the ledger is
    damaged, or cannot be written and the time was held out.
    """

    def enter(time: Holdout, reason: str) -> str | None:
        ledger = Ledger(events_root)
        held = [look for look in ledger.looks(time.venue, time.symbol, time.span) if look.kind == "look"]
        told = None
        if held:
            told = (
                f"{reason}: judges on time that {_times(held)} held out, so it is entered as a look there "
                "(docs/holdout.md)"
            )
            say(told)
            _log.info("%s", told)
        try:
            ledger.enter(time, _asker(record.name, record.identity), reason, kind="judged")
        except DataError as error:
            if held:
                raise
            told = f"{reason}: not entered, so a later holdout there will not know of it; {error}"
            _log.warning("%s", told)
        return told

    return enter


def _times(held: Sequence[Look]) -> str:
    spans = sorted({look.span for look in held})
    ends = spans[0][0], max(span[1] for span in spans)
    first, last = (datetime.fromtimestamp(ns // 1_000_000_000, UTC) for ns in ends)
    which = "a recorded holdout" if len(spans) == 1 else f"{len(spans)} recorded holdouts"
    many = number_of_looks(held)
    looks = "1 look" if many == 1 else f"{many} looks"
    return f"{which} ({first:%Y-%m-%d %H:%M} … {last:%Y-%m-%d %H:%M} UTC, {looks})"


def _asker(name: str, identity: RunIdentity) -> Asker:
    git = provenance.known_git_state()
    return Asker(
        run_id=identity.run_id,
        name=name,
        config_digest=identity.config_digest,
        data_digest=identity.data_digest,
        commit=None if git["commit"] is None else str(git["commit"]),
        dirty=None if git["dirty"] is None else bool(git["dirty"]),
        user=_user(),
        host=platform.node() or None,
    )


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process whose user has no name, as in some containers
        return None
