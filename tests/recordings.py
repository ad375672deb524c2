"""Where the real recordings lie: ATC_RECORDINGS, else `../shared/data` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ATC_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))
BINANCE_RAW = ROOT / "binance_raw_2024"
BINANCE_2020 = ROOT / "binance_ethbtc_2020"
JPY = ROOT / "jpy_bitflyer_gmo_2025"
BITFLYER_WS = ROOT / "bitflyer_ws_2021"
GMO_REST = ROOT / "gmocoin_rest_2026"
BITFLYER_2018 = ROOT / "bitflyer_2018"
LOBSTER = ROOT / "lobster_2012"
DATABENTO = ROOT / "databento_mbp10_2024"
BITSTAMP = ROOT / "bitstamp_l3_2026"


def needs(folder: Path) -> list[pytest.MarkDecorator]:
    """Marks of tests that read `folder`; they are skipped, saying so, where it is absent."""
    return [
        pytest.mark.recordings,
        pytest.mark.skipif(not folder.is_dir(), reason=f"no recordings in {folder}; set ATC_RECORDINGS"),
    ]
