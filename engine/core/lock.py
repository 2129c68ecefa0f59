"""One run at a time: a lock file that says who holds it, since when, and when that one last gave a sign of life.

There is no flock and no database in it: neither can be relied upon on NFS, EOS and AFS, where creating a file that must
not exist can. The holder writes its heartbeats through the file that it created, so that one whose lock was taken over
while it was suspended writes to what is no longer there, and never over the new holder's.
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

#: Seconds between two heartbeats, and without any after which a holder elsewhere is taken for dead.
HEARTBEAT = 10.0
PATIENCE = 600.0
#: The same of a run folder, whose command a batch system may start again on another machine.
RUN_PATIENCE = 180.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; times are UTC in ISO 8601.

    space: of process numbers, as a container has its own. born: when its process started, in the machine's ticks, as a
    number may be given again to another process; empty where the machine does not say. token: of this run alone.
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
        """The process that asks, now."""
        now = _now()
        return cls(socket.gethostname(), os.getpid(), now, now, _space(), born(os.getpid()) or "", uuid4().hex)

    @property
    def silence(self) -> float:
        """Seconds since its last heartbeat, by this machine's clock."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.heartbeat)).total_seconds()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.start}, last sign of life {self.heartbeat}"


def is_stale(holder: Holder, here: Holder, born_now: str | None, patience: float = PATIENCE) -> bool:
    """Whether a holder is dead, or was silent for so long that it counts as dead.

    here: who asks. born_now: when the process of the holder's number started, None where there is none; it counts only
    on the holder's own machine.
    """
    on_this_machine = (holder.host, holder.space) == (here.host, here.space)
    gone = born_now is None or (bool(holder.born) and born_now != holder.born)
    return (on_this_machine and gone) or holder.silence > patience


def read_holder(path: Path) -> Holder | None:
    """Who holds a lock, None where nobody does. What cannot be read is of one who is writing it, or died of it."""
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
    """When a process started, in ticks since the machine did; None where there is none, empty where it is not said."""
    try:
        # The name of the command, in brackets, may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
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
    """A lock that this process holds.

    before: who held it before, and died.
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
        """Raise BusyError where another run took the lock over, as this one was silent for too long."""
        there = read_holder(self.path)
        if there is None or there.token != self.holder.token:
            self.lost = True
            raise BusyError(
                f"{self.path} was taken over while this run gave no sign of life "
                f"({there or 'and it was removed'}): it stops before it publishes anything; run the command again"
            )

    def beat(self) -> None:
        """Say that this run is alive."""
        text = json.dumps(asdict(replace(self.holder, heartbeat=_now())))
        os.pwrite(self.file, text.encode(), 0)  # as long as before: what is there is never cut short
        os.fsync(self.file)

    def start_beating(self, every: float) -> None:
        """From here on until the lock is released, in a thread."""
        self._heart = threading.Thread(target=self.keep_beating, args=(every,), name="heartbeat", daemon=True)
        self._heart.start()

    def keep_beating(self, every: float) -> None:
        """Until the lock is released; where it was lost, the main thread is interrupted as by Ctrl-C."""
        while not self._over.wait(every):
            try:
                self.check()
                self.beat()
            except BusyError:
                if self._over.is_set():  # the run is done, and nothing is left to interrupt
                    return
                # A signal to that very thread, which wakes it from whatever it waits for.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            except OSError:
                continue  # a disk that hiccups; silence for long enough counts as death

    def release(self) -> None:
        """Remove the file, if it is still this run's; may be called again, where a call was interrupted."""
        self._over.set()
        # A beat that is under way would miss the file, and interrupt a run that is done, or write to another one.
        if self._heart:
            self._heart.join()
        with suppress(OSError):
            there = read_holder(self.path)
            if there and there.token == self.holder.token:
                self.path.unlink()
        file, self.file = self.file, -1  # once: its number may be another file's by then
        if file >= 0:
            os.close(file)


@contextmanager
def held(path: Path, patience: float = PATIENCE, every: float = HEARTBEAT) -> Iterator[Lock]:
    """Hold a lock while the block runs.

    Raises BusyError where another run holds it, or took it over meanwhile.
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
        except BaseException:  # asked to stop in that very moment: it was interrupted, and nobody would do it later
            lock.release()
            raise


@contextmanager
def held_run(folder: Path) -> Iterator[Lock]:
    """Hold the lock of a run folder while the block runs; a folder that was made for it alone goes with it.

    Raises BusyError where another command is at work there.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with held(folder / "lock.json", RUN_PATIENCE) as lock:
            yield lock
    finally:
        for path in made:
            with suppress(OSError):  # it holds something
                path.rmdir()


def take(path: Path, patience: float = PATIENCE) -> Lock:
    """Create the lock file, in place of that of a run that died.

    Raises BusyError where a run is going on, StorageError where the folder cannot be written to.
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
    """Take a dead run's lock away; where another run has just done so, its lock is put back."""
    aside = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    taken = read_holder(aside)
    if taken and taken.token != stale.token:
        # Between reading and renaming another run had put its own there. If a third took its place since, or the file
        # system knows no links, the second finds that out before it publishes.
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
