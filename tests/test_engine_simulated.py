"""Every column of the engine against the reference on simulated business days, as they are stored."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reference.events import SECOND
from sessions import DIRTY_HOURS, Session, assert_columns, simulated
from streams import SAMPLINGS


@pytest.fixture(scope="module", params=["target", "dirty_feed"])
def market(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    words = DIRTY_HOURS if request.param == "dirty_feed" else []
    return simulated(request.param, tmp_path_factory.mktemp(request.param), rate=0.2, words=words)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_columns(market: Session, sampling: str) -> None:
    begin = market.events[0].ts_recv
    spec = replace(market.spec, sampling=sampling, min_values=5)
    assert_columns(market, spec, 20, read=(begin, begin + 3600 * SECOND))


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_columns_at_200_rows(market: Session, sampling: str) -> None:
    assert_columns(market, replace(market.spec, sampling=sampling), 200)
