"""Trade ids that count by one: what repeats is left out, what is missing is told."""

from __future__ import annotations

from typing import Any

from atc.events.schema import ControlKind
from reference.ingest.merge import Timed
from reference.ingest.message import ControlMessage, Message
from reference.ingest.report import IngestReport


class TradeIds:
    """Follows the ids of one symbol's trades."""

    def __init__(self, report: IngestReport) -> None:
        self._report = report
        self._last: int | None = None

    def follow(self, number: int, item: Timed[Any]) -> list[Message] | None:
        """What comes before trade `number`: GAP_START and GAP_END if ids are missing, else nothing.

        None says that the trade is a repetition and has to be left out.
        """
        last, self._last = self._last, number
        if last is None or number == last + 1:
            return []
        if number <= last:
            self._last = last
            self._report.repair(item.origin, "repeated trade", f"id {number} after {last}")
            return None
        detail = f"trade ids jump from {last} to {number}"
        self._report.flag(item.origin, "gap in the trade ids", detail)
        return [
            ControlMessage(
                ts_recv=item.ts_recv, flags=item.flags, origin=item.origin, control_kind=kind, detail=detail
            )
            for kind in (ControlKind.GAP_START, ControlKind.GAP_END)
        ]
