"""Test one worker of each sort before a large run, and report what is wrong in terms that help."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lineshape.engine.clusters.worker_check import DISK_PATIENCE
from lineshape.engine.core.errors import ClusterError, LineshapeError
from lineshape.engine.core.ledger import versions
from lineshape.engine.execution.failures import classify
from lineshape.engine.execution.workers import Workers
from lineshape.engine.input.root_files import open_file
from lineshape.engine.input.sources import expand

if TYPE_CHECKING:
    from distributed import Future

#: Callback for messages on what is waited for.
Say = Callable[[str], None]

#: Seconds between two such messages.
_SAY_EVERY = 2.0
#: Number of consecutive failed submissions at which to give up.
_REFUSALS = 2
#: Seconds that the test of a worker may take: torch is slow to import from a network file system.
_PATIENCE = 300.0


@dataclass(frozen=True)
class Check:
    """One test: its name, whether it passed, and what was found."""

    name: str
    good: bool
    text: str


@dataclass(frozen=True)
class WorkerProbe:
    """Instructions for testing a worker: a folder and a file name to write there, and ROOT files to open, by sample.

    gpus: number of GPUs declared for the worker.
    """

    folder: Path
    token: str
    files: Mapping[str, str]
    gpus: int = 0


def preflight(workers: Workers, folder: Path, files: Mapping[str, list[str]], say: Say) -> list[Check]:
    """Test one worker, and one with GPUs where the cluster has such workers.

    folder: the run folder. files: ROOT files by sample. say: called with what is waited for.

    Raises ClusterError where no worker starts in time.
    """
    checks = _examined("worker", workers, WorkerProbe(folder, uuid4().hex, _firsts(files)), say)
    if workers.promise.gpus:
        checks += _examined("GPU worker", workers, WorkerProbe(folder, uuid4().hex, {}, workers.promise.gpus), say)
    return checks


def _firsts(files: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the first file of each sample."""
    listed = {sample: expand(patterns).sources for sample, patterns in files.items()}
    return {sample: sources[0].path for sample, sources in listed.items() if sources}


def _examined(kind: str, workers: Workers, order: WorkerProbe, say: Say) -> list[Check]:
    client, start = workers.client, time.monotonic()
    needs = {"resources": {"GPU": order.gpus}} if order.gpus else {}

    # Pickled by value: a worker that cannot import lineshape must be able to report it.
    def imports() -> str:
        import socket

        try:
            import lineshape.engine.clusters.preflight  # noqa: F401 - whether it can be
        except ImportError as error:
            return f"{socket.gethostname()}: {error}"
        return ""

    try:
        first = client.submit(imports, pure=False, **needs)
        said = _result(first, workers, f"a {kind} is waited for", say, workers.patience)
        seconds = time.monotonic() - start
        if said:
            return [Check(kind, good=False, text=f"cannot import lineshape: {said}")]
        order.folder.mkdir(parents=True, exist_ok=True)
        future = client.submit(examine, order, pure=False, **needs)
        found = _result(future, workers, f"a {kind} is examined", say, _PATIENCE)
        came = Check(kind, good=True, text=f"came after {seconds:.0f} s")
        return [came, *judge(order, found, _shows(order.folder / order.token))]
    except ClusterError:
        raise
    except Exception as error:  # noqa: BLE001 - the cause of a worker's death is what is to be reported
        return [Check(kind, good=False, text=classify(error).reason)]
    finally:
        (order.folder / order.token).unlink(missing_ok=True)


def _result(future: "Future[Any]", workers: Workers, text: str, say: Say, patience: float) -> Any:
    """Return a task's result and release the task; raise ClusterError where it takes too long."""
    end = time.monotonic() + patience
    try:
        while not future.done():
            trouble = workers.trouble()
            if workers.refusals() >= _REFUSALS:
                raise ClusterError(trouble)
            if time.monotonic() > end:
                why = trouble or "the cluster does not say why"
                raise ClusterError(f"{text}, and {patience:.0f} s are over: {why}")
            say(f"{text} {trouble}".strip())
            time.sleep(_SAY_EVERY)
        return future.result()
    finally:
        future.release()


def examine(order: WorkerProbe) -> dict[str, Any]:
    """Return, on a worker, its host, package versions, memory, access to the folder and files, and GPUs."""
    import socket

    from distributed import get_worker

    found: dict[str, Any] = {"host": socket.gethostname(), "versions": versions()}
    found["memory"] = get_worker().memory_manager.memory_limit or 0
    try:
        (order.folder / order.token).write_text(order.token, encoding="utf-8")
        found["folder"] = ""
    except OSError as error:
        found["folder"] = str(error)
    found["files"] = {sample: _problem(path) for sample, path in order.files.items()}
    if order.gpus:
        from lineshape.engine.clusters.kinds.local import gpus_here

        found["gpus"] = gpus_here()
    return found


def _problem(path: str) -> str:
    """Return why a file cannot be opened; empty where it can."""
    try:
        with open_file(path):
            return ""
    except (LineshapeError, OSError) as error:
        return f"{path}: {error}"


def _shows(path: Path) -> bool:
    """Return whether a file written by a worker appears here within the time allowed to a shared disk."""
    end = time.monotonic() + DISK_PATIENCE
    while not path.is_file() and time.monotonic() < end:
        time.sleep(0.2)
    return path.is_file()


def judge(order: WorkerProbe, found: Mapping[str, Any], shows: bool) -> list[Check]:
    """Return the checks on a worker's findings. shows: whether the file it wrote is visible here."""
    checks = [
        Check("memory", good=True, text=f"{found['memory'] / 2**30:.1f} GiB on {found['host']}"),
        _packages(versions(), found["versions"]),
        _folder(order.folder, found["folder"], shows),
    ]
    for sample, problem in found["files"].items():
        checks.append(Check(f"sample {sample}", not problem, problem or f"{order.files[sample]} can be read"))
    if order.gpus:
        text = f"CUDA sees {found['gpus']}, and {order.gpus} are declared"
        checks.append(Check("GPUs", found["gpus"] >= order.gpus, text))
    return checks


def _packages(here: Mapping[str, str], there: Mapping[str, str]) -> Check:
    differ = [
        f"{name} is {here.get(name, 'missing')} here and {there.get(name, 'missing')} there"
        for name in dict.fromkeys([*here, *there])
        if here.get(name) != there.get(name)
    ]
    text = f"{'; '.join(differ)}: give both the same environment (cluster.python)" if differ else "the same as here"
    return Check("packages", not differ, text)


def _folder(folder: Path, problem: str, shows: bool) -> Check:
    if problem:
        return Check("run folder", good=False, text=f"cannot be written: {problem}")
    lost = f"what it writes to {folder} is not seen here: name a folder on a shared file system with --output"
    return Check("run folder", shows, "is shared" if shows else lost)
