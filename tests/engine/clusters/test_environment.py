"""The cluster that Dask's own configuration names, in the order in which Dask looks; what is not closed is refused."""

from collections.abc import Iterator
from typing import Any

import dask
import pytest
from distributed import Client

from lineshape.engine.clusters.kinds.environment import Environment
from lineshape.engine.clusters.kinds.gateway import Gateway
from lineshape.engine.clusters.kinds.scheduler import Scheduler
from lineshape.engine.core.errors import RequestError

GATEWAY = {"gateway.address": "https://gateway.example"}
LOOPBACK = {"scheduler-address": "tcp://127.0.0.1:8786"}


@pytest.fixture(autouse=True)
def nothing_set() -> Iterator[None]:
    with dask.config.set({"scheduler-address": None, "gateway.address": None}):
        yield


@pytest.mark.processes
def test_a_client_of_this_process_goes_first_and_stays_open(client: Client) -> None:
    with client.as_current(), dask.config.set(GATEWAY | LOOPBACK), Environment().open() as found:
        assert found is client
    assert client.status == "running"


@pytest.mark.processes
def test_a_scheduler_by_its_address_is_joined(client: Client) -> None:
    with dask.config.set({"scheduler-address": client.scheduler.address}), Environment().open() as found:
        assert found is not client
        assert found.scheduler.address == client.scheduler.address
    assert client.submit(sum, [1, 2]).result() == 3


def test_a_scheduler_goes_before_a_gateway() -> None:
    with dask.config.set(GATEWAY | LOOPBACK):
        assert Environment().found() == Scheduler(address="tcp://127.0.0.1:8786")
    with dask.config.set(GATEWAY):
        found = Environment(minimum=1, maximum=9).found()
    assert found == Gateway(minimum=1, maximum=9)


def test_pem_files_are_those_of_dask() -> None:
    tls = {
        "distributed.comm.tls.ca-file": "ca.pem",
        "distributed.comm.tls.client.cert": "me.pem",
        "distributed.comm.tls.client.key": "me.key",
    }
    with dask.config.set({"scheduler-address": "tls://dask.example:8786"} | tls):
        found = Environment().found()
    assert isinstance(found, Scheduler)
    assert [str(path) for path in (found.ca, found.certificate, found.key)] == ["ca.pem", "me.pem", "me.key"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "found no cluster: expected a Dask client in this process, a scheduler's address"),
        ({"scheduler-address": "tcp://dask.example:8786"}, "found the scheduler tcp://dask.example:8786 .* plain TCP"),
        ({"scheduler-address": "tls://dask.example:8786"}, "needs the PEM files"),
        (GATEWAY, "found the Gateway https://gateway.example .* has no workers: expected 'workers'"),
    ],
)
def test_what_is_missing_or_not_closed_is_named(said: dict[str, Any], message: str) -> None:
    with dask.config.set(said), pytest.raises(RequestError, match=message), Environment().open():
        pass


def test_what_is_meant_is_passed_on() -> None:
    with dask.config.set({"scheduler-address": "tcp://dask.example:8786"}):
        found = Environment(plain_tcp=True, open_dashboard=True).found()
    assert found == Scheduler(address="tcp://dask.example:8786", plain_tcp=True, open_dashboard=True)
