"""The executor on real workers: bounded, retried, failures as data."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineshape.engine.core.errors import DataError
from lineshape.engine.execution.executor import TASKS_A_WORKER, Executor
from lineshape.engine.execution.failures import Cause, Failure
from lineshape.engine.execution.workers import Workers

PROCESSES = 20

pytestmark = pytest.mark.processes


def behave(item: tuple[str, str]) -> str:
    """What an item's name says; a file counts the attempts."""
    kind, counter = item
    with Path(counter).open("a", encoding="utf-8") as file:
        file.write("x")
    attempts = len(Path(counter).read_text(encoding="utf-8"))
    if kind == "flaky" and attempts < 3:
        raise OSError("the server is busy")
    if kind == "corrupt":
        raise DataError("no tree")
    if kind == "raises":
        raise ZeroDivisionError("in the processor")
    if kind == "kills":
        os._exit(1)
    return kind


def attempts(path: Path) -> int:
    return len(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("kind", "outcome", "tried"),
    [
        ("good", "good", 1),
        ("flaky", "flaky", 3),
        ("corrupt", Failure(Cause.CORRUPT, "no tree"), 1),
        ("raises", Failure(Cause.PROCESSOR, "ZeroDivisionError: in the processor"), 1),
    ],
)
def test_outcomes(workers: Workers, tmp_path: Path, kind: str, outcome: object, tried: int) -> None:
    item = (kind, str(tmp_path / "counter"))
    assert list(Executor(workers, behave).run([item])) == [(item, outcome)]
    assert attempts(tmp_path / "counter") == tried


def test_everything_comes_back_once_and_few_are_in_flight(workers: Workers, tmp_path: Path) -> None:
    taken = []

    def items() -> object:
        for number in range(40):
            taken.append(number)
            yield ("good", str(tmp_path / f"counter_{number}"))

    done = 0
    for _ in Executor(workers, behave, in_flight=5).run(items()):  # type: ignore[arg-type]
        done += 1
        assert len(taken) - done <= 5
    assert done == 40


def test_by_default_a_few_for_each_worker_are_in_flight(workers: Workers) -> None:
    """However many there are to come: two workers here."""
    taken, most = 0, 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 500:
            taken += 1
            yield taken

    for done, _ in enumerate(Executor(workers, abs).run(items())):
        most = max(most, taken - done)
        assert len(workers.client.futures) <= most
    assert taken == 500
    assert TASKS_A_WORKER <= most <= 2 * TASKS_A_WORKER


@pytest.mark.filterwarnings("default")
def test_an_item_that_kills_its_worker_is_given_up_and_the_rest_goes_on(tmp_path: Path) -> None:
    from lineshape.engine.clusters.kinds.local import Local

    with Local(workers=1).open() as client:
        items = [("kills", str(tmp_path / "killer")), ("good", str(tmp_path / "good"))]
        outcomes = dict(Executor(Workers(lambda: client), behave, in_flight=1).run(items))
    failure = outcomes[items[0]]
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.KILLED
    assert outcomes[items[1]] == "good"
