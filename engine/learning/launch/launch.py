"""Start the ranks of a training on a Dask worker, as processes of their own, and supervise them until they end.

A rank that dies takes no Dask worker with it, and a GPU's memory is freed when its process ends.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from lineshape.engine.core.errors import LineshapeError, RunError
from lineshape.engine.core.module_paths import module_paths
from lineshape.engine.core.records import read_record
from lineshape.engine.learning.roles.model import Report
from lineshape.engine.learning.roles.training_task import TrainingTask

#: Seconds between two checks of the ranks.
_LOOK_EVERY = 0.1
#: Seconds that the other ranks have to end by themselves once one has ended badly.
_GRACE = 10.0
_LOOPBACK = "127.0.0.1"
ATTEMPT = "attempt"
FACTS = "facts.json"
TABLE = "table"
#: Number of last lines of a rank's log that are shown where it reported no failure, and characters of each.
_LAST_LINES, _LINE = 3, 200


class RankDiedError(LineshapeError):
    """A rank was killed, or lost its connection to another one: the training can resume from its last checkpoint."""


def launch(work: TrainingTask, report: Report) -> None:
    """Run this node's ranks to their end; progress is read from the output of rank 0.

    Raises RunError with the failure that a rank reports, RankDiedError where one was killed or this attempt is no
    longer the current one.
    """
    order = work.scratch / f"work.{work.node}.json"
    work.save(order)
    with tempfile.TemporaryDirectory() as place, _started(work, order, Path(place)) as ranks:
        if work.node == 0:
            Thread(target=_listen, args=(ranks[0], report), daemon=True).start()
        raise_failures(work, ranks, _wait(work, ranks))


@contextmanager
def _started(work: TrainingTask, order: Path, place: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    # Where all ranks are on one machine, they meet neither over the network nor over a shared disk.
    meeting = place / "meeting" if work.nodes == 1 else work.scratch / f"meeting.{work.attempt}"
    host = _LOOPBACK if work.nodes == 1 else _host()
    ranks: list[subprocess.Popen[str]] = []
    try:
        for local in range(work.ranks):
            rank = work.node * work.ranks + local
            environment = (
                os.environ
                | {
                    "RANK": str(rank),
                    "LOCAL_RANK": str(local),
                    "WORLD_SIZE": str(work.nodes * work.ranks),
                    "LINESHAPE_MEETING": str(meeting),
                    "LINESHAPE_HOST": host,
                    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
                }
                | module_paths()
            )
            if host == _LOOPBACK:
                environment["GLOO_SOCKET_IFNAME"] = "lo"
            log = _log(work, rank).open("w", encoding="utf-8")
            with log:
                # Safe path (-P): what lies in the working folder takes no library's place.
                command = [sys.executable, "-P", "-m", "lineshape.engine.learning.launch.rank", str(order)]
                # A rank ends when its standard input does: when this process dies, however it does.
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE if rank == 0 else log, "stderr": log}
                ranks.append(subprocess.Popen(command, env=environment, text=True, **pipes))  # type: ignore[call-overload]  # noqa: S603 - ours
        yield ranks
    finally:
        for process in ranks:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a training for its bundle; raises RunError where their file is damaged."""
    return read_record(path, dict[str, Any], "run the same command again")


def no_gpu(library: str) -> RunError:
    """Return the error for a GPU that was asked for and that the library does not find."""
    return RunError(
        f"device: 'cuda' was asked for, and {library} sees no GPU on this worker; "
        "say 'device: auto', or start workers with --resources GPU=1 where there is one"
    )


def _host() -> str:
    """Return the address of this worker, as the cluster knows it."""
    from distributed import get_worker
    from distributed.comm.addressing import get_address_host

    return str(get_address_host(get_worker().address))


def _log(work: TrainingTask, rank: int) -> Path:
    return work.scratch / f"rank.{rank}.log"


def failure_file(work: TrainingTask, rank: int) -> Path:
    """Return the path where a rank writes why its training failed."""
    return work.scratch / f"failure.{work.attempt}.{rank}"


def trouble_file(work: TrainingTask, rank: int) -> Path:
    """Return the path where a rank writes how it ended that lost another one, or met an unexpected exception."""
    return work.scratch / f"trouble.{work.attempt}.{rank}"


def _listen(rank: "subprocess.Popen[str]", report: Report) -> None:
    """Report progress from each line of a rank's output."""
    assert rank.stdout is not None
    with suppress(ValueError, OSError):  # the pipe is closed when the rank is ended
        for line in rank.stdout:
            # A user's own code may print other lines: they are ignored, and must not stop the reading.
            with suppress(Exception):
                report(*json.loads(line))


def _wait(work: TrainingTask, ranks: list["subprocess.Popen[str]"]) -> int | None:
    """Wait until all ranks have ended, or _GRACE seconds after one ended badly; return that one's local number."""
    first, last = None, 0.0
    while any(process.poll() is None for process in ranks):
        bad = [number for number, process in enumerate(ranks) if process.poll()]
        if first is None and bad:
            first, last = bad[0], time.monotonic() + _GRACE
        if first is not None and time.monotonic() > last:
            return first
        require_current(work)
        time.sleep(_LOOK_EVERY)
    return first


def require_current(work: TrainingTask, patience: float = 0.0) -> None:
    """Raise RankDiedError unless this attempt of a training is the current one.

    patience: seconds that a shared disk may take to show which attempt is current.
    """
    end = time.monotonic() + patience
    while _current(work) != work.attempt:
        if time.monotonic() >= end:
            raise RankDiedError("the training was stopped, or another start of it took the place of this one")
        time.sleep(_LOOK_EVERY)


def _current(work: TrainingTask) -> str:
    try:
        return (work.scratch / ATTEMPT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def raise_failures(work: TrainingTask, ranks: list["subprocess.Popen[str]"], first: int | None) -> None:
    """Raise the error of ranks that ended badly. first: local number of the first rank that did, None without one."""
    numbers = [work.node * work.ranks + local for local in range(len(ranks))]
    for rank in numbers:
        if (file := failure_file(work, rank)).is_file():
            raise RunError(file.read_text(encoding="utf-8"))
    codes = [process.poll() for process in ranks]
    signals = {rank: -code for rank, code in zip(numbers, codes, strict=True) if code is not None and code < 0}
    killed = [f"rank {rank} by signal {signal}" for rank, signal in signals.items()]
    if killed:
        raise RankDiedError(f"killed: {', '.join(killed)}")
    bad = [local for local, code in enumerate(codes) if code]
    if not bad:
        if work.node == 0 and not (work.scratch / FACTS).is_file():
            raise RunError(f"rank 0 ended before the training did: {_ended(work, 0, 0)} (see {_log(work, 0)})")
        return
    local = bad[0] if first is None else first
    rank = numbers[local]
    trouble = trouble_file(work, rank)
    said = trouble.read_text(encoding="utf-8") if trouble.is_file() else _ended(work, rank, codes[local])
    problem = f"rank {rank} failed: {said} (see {_log(work, rank)})"
    # A rank on another worker may have died: this one then only lost its connection.
    raise RankDiedError(problem) if work.nodes > 1 else RunError(problem)


def _ended(work: TrainingTask, rank: int, code: int | None) -> str:
    """Describe how a rank ended that reported no failure, by its exit status and the end of its log."""
    lines = _log(work, rank).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LAST_LINES:]
    told = " / ".join(line.strip()[:_LINE] for line in lines)
    return f"exit status {code}, " + (f"and its log ends with: {told}" if told else "and its log is empty")
