"""A class that somebody hands out: started with its own arguments, scaled, closed; what cannot be is named."""

from typing import Any

import pytest
from distributed import Client
from pydantic import ValidationError

from lineshape.engine.clusters.kinds.facility import Facility
from lineshape.engine.core.errors import RequestError

PROCESSES = 10

LOCAL: dict[str, Any] = {
    "cluster": "distributed:LocalCluster",
    "settings": {"n_workers": 1, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"},
}


def add(a: int, b: int) -> int:
    return a + b


@pytest.mark.processes
def test_a_class_with_its_arguments_is_scaled_and_closed() -> None:
    with Facility(**LOCAL, workers=2).open() as client:
        client.wait_for_workers(2, timeout=60)
        assert client.submit(add, 1, 2).result(timeout=60) == 3
        address = client.scheduler.address
    with pytest.raises(OSError, match="Timed out"):
        Client(address, timeout=2, set_as_default=False)


@pytest.mark.processes
def test_it_may_scale_itself() -> None:
    with Facility(**LOCAL, minimum=2, maximum=2).open() as client:
        client.wait_for_workers(2, timeout=60)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cluster": "no_such_package:Cluster"}, "cannot load 'no_such_package:Cluster'"),
        ({"cluster": "distributed:NoCluster"}, "cannot load 'distributed:NoCluster'"),
        ({"cluster": "distributed:SpecCluster", "settings": {"no_such_argument": 1}}, "does not start with them"),
        ({"cluster": "os:getcwd"}, "os:getcwd is no cluster of Dask: it gave a str"),
    ],
)
def test_what_cannot_be_started_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message), Facility(**settings).open():
        pass


@pytest.mark.processes
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "0.0.0.0"}, "speaks plain TCP on tcp://.*say 'plain_tcp: true'"),
        ({"dashboard_address": "0.0.0.0:0"}, "dashboard listens on .*say 'open_dashboard: true'"),
    ],
)
def test_what_anyone_on_the_network_can_reach_is_refused(changes: dict[str, str], message: str) -> None:
    settings = LOCAL["settings"] | changes
    with pytest.raises(RequestError, match=message), Facility(**LOCAL | {"settings": settings}).open():
        pass
    with Facility(**LOCAL | {"settings": settings}, plain_tcp=True, open_dashboard=True).open() as client:
        assert client.submit(add, 1, 2).result(timeout=60) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cluster": "LocalCluster"}, "expected 'module:Class'"),
        (LOCAL | {"workers": 2, "maximum": 3}, "either 'workers', or 'minimum' and 'maximum'"),
        (LOCAL | {"minimum": 4, "maximum": 3}, "is more than maximum"),
    ],
)
def test_settings_that_contradict_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Facility(**settings)
