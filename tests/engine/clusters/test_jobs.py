"""What a group of jobs asks for: times and sizes as people write them, and what cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from lineshape.engine.clusters.jobs import Jobs, clock


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("02:30:00", 9000), ("1-12:00:00", 129_600), ("2h", 7200), ("90m", 5400), ("45", 45), (3600, 3600)],
)
def test_times_as_batch_systems_and_people_write_them(said: str | int, seconds: float) -> None:
    assert Jobs(walltime=said, lifetime=1).walltime == seconds  # type: ignore[arg-type]


def test_a_worker_ends_before_its_job_and_not_with_all_others() -> None:
    jobs = Jobs(walltime="10h")  # type: ignore[arg-type]
    assert jobs.ends_at == 8 * 3600
    assert jobs.ends_at + jobs.stagger < jobs.walltime
    assert jobs.stagger == 1800
    assert Jobs(walltime="10h", lifetime="1h").ends_at == 3600  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "most", "fewest"),
    [({"workers": 3}, 3, 3), ({"maximum": 5}, 5, 0), ({"minimum": 2, "maximum": 5}, 5, 2), ({}, 1, 0)],
)
def test_how_many_there_are(settings: dict[str, Any], most: int, fewest: int) -> None:
    jobs = Jobs(**settings)
    assert (jobs.most, jobs.fewest) == (most, fewest)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"walltime": "2x"}, "'2x' is no time: expected one like '2h'"),
        ({"walltime": 0}, "greater than 0"),
        ({"memory": "plenty"}, "'plenty' is no size: expected one like '3GiB'"),
        ({"walltime": "1h", "lifetime": "58m"}, "must be shorter than walltime"),
        ({"workers": 2, "maximum": 3}, "either 'workers', or 'minimum' and 'maximum'"),
        ({"minimum": 2}, "'minimum' needs a 'maximum'"),
        ({"minimum": 4, "maximum": 3}, "is more than maximum"),
    ],
)
def test_what_cannot_be_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Jobs(**settings)


def test_the_clock_counts_hours_beyond_a_day() -> None:
    assert clock(172_801) == "48:00:01"
