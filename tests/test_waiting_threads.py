"""What OpenMP is told of waiting, and that the user's own word stays."""

from __future__ import annotations

import os

import pytest

from atc.waiting_threads import SPINS, SPINS_OF_ENCODERS, sleep_at_once, spin_between_products, wait_briefly

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def told() -> dict[str, str]:
    return {name: os.environ[name] for name in NAMES if name in os.environ}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # what is set and deleted here comes back
        monkeypatch.delenv(name)


def test_trees_spin_for_a_moment() -> None:
    wait_briefly()
    assert told() == {"GOMP_SPINCOUNT": SPINS}


def test_nets_sleep_whatever_the_run_said_for_trees() -> None:
    wait_briefly()
    sleep_at_once()
    assert told() == {"OMP_WAIT_POLICY": "passive"}


def test_encoders_spin_until_the_next_product() -> None:
    wait_briefly()
    spin_between_products()
    assert told() == {"GOMP_SPINCOUNT": SPINS_OF_ENCODERS}


@pytest.mark.parametrize(("name", "value"), [("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "77")])
def test_what_the_user_says_stays(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    wait_briefly()
    spin_between_products()
    assert told() == {name: value}
    sleep_at_once()
    assert told()[name] == value
