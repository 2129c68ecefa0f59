"""What workers said is kept where something failed, and what is promised of those that are yet to come."""

from pathlib import Path

import dask
import pytest
from distributed import Client

from lineshape.engine.clusters.kinds.facility import Facility
from lineshape.engine.core.errors import ClusterError
from lineshape.engine.execution.workers import Promise, Watch, Workers, collect_logs

PROCESSES = 3


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_logs_of_workers_are_written_beside_the_run(tmp_path: Path) -> None:
    settings = {"n_workers": 1, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with Facility(cluster="distributed:LocalCluster", settings=settings).open() as client:
        workers = Workers(lambda: client)
        assert collect_logs(workers, tmp_path / "logs") is None, "a run that opened no client has no workers"
        assert workers.number == 1
        assert collect_logs(workers, tmp_path / "logs") == tmp_path / "logs"
        (log,) = (tmp_path / "logs").iterdir()
        assert "Registered to" in log.read_text(encoding="utf-8")
        log.write_text("a job's own", encoding="utf-8")
        assert collect_logs(workers, tmp_path / "logs") == tmp_path / "logs"
        assert log.read_text(encoding="utf-8") == "a job's own", "where jobs have written theirs, those stay"


@pytest.mark.processes
def test_workers_that_are_yet_to_come_count(workers: Workers) -> None:
    promised = Workers(lambda: workers.client, promise=Promise(workers=50))
    assert promised.number == 50
    assert workers.number == 2


@pytest.mark.processes
def test_workers_are_there_while_the_client_asks_for_everything_else(client: Client) -> None:
    """Its timer overwrites what Client.scheduler_info() is about to return, and asks for no workers."""
    often = {"distributed.client.scheduler-info-interval": "1ms"}
    with dask.config.set(often), Client(client.scheduler.address, set_as_default=False) as restless:
        workers = Workers(lambda: restless)
        assert {workers.number for _ in range(500)} == {2}
        assert all(workers.any() for _ in range(500))


def test_the_cluster_says_why_no_worker_comes() -> None:
    watch = Watch(patience=-1)
    watch.look(any_worker=True, trouble=lambda: "never asked")
    with pytest.raises(ClusterError, match="no worker for -1 s: the partition is down"):
        watch.look(any_worker=False, trouble=lambda: "the partition is down")
    with pytest.raises(ClusterError, match="start some, or see why they end"):
        watch.look(any_worker=False, trouble=lambda: "")
