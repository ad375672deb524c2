"""What OpenMP is told of waiting, and that the user's own word stays."""

from __future__ import annotations

import os
import sys

import pytest

from atc.sweep.job import as_a_run_begins
from atc.waiting_threads import (
    SPINS,
    SPINS_OF_ENCODERS,
    multiply_on_one_thread,
    sleep_at_once,
    spin_between_products,
    wait_briefly,
)

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


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


def test_products_of_a_run_take_one_thread_and_a_job_of_a_sweep_is_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))  # what a run leaves out is let in again
    multiply_on_one_thread()
    assert told() == {"OPENBLAS_NUM_THREADS": "1"}
    del os.environ["OPENBLAS_NUM_THREADS"]
    as_a_run_begins()
    assert told() == {"OPENBLAS_NUM_THREADS": "1", "GOMP_SPINCOUNT": SPINS}


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_threads_that_the_user_gives_products_stay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "2")
    multiply_on_one_thread()
    assert told() == {name: "2"}
