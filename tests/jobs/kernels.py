"""A real notebook kernel: cells are sent to it, interrupted, and what they show is kept."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import psutil
import pytest


@dataclass
class Cell:
    """What became of a cell. outputs: by display, those of one that was updated in the place of the first."""

    error: str = ""
    traceback: list[str] = field(default_factory=list)
    printed: str = ""
    displays: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Kernel:
    """A kernel, and the process that it is."""

    manager: Any
    client: Any

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.manager.provisioner.process.pid)

    def children(self) -> list[str]:
        """Commands of the processes that it has started and that are still there, but for Python's own helpers.

        Those are its tracker of resources, and the idle process from which the next cluster's workers are forked.
        """
        helpers = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
        own = [" ".join(child.cmdline()) for child in self.process.children()]
        below = [" ".join(each.cmdline()) for child in self.process.children() for each in child.children(True)]
        return [command for command in own if not any(helper in command for helper in helpers)] + below

    def run(self, code: str, interrupt: Callable[[], bool] | None = None, patience: float = 300) -> Cell:
        """Run a cell to its end, and interrupt it, once, as soon as that says so."""
        sent, cell, interrupted = self.client.execute(code), Cell(), False
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if interrupt and not interrupted and interrupt():
                self.manager.interrupt_kernel()
                interrupted = True
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != sent and message["msg_type"] != "update_display_data":
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                assert interrupted or not interrupt, "the cell ended before it could be interrupted"
                return cell
            _note(cell, message["msg_type"], message["content"])
        raise AssertionError(f"the cell did not end in {patience} s: {code}")


def _note(cell: Cell, kind: str, content: dict[str, Any]) -> None:
    if kind == "stream":
        cell.printed += content["text"]
    elif kind == "error":
        cell.error, cell.traceback = content["ename"], content["traceback"]
    elif kind in {"display_data", "update_display_data"}:
        cell.displays[content["transient"].get("display_id", len(cell.displays))] = content["data"]
    elif kind == "execute_result":
        cell.results.append(content["data"])


@contextmanager
def kernel() -> Iterator[Kernel]:
    """Start one; skips where there is none."""
    pytest.importorskip("ipykernel", reason="no notebook kernel here: pip install 'lineshape[notebook]'")
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
