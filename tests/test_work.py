"""What all test files may start together, and that it is counted."""

import multiprocessing
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import work
from tests.work import COUNTER, Counter, budget_of

PROCESSES = 2

#: Processes that all tests may start: each takes seconds of a core to import what it needs.
IN_ALL = 700


def test_all_files_together_start_so_many() -> None:
    assert sum(map(budget_of, Path(__file__).parent.rglob("test_*.py"))) <= IN_ALL


@pytest.mark.processes
def test_children_of_both_kinds_are_counted() -> None:
    before = COUNTER.started
    subprocess.run([sys.executable, "-c", ""], check=True)
    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    child.join()
    assert COUNTER.started == before + 2
    COUNTER.started = before


def item(*marks: str, path: str = "a.py", budget: int = 1) -> Any:
    """What a test is to the counter."""
    names = [SimpleNamespace(name=name) for name in marks]
    return SimpleNamespace(
        path=Path(path),
        module=SimpleNamespace(PROCESSES=budget),
        iter_markers=lambda: names,
        get_closest_marker=lambda name: name in marks,
    )


def test_a_file_has_a_budget_in_all_of_its_tests() -> None:
    counter = Counter()
    for _ in range(2):
        counter.begin(item("processes"))
        counter.started += 1
        if counter.started == 1:
            counter.check(item("processes"))
    with pytest.raises(pytest.fail.Exception, match=r"a\.py has started 2 processes, and its PROCESSES are 1"):
        counter.check(item("processes"))
    counter.begin(item("processes", path="b.py"))
    counter.check(item("processes", path="b.py"))


def test_what_all_files_share_and_drills_start_is_not_counted() -> None:
    counter = Counter()
    counter.begin(item("processes", "drill"))
    counter.started += 5
    counter.check(item("processes", "drill"))
    counter.end(item("processes", "drill"))
    counter.begin(item(budget=0))
    with counter.uncounted():
        counter.started += 2
    counter.check(item(budget=0))


def test_one_that_is_not_marked_may_start_none() -> None:
    counter = Counter()
    counter.begin(item())
    counter.started += 1
    with pytest.raises(pytest.fail.Exception, match="mark it 'processes'"):
        counter.check(item())


def test_a_file_that_says_nothing_may_start_none(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("X = 3\n", encoding="utf-8")
    (tmp_path / "b.py").write_text(f"{work.BUDGET} = 3\n", encoding="utf-8")
    assert [budget_of(tmp_path / name) for name in ("a.py", "b.py")] == [0, 3]
