"""How many jobs there are to be, decided from what stands."""

import pytest

from lineshape.engine.clusters.scaling import AT_ONCE, Demand, JobStates, delay, missing, surplus, wanted

FOUR = ("cpu-0", "cpu-1", "cpu-2", "cpu-3")


@pytest.mark.parametrize(("tasks", "number"), [(0, 2), (1, 2), (5, 5), (50, 10)])
def test_one_job_for_each_task_within_the_bounds(tasks: int, number: int) -> None:
    assert wanted(tasks, fewest=2, most=10) == number


def test_what_is_missing_is_asked_for_but_not_all_at_once() -> None:
    assert missing(JobStates(FOUR), 6) == 2
    assert missing(JobStates(FOUR), 3) == 0
    assert missing(JobStates(FOUR), 400) == AT_ONCE


@pytest.mark.parametrize(
    ("idle", "busy", "number", "gone"),
    [
        (set(), set(), 4, []),
        (set(), set(), 3, ["cpu-3"]),
        ({"cpu-3"}, {"cpu-0"}, 3, ["cpu-2"]),
        ({"cpu-3"}, {"cpu-0"}, 1, ["cpu-2", "cpu-1", "cpu-3"]),
        ({"cpu-3"}, {"cpu-0"}, 0, ["cpu-2", "cpu-1", "cpu-3"]),
        (set(), set(FOUR), 0, []),
    ],
)
def test_those_that_wait_go_first(idle: set[str], busy: set[str], number: int, gone: list[str]) -> None:
    assert surplus(JobStates(FOUR, frozenset(idle), frozenset(busy)), number) == gone


def test_the_demand_of_late_counts_not_that_of_the_moment() -> None:
    demand = Demand(memory=60)
    assert demand.see(0, 8) == 8
    assert demand.see(10, 0) == 8, "between two stages there is nothing to do for a moment"
    assert demand.see(30, 3) == 8
    assert demand.see(61, 0) == 3
    assert demand.see(200, 0) == 0


def test_what_fails_again_and_again_is_tried_ever_more_rarely() -> None:
    assert [delay(failures) for failures in (0, 1, 2, 3, 20)] == [0, 5, 10, 20, 300]
