"""Frames and folders of a recording, for its tests."""

from __future__ import annotations

import json


def book(number: int) -> str:
    levels = {
        "asks": [{"price": str(101 + number % 7), "size": "0.01"}],
        "bids": [{"price": "100", "size": "1"}],
    }
    time = f"2026-02-17T05:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
    return json.dumps(
        {"channel": "orderbooks", **levels, "symbol": "ETH_JPY", "timestamp": time, "n": number}
    )
