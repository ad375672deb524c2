"""Tasks on threads: their order, their errors, and one core."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from atc.evaluation.side_by_side import both, side_by_side


@pytest.fixture(params=["1", "2"])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("OMP_NUM_THREADS", request.param)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    return int(request.param)


def test_answers_stand_in_the_order_of_the_tasks(cores: int) -> None:
    assert side_by_side([partial(pow, number, 2) for number in range(9)]) == [n * n for n in range(9)]
    assert side_by_side([partial(str, 1)]) == ["1"]
    assert both(lambda: 1, lambda: "two") == (1, "two")


def test_two_cores_work_at_once_and_one_core_on_its_own_thread(cores: int) -> None:
    together = threading.Barrier(cores)

    def meet() -> str:
        together.wait(timeout=30)  # alone it would not come back where two are expected
        return threading.current_thread().name

    names = [*side_by_side([meet, meet]), *both(meet, meet)]
    assert (set(names) == {threading.current_thread().name}) == (cores == 1)


def test_an_error_of_a_task_reaches_who_asked(cores: int) -> None:
    def fails() -> int:
        raise ValueError("scores are NaN")

    with pytest.raises(ValueError, match="scores are NaN"):
        side_by_side([lambda: 1, fails, lambda: 2])
    with pytest.raises(ValueError, match="scores are NaN"):
        both(lambda: 1, fails)


def test_no_more_at_a_time_than_memory_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atc.evaluation.side_by_side.threads", lambda: 8)
    for most in (0, 1):
        assert set(side_by_side([threading.get_ident] * 5, most=most)) == {threading.get_ident()}
    meeting = threading.Barrier(2)
    assert side_by_side([lambda: meeting.wait(timeout=30) >= 0] * 4, most=2) == [True] * 4
