"""A lock file that admits one run at a time and records its holder, the start time and the last heartbeat.

It uses neither flock nor a database: neither is reliable on NFS, EOS and AFS, where exclusive creation of a file is.
The holder writes its heartbeats through the file that it created, so that a holder whose lock was taken over while it
was suspended writes to the deleted file, and never over the new holder's.
"""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from lineshape.engine.core.errors import BusyError
from lineshape.engine.core.files import storage_error
from lineshape.engine.core.records import as_shape

#: Seconds between two heartbeats, and seconds without one after which a holder counts as dead.
HEARTBEAT = 10.0
PATIENCE = 600.0
#: PATIENCE for a run folder, whose command a batch system may restart on another machine.
RUN_PATIENCE = 180.0


@dataclass(frozen=True)
class Holder:
    """Holder of a lock; times are UTC in ISO 8601.

    space: PID namespace, as a container has its own. born: start time of its process in clock ticks since boot, as a
    PID may be reused by another process; empty where the machine does not report it. token: unique identifier of this
    run.
    """

    host: str
    pid: int
    start: str
    heartbeat: str
    space: str
    born: str
    token: str

    @classmethod
    def here(cls) -> "Holder":
        """Return a holder for the calling process, as of now."""
        now = _now()
        return cls(socket.gethostname(), os.getpid(), now, now, _space(), born(os.getpid()) or "", uuid4().hex)

    @property
    def silence(self) -> float:
        """Seconds since its last heartbeat, by this machine's clock."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.heartbeat)).total_seconds()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.start}, last sign of life {self.heartbeat}"


def is_stale(holder: Holder, here: Holder, born_now: str | None, patience: float = PATIENCE) -> bool:
    """Return whether a holder is dead, or has been silent for long enough to count as dead.

    here: the process that asks. born_now: start time of the process that now has the holder's PID, None where there is
    none; it counts only on the holder's own machine. patience: seconds of silence after which a holder counts as dead.
    """
    on_this_machine = (holder.host, holder.space) == (here.host, here.space)
    gone = born_now is None or (bool(holder.born) and born_now != holder.born)
    return (on_this_machine and gone) or holder.silence > patience


def read_holder(path: Path) -> Holder | None:
    """Return the holder of a lock, None where there is none.

    An unreadable file belongs to a process that is writing it, or that died while writing.
    """
    try:
        text = path.read_text(encoding="utf-8")
        written = path.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        return as_shape(json.loads(text), Holder)
    except (ValueError, RecursionError):
        when = datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
        return Holder("an unknown machine", 0, when, when, "", "", "")


def born(pid: int) -> str | None:
    """Return a process's start time in clock ticks since boot; None where there is none, empty where it is unknown."""
    try:
        # The command's name, in parentheses, may hold any character.
        about = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # One that has ended, and whose parent has not asked how, holds nothing any more.
        return None if about[0] == "Z" else about[19]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return ""


@dataclass
class Lock:
    """A lock held by this process.

    before: the previous holder, which died; None where there was none.
    """

    path: Path
    holder: Holder
    file: int
    before: Holder | None = None

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._heart: threading.Thread | None = None
        self.lost = False

    def check(self) -> None:
        """Raise BusyError where another run took the lock over because this one was silent for too long."""
        there = read_holder(self.path)
        if there is None or there.token != self.holder.token:
            self.lost = True
            raise BusyError(
                f"{self.path} was taken over while this run gave no sign of life "
                f"({there or 'and it was removed'}): it stops before it publishes anything; run the command again"
            )

    def beat(self) -> None:
        """Write a heartbeat."""
        text = json.dumps(asdict(replace(self.holder, heartbeat=_now())))
        os.pwrite(self.file, text.encode(), 0)  # the length never changes, so nothing old is left behind
        os.fsync(self.file)

    def start_beating(self, every: float) -> None:
        """Start writing heartbeats in a thread, until the lock is released.

        every: seconds between two heartbeats.
        """
        self._heart = threading.Thread(target=self.keep_beating, args=(every,), name="heartbeat", daemon=True)
        self._heart.start()

    def keep_beating(self, every: float) -> None:
        """Write heartbeats until the lock is released; where it was lost, interrupt the main thread as Ctrl-C does."""
        while not self._over.wait(every):
            try:
                self.check()
                self.beat()
            except BusyError:
                if self._over.is_set():  # the run has ended: there is nothing to interrupt
                    return
                # A signal sent to the main thread itself interrupts its blocking calls.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            except OSError:
                continue  # a transient disk error; a silence beyond `patience` counts as death

    def release(self) -> None:
        """Remove the file if it is still this run's; may be called again after an interrupted call."""
        self._over.set()
        # A heartbeat in progress would miss the file, and interrupt a finished run or write to another file.
        if self._heart:
            self._heart.join()
        with suppress(OSError):
            there = read_holder(self.path)
            if there and there.token == self.holder.token:
                self.path.unlink()
        file, self.file = self.file, -1  # closed once only: the descriptor may be reused
        if file >= 0:
            os.close(file)


@contextmanager
def held(path: Path, patience: float = PATIENCE, every: float = HEARTBEAT) -> Iterator[Lock]:
    """Hold a lock while the block runs.

    patience: seconds without a heartbeat after which another holder counts as dead. every: seconds between heartbeats.

    Raises BusyError where another run holds the lock, or takes it over meanwhile.
    """
    lock = take(path, patience)
    lock.start_beating(every)
    try:
        yield lock
    except KeyboardInterrupt:
        if lock.lost:
            lock.check()
        raise
    finally:
        try:
            lock.release()
        except BaseException:  # interrupted during the release, which nothing would repeat later
            lock.release()
            raise


@contextmanager
def held_run(folder: Path) -> Iterator[Lock]:
    """Hold the lock of a run folder while the block runs; folders created for the lock alone are removed afterwards.

    Raises BusyError where another command is using the folder.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with held(folder / "lock.json", RUN_PATIENCE) as lock:
            yield lock
    finally:
        for path in made:
            with suppress(OSError):  # the folder is not empty
                path.rmdir()


def take(path: Path, patience: float = PATIENCE) -> Lock:
    """Create the lock file, replacing that of a dead run.

    patience: seconds without a heartbeat after which another holder counts as dead.

    Raises BusyError where a run is in progress, StorageError where the folder cannot be written to.
    """
    here, dead = Holder.here(), None
    for _ in range(3):
        with suppress(FileExistsError):
            return _create(path, here, dead)
        there = read_holder(path)
        if there is None:
            continue
        if not is_stale(there, here, born(there.pid), patience):
            raise BusyError(f"another run is going on: {path} is held by {there}; wait until it has ended")
        _put_aside(path, there)
        dead = there
    raise BusyError(f"another run is starting: {path} was taken by others three times in a row")


def _create(path: Path, here: Holder, dead: Holder | None) -> Lock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    except OSError as error:
        if told := storage_error(path, error):
            raise told from error
        raise
    lock = Lock(path, here, file, dead)
    lock.beat()
    return lock


def _put_aside(path: Path, stale: Holder) -> None:
    """Remove a dead run's lock; put the file back where another run has replaced it in the meantime."""
    aside = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    taken = read_holder(aside)
    if taken and taken.token != stale.token:
        # Between reading and renaming, another run had created its own. If a third has created one since, or the file
        # system has no hard links, the second finds that out by `check` before it publishes.
        with suppress(OSError):
            os.link(aside, path)
    aside.unlink(missing_ok=True)


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it points at no path
    except OSError:
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
