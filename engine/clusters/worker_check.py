"""Check before any work that workers see the run folder and can import lineshape."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from lineshape.engine.clusters.cluster import Cluster
from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.execution.imported import changed_since
from lineshape.engine.execution.workers import Watch, worker_infos

if TYPE_CHECKING:
    from distributed import Client

#: Seconds that a shared disk may take to show a file written on another machine.
DISK_PATIENCE: Final = 30.0
_LOOK_EVERY = 0.1


def require_able(client: "Client", folder: Path, cluster: Cluster, disk_patience: float = DISK_PATIENCE) -> None:
    """Raise RequestError where a worker does not see the run folder or cannot import lineshape.

    It waits for the first worker as long as the run would; one worker of each host is asked, once.

    disk_patience: seconds that a shared disk may take to show a new file.
    """
    asked = list(_one_a_host(_workers(client, cluster)))
    folder.mkdir(parents=True, exist_ok=True)
    token = folder / f".seen.{uuid4().hex}"
    token.touch()
    try:
        # A worker that has ended meanwhile does not answer; the executor handles its loss.
        said = client.run(_problem(str(token), disk_patience), workers=asked, on_error="ignore")
    finally:
        token.unlink(missing_ok=True)
    if blind := sorted(worker for worker, problem in said.items() if problem == "folder"):
        raise RequestError(
            f"workers do not see the run folder {folder.absolute()} ({listing(blind, 3)}): it must be on a file system "
            "that this process and all workers share, under the same path; give another one with -o (output=)"
        )
    if bare := sorted(worker for worker, problem in said.items() if problem == "package"):
        raise RequestError(
            f"workers cannot import lineshape ({listing(bare, 3)}): install the same version in their environment"
        )
    _require_new(client)


def _require_new(client: "Client") -> None:
    """Raise RequestError where a worker imported code that has changed since: what it makes would be of the old."""
    said = client.run(changed_since, on_error="ignore")
    if old := sorted({file for files in said.values() if isinstance(files, list) for file in files}):
        raise RequestError(
            f"workers have imported code that has changed since ({listing(old, 3)}), and would use the old: restart "
            "them (client.restart(), or start the cluster anew)"
        )


def _workers(client: "Client", cluster: Cluster) -> dict[str, Any]:
    """Return the scheduler's information on its workers, as soon as there is one."""
    watch, summons = Watch(cluster.wait), None
    while True:
        if found := worker_infos(client):
            return found
        watch.look(any_worker=False, trouble=lambda: cluster.trouble)
        # A cluster that scales itself starts a worker when a task waits for one.
        summons = summons or client.submit(bool, pure=False)
        time.sleep(_LOOK_EVERY)


def _one_a_host(workers: dict[str, Any]) -> Iterable[str]:
    return {info["host"]: address for address, info in workers.items()}.values()


def _problem(token: str, patience: float) -> Any:
    # A nested function is pickled by value: the worker need not have lineshape installed.
    def problem() -> str:
        import importlib
        import pathlib
        import time

        end = time.monotonic() + patience
        while not pathlib.Path(token).is_file():
            if time.monotonic() > end:
                return "folder"
            time.sleep(0.1)
        try:
            importlib.import_module("lineshape.engine")
        except ImportError:
            return "package"
        return ""

    return problem
