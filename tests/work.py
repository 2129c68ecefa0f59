"""Count the Python processes that test files start: it is these that all tests together take their time for.

A file says how many it may start, as PROCESSES; one that does not say it may start none. Workers that all files share
are not counted, nor is what a drill starts.
"""

import ast
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import pytest

#: Marks of tests that may start processes.
MARKS: Final = ("processes", "browser", "hub", "batch", "drill")
#: Name of the constant of a file.
BUDGET: Final = "PROCESSES"


@dataclass
class Counter:
    """Number of processes started in all, and those of the test file that runs."""

    started: int = 0
    file: Path | None = None
    before_file: int = 0
    before_test: int = 0

    def begin(self, item: pytest.Item) -> None:
        """Note that a test begins, before its fixtures are made."""
        if item.path != self.file:
            self.file, self.before_file = item.path, self.started
        self.before_test = self.started

    def end(self, item: pytest.Item) -> None:
        """Note that a test has ended; what a drill started is forgotten."""
        if item.get_closest_marker("drill"):
            self.before_file += self.started - self.before_test

    def check(self, item: pytest.Item) -> None:
        """Fail a test that starts a process and is not marked so, or with which its file has started too many."""
        marks = {mark.name for mark in item.iter_markers()}
        if self.started > self.before_test and not marks & set(MARKS):
            pytest.fail("starts a process: mark it 'processes', so that 'make unit' leaves it out")
        count, allowed = self.started - self.before_file, getattr(getattr(item, "module", None), BUDGET, 0)
        if count > allowed and "drill" not in marks:
            pytest.fail(f"{item.path.name} has started {count} processes, and its {BUDGET} are {allowed}")

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Forget what is started while the block runs."""
        before = self.started
        yield
        more = self.started - before
        self.before_file, self.before_test = self.before_file + more, self.before_test + more


COUNTER: Final = Counter()


def count_processes() -> None:
    """Count from now on the Python processes that subprocess and multiprocessing start in this process."""

    def heard(event: str, about: tuple[Any, ...]) -> None:
        # Commands such as squeue cost nothing, and are asked again and again on a busy machine.
        if event == "subprocess.Popen" and _is_python(about[1]):
            COUNTER.started += 1

    start = BaseProcess.start

    def counted(process: BaseProcess) -> None:
        COUNTER.started += 1
        start(process)

    sys.addaudithook(heard)
    BaseProcess.start = counted  # type: ignore[method-assign]


def _is_python(command: Any) -> bool:
    """Return whether a command, a text or its words, starts Python."""
    first = command if isinstance(command, str | bytes) else next(iter(command), "")
    return "python" in Path(os.fsdecode(first).partition(" ")[0]).name


def budget_of(path: Path) -> int:
    """Return the number of processes that a test file may start."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [BUDGET]:
            return int(ast.literal_eval(node.value))
    return 0
