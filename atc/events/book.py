"""A price-level book replayed from messages: for keyframes, for checks, for reading canonical rows back."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from atc.events.schema import MsgKind

Level = tuple[int, int, int]
"""(side +1 bid or −1 ask, px_ticks, qty_lots); a size is absolute and 0 deletes the level."""


class _Side:
    """Levels of one side; the best is found by a heap whose dead entries are dropped when they come up."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.qty: dict[int, int] = {}
        self._heap: list[int] = []

    def set(self, px: int, qty: int) -> None:
        if qty == 0:
            self.qty.pop(px, None)
            return
        if px not in self.qty:
            heapq.heappush(self._heap, -self._sign * px)
            if len(self._heap) > 4 * len(self.qty) + 64:
                self._heap = [-self._sign * known for known in self.qty]
                self._heap.append(-self._sign * px)
                heapq.heapify(self._heap)
        self.qty[px] = qty

    def best(self) -> int | None:
        while self._heap:
            px = -self._sign * self._heap[0]
            if px in self.qty:
                return px
            heapq.heappop(self._heap)
        return None

    def clear(self) -> None:
        self.qty.clear()
        self._heap.clear()


class Book:
    """Bids and asks by price in ticks, sizes in lots. `known` is False until a SNAP or CLEAR came."""

    def __init__(self) -> None:
        self.known = False
        self._sides = {1: _Side(1), -1: _Side(-1)}

    def reset(self) -> None:
        """Forgets everything: the book is unknown."""
        self.known = False
        for side in self._sides.values():
            side.clear()

    def apply(self, msg_kind: MsgKind | int, levels: Iterable[Level]) -> None:
        """Applies one message; rows of side 0 are no levels."""
        if msg_kind != MsgKind.DELTA:
            self.reset()
            self.known = True
        for side, px, qty in levels:
            if side:
                self._sides[side].set(px, qty)

    @property
    def best_bid(self) -> int | None:
        """Highest bid in ticks."""
        return self._sides[1].best()

    @property
    def best_ask(self) -> int | None:
        """Lowest ask in ticks."""
        return self._sides[-1].best()

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is not below the best ask."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid >= ask

    def sizes(self, side: int) -> dict[int, int]:
        """Size by price of one side; a copy."""
        return dict(self._sides[side].qty)

    def levels(self) -> list[Level]:
        """All levels: bids from the best down, then asks from the best up."""
        return [
            *((1, px, self._sides[1].qty[px]) for px in sorted(self._sides[1].qty, reverse=True)),
            *((-1, px, self._sides[-1].qty[px]) for px in sorted(self._sides[-1].qty)),
        ]
