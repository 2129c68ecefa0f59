"""Open run folders with the workers of a cluster, or of a given Dask client."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lineshape.engine.clusters.cluster import Cluster
from lineshape.engine.clusters.worker_check import require_able
from lineshape.engine.core.errors import IncompleteRunError, RequestError, RunError
from lineshape.engine.core.lock import held_run
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.execution.workers import Promise, Workers, collect_logs


@contextmanager
def open_workers(
    folder: Path, cluster: Cluster, screen: Screen | None = None, client: Any = None, one: bool = False
) -> Iterator[tuple[RunFolder, Workers, Screen]]:
    """Open a run folder, and workers of a cluster or of a given Dask client; other arguments are those of `open_run`.

    Raises BusyError where another command is at work in the folder.
    """
    if client is not None:
        _require_client(client)
    # Workers may have another working folder.
    run_folder = RunFolder(folder.absolute())
    screen = screen or Screen()
    with ExitStack() as opened:
        if client is not None:
            opened.enter_context(_patient())
        if not one:
            opened.enter_context(held_run(run_folder.path))

        def connect() -> Any:
            found = client or opened.enter_context(cluster.open(run_folder.logs))
            if not one:  # with `one` the workers themselves are on trial
                require_able(found, run_folder.path, cluster)
            screen.show_dashboard(found.dashboard_link)
            return found

        workers = Workers(
            connect,
            cluster.wait,
            Promise() if client else cluster.promise,
            lambda: cluster.trouble,
            lambda: cluster.refusals,
        )
        try:
            yield run_folder, workers, screen
        except IncompleteRunError:
            raise  # no worker failed
        except RunError:
            if logs := collect_logs(workers, run_folder.logs):
                screen.warn(f"what the workers said is in {logs}")
            raise


def _patient() -> "AbstractContextManager[object]":
    """Let a LocalCluster of this process wait for workers that died; by default it gives them up after 15 seconds."""
    import dask

    return dask.config.set({"distributed.deploy.lost-worker-timeout": "600s"})


def _require_client(client: Any) -> None:
    from distributed import Client

    if not isinstance(client, Client):
        address = repr(client) if isinstance(client, str) else "address"
        raise RequestError(
            f"client: expected a Dask client, as Client({address}) gives, found {type(client).__name__} {client!r}; "
            "without one the job's own cluster is started"
        )
