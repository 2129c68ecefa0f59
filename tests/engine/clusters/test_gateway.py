"""A real Dask Gateway with its local backend: the main job in small has the results of the local cluster."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import pytest
from pydantic import ValidationError

from lineshape.engine.clusters.kinds.environment import Environment
from lineshape.engine.clusters.kinds.gateway import Gateway
from lineshape.engine.core.errors import RequestError
from lineshape.engine.running.run import open_run
from lineshape.jobs import api
from tests.conftest import small_job
from tests.faults.runs import content
from tests.servers import free_port, wait_for

PROCESSES = 3

PASSWORD = "of the test"
CONFIGURATION = """
import sys
import time
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:{private}"
c.Proxy.address = "127.0.0.1:{public}"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = "{password}"
c.ClusterConfig.scheduler_cmd = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
c.ClusterConfig.worker_cmd = [sys.executable, "-m", "distributed.cli.dask_worker"]
"""


@dataclass
class Server:
    address: str

    @contextmanager
    def spoken_to(self) -> Iterator[Any]:
        """By somebody else than the run; closed at once, as it must not be collected while another starts."""
        import dask_gateway

        gateway = dask_gateway.Gateway(self.address)
        try:
            yield gateway
        finally:
            gateway.close()
            del gateway._loop_runner

    def clusters(self) -> list[str]:
        """Names of those that are there."""
        with self.spoken_to() as gateway:
            return [report.name for report in gateway.list_clusters()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("dask_gateway", reason="no client of Dask Gateway: pip install 'lineshape[gateway]'")
    command = Path(sys.executable).with_name("dask-gateway-server")
    if not (command.is_file() or shutil.which("dask-gateway-server")):
        pytest.skip("no Dask Gateway: pip install 'lineshape[facility]'")
    folder = tmp_path_factory.mktemp("gateway")
    ports = {"private": free_port(), "public": free_port()}
    configuration = folder / "configuration.py"
    configuration.write_text(CONFIGURATION.format(password=PASSWORD, **ports), encoding="utf-8")
    log = folder / "log"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with log.open("w") as file:
        process = subprocess.Popen(
            [str(command), "-f", str(configuration)], cwd=folder, env=environment, stdout=file, stderr=file
        )
    try:
        for port in ports.values():
            wait_for(port, log)
        user = {"gateway.auth.kwargs": {"username": "physicist", "password": PASSWORD}}
        with dask.config.set(user):
            yield _ready(Server(f"http://127.0.0.1:{ports['public']}"), log)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _ready(server: Server, log: Path) -> Server:
    """As soon as the proxy knows the way to the server behind it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(ValueError):
            server.clusters()
            return server
        time.sleep(0.1)
    raise RuntimeError(f"the Gateway is not ready:\n{log.read_text()[-2000:]}")


pytestmark = [pytest.mark.hub, pytest.mark.filterwarnings("default")]


@pytest.mark.processes
def test_the_main_job_in_small_is_the_same_as_on_the_local_cluster(
    server: Server, finished: api.Result, ntuples: list[Path], tmp_path: Path
) -> None:
    """All stages that have tasks; of the models those without torch, which a new worker takes seconds to load."""
    job = small_job(ntuples, cluster={"kind": "gateway", "address": server.address, "workers": 2})
    with open_run(job, tmp_path) as run:
        run.process({name: sample.files for name, sample in job.samples.items()})
        run.train(["combined", "particle_flow", "brt"])
        run.histogram()
    here, there = content(finished.folder), content(tmp_path)
    parts = {name for name in there if name.startswith("histograms/parts/")}
    assert len(parts) == 3
    assert {name: here.get(name) for name in parts} == {name: there[name] for name in parts}
    features = ({name: made[name] for name in made if name.startswith("features/")} for made in (here, there))
    assert next(features) == next(features) != {}
    assert not server.clusters(), "what was started is ended"


@pytest.mark.processes
def test_a_cluster_that_is_there_is_joined_and_goes_on(server: Server) -> None:
    with server.spoken_to() as gateway:  # a cluster without workers, as a user leaves one behind
        name = gateway.submit()
    try:
        with Gateway(address=server.address, cluster=name, minimum=1, maximum=1).open() as client:
            client.wait_for_workers(1, timeout=60)
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
            assert all(address.startswith("tls://") for address in client.scheduler_info()["workers"])
        assert server.clusters() == [name]
    finally:
        with server.spoken_to() as gateway:
            gateway.stop_cluster(name)


@pytest.mark.processes
def test_the_environment_names_it(server: Server) -> None:
    with dask.config.set({"gateway.address": server.address}), Environment(workers=1).open() as client:
        client.wait_for_workers(1, timeout=60)
        assert client.scheduler.address.startswith("gateway://")
    assert not server.clusters()


@pytest.mark.processes
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cluster": "none"}, "cannot give this cluster: Cluster none not found"),
        ({"workers": 1, "options": {"colour": "blue"}}, r"cannot give this cluster: Unknown fields \['colour'\]"),
        (
            {"workers": 1, "auth": "no_such_package.Auth"},
            "no such way to be known to a Gateway: No module named 'no_such_package'",
        ),
    ],
)
def test_what_a_gateway_does_not_give(server: Server, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message), Gateway(address=server.address, **settings).open():
        pass
    assert not server.clusters()


@pytest.mark.processes
def test_who_is_not_known_is_told_where_to_look(server: Server) -> None:
    stranger = {"gateway.auth.kwargs": {"username": "stranger", "password": "wrong"}}
    with (
        dask.config.set(stranger),
        pytest.raises(RequestError, match=r"refuses: 401 Unauthorized; does it know you\? See gateway.auth in Dask's"),
        Gateway(address=server.address, workers=1).open(),
    ):
        pass


@pytest.mark.processes
def test_no_gateway_answers(server: Server) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RequestError, match=f"no Gateway answers at {address}"):
        Gateway(address=address, workers=1).open().__enter__()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "a new cluster of a Gateway has no workers: expected 'workers', 'maximum', or the name of a 'cluster'"),
        ({"workers": 1, "maximum": 2}, "expected either 'workers', or 'minimum' and 'maximum'"),
        ({"minimum": 3, "maximum": 2}, r"minimum \(3\) is more than maximum \(2\)"),
        ({"cluster": "mine", "options": {"cores": 2}}, "options are of a new cluster, and 'mine' is there already"),
    ],
)
def test_settings_that_contradict_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Gateway.model_validate(settings)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "no Gateway is named: expected its address here, or in Dask's configuration"),
        ("gateway.example:8000", "expected one like https://gateway.example"),
        ("http://gateway.example", "is plain HTTP, in which anyone on the network can read your password"),
    ],
)
def test_an_address_that_is_none_or_not_closed(address: str, message: str) -> None:
    pytest.importorskip("dask_gateway", reason="no client of Dask Gateway: pip install 'lineshape[gateway]'")
    with pytest.raises(RequestError, match=message), Gateway(address=address, workers=1).open():
        pass
