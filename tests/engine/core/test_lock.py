"""One run at a time: who holds a lock, who is dead, and who finds out that it lost it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lineshape.engine.core.errors import BusyError
from lineshape.engine.core.lock import Holder, Lock, born, held, is_stale, read_holder, take

PROCESSES = 60

HERE = Holder.here()
#: Tests may run long after they were collected: a holder that is alive gave its sign of life when its test begins.
LONG_AGO = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("holder", "born_now", "stale"),
    [
        (HERE, HERE.born, False),
        (HERE, None, True),  # no such process
        (HERE, "1", True),  # another process has its number
        (HERE, "", True),
        (replace(HERE, born=""), "", False),  # a machine that does not say when processes started
        (replace(HERE, heartbeat=LONG_AGO), HERE.born, True),  # suspended for hours
        (replace(HERE, host="elsewhere"), None, False),  # what is here says nothing of another machine
        (replace(HERE, space="pid:[1]"), None, False),  # nor of another container
        (replace(HERE, host="elsewhere", heartbeat=LONG_AGO), None, True),
    ],
    ids=[
        "alive",
        "gone",
        "another process",
        "unknown birth",
        "no births",
        "suspended",
        "elsewhere",
        "container",
        "silent",
    ],
)
def test_who_is_dead(holder: Holder, born_now: str | None, stale: bool) -> None:
    if holder.heartbeat != LONG_AGO:
        holder = replace(holder, heartbeat=Holder.here().heartbeat)
    assert is_stale(holder, HERE, born_now, patience=600) == stale


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    with held(path):
        there = json.loads(path.read_text(encoding="utf-8"))
        assert (there["host"], there["pid"]) == (HERE.host, os.getpid())
        assert there["start"] <= there["heartbeat"]
        with pytest.raises(BusyError, match=rf"another run is going on: .* process {os.getpid()} on ") as busy:
            take(path)
        assert busy.value.status == 75
    assert not path.exists()


def test_a_heartbeat_is_written_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    lock = take(path)
    lock.holder = replace(lock.holder, heartbeat=LONG_AGO)
    lock.beat()
    before = read_holder(path)
    thread = threading.Thread(target=lock.keep_beating, args=(0.01,))
    thread.start()
    deadline = time.monotonic() + 30
    while read_holder(path) == before or not before:
        assert time.monotonic() < deadline
        lock.holder = replace(lock.holder, start=LONG_AGO)
    lock.release()
    thread.join()


def test_a_beat_that_is_under_way_does_not_interrupt_a_run_that_is_done(tmp_path: Path) -> None:
    looking = threading.Event()

    class Slow(Lock):
        """Looks at the file a while after it began to."""

        def check(self) -> None:
            looking.set()
            time.sleep(0.2)
            super().check()

    lock = Slow(**vars_of(take(tmp_path / "lock.json")))
    lock.start_beating(0.001)
    assert looking.wait(30)
    lock.release()
    assert not lock.lost
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
    assert not (tmp_path / "lock.json").exists()


def vars_of(lock: Lock) -> dict[str, object]:
    return {field.name: getattr(lock, field.name) for field in fields(lock)}


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize("text", ["", "{", "half a li", "of another machine"])
def test_a_lock_that_cannot_be_judged_is_held_until_it_is_old(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock.json"
    elsewhere = json.dumps(asdict(replace(Holder.here(), host="else", token="t")))
    path.write_text(elsewhere if text == "of another machine" else text, encoding="utf-8")
    with pytest.raises(BusyError):
        take(path)
    os.utime(path, (0, 0))
    if text == "of another machine":  # whose heartbeat counts, not the file's time
        return
    lock = take(path)
    assert lock.before
    assert lock.before.host == "an unknown machine"
    lock.release()


@pytest.mark.processes
def test_a_dead_run_is_taken_over_and_told_of(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    dead = replace(HERE, pid=dead_process(), token="dead")
    path.write_text(json.dumps(asdict(dead)), encoding="utf-8")
    with held(path) as lock:
        assert lock.before == dead
        lock.check()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.processes
def test_born_tells_processes_of_one_number_apart() -> None:
    process = subprocess.Popen(["sleep", "60"])
    first = born(process.pid)
    process.kill()
    while Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").split()[2] != "Z":
        time.sleep(0.01)
    assert born(process.pid) is None, "it has ended, though nobody has asked how"
    process.wait()
    assert first != born(os.getpid())
    assert born(process.pid) is None


def test_a_run_that_lost_its_lock_stops_and_leaves_the_other_alone(tmp_path: Path) -> None:
    """It was suspended: another took over; its heartbeats go to a file that has no name any more."""
    path = tmp_path / "lock.json"
    suspended = take(path)
    suspended.holder = replace(suspended.holder, heartbeat=LONG_AGO)
    os.pwrite(suspended.file, json.dumps(asdict(suspended.holder)).encode(), 0)
    other = take(path)
    assert other.before == suspended.holder
    suspended.beat()
    with pytest.raises(BusyError, match=r"was taken over while this run gave no sign of life \(process"):
        suspended.check()
    suspended.release()
    other.check()
    other.release()


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """As in a terminal: a shell has what it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_it_is_interrupted_as_soon_as_it_wakes(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"

    def sleep() -> None:
        with held(path, every=0.01):
            path.write_text(json.dumps(asdict(replace(HERE, token="another"))), encoding="utf-8")
            time.sleep(60)

    with pytest.raises(BusyError, match="was taken over"):
        sleep()
    assert path.exists()


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_still_ctrl_c(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), held(tmp_path / "lock.json"):
        signal.raise_signal(signal.SIGINT)
    assert not (tmp_path / "lock.json").exists()


def test_one_who_is_stopped_while_it_lets_go_has_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a SIGTERM or Ctrl-C in that very moment; nobody else could, as the process lives on in a notebook."""
    path = tmp_path / "lock.json"
    stops = iter([KeyboardInterrupt])

    def read(path: Path) -> Holder | None:
        if stop := next(stops, None):
            raise stop
        return read_holder(path)

    def hold() -> None:
        with held(path) as lock:
            assert lock.file >= 0
            monkeypatch.setattr("lineshape.engine.core.lock.read_holder", read)

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert not path.exists()
    with held(path):
        pass


@pytest.mark.processes
def test_of_many_that_find_a_dead_run_one_takes_over(tmp_path: Path) -> None:
    """In every round exactly one of sixteen gets it, whatever they do to one another's files."""
    for number in range(30):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(asdict(replace(HERE, pid=dead_process(), token="dead"))), encoding="utf-8")
        start, taken, refused = threading.Barrier(16), [], []

        def try_it(
            path: Path = path, start: threading.Barrier = start, taken: list = taken, refused: list = refused
        ) -> None:
            start.wait()
            try:
                taken.append(take(path))
            except BusyError as error:
                refused.append(error)

        threads = [threading.Thread(target=try_it) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) + len(refused) == 16
        there = read_holder(path)
        holding = [lock for lock in taken if there and lock.holder.token == there.token]
        assert len(holding) == 1
        for lock in taken:
            if lock not in holding:  # the rest of a race is found out before anything is published
                with pytest.raises(BusyError):
                    lock.check()
            lock.release()
