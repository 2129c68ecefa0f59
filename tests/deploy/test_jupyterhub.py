"""A real JupyterHub of deploy/jupyterhub: over REST and WebSocket, and by a user's eyes in a browser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from lineshape.engine.feature_store.store import FeatureStore
from lineshape.jobs import api
from tests.deploy.hub import NODE_MODULES, ROOT, USER, Hub, hub

PROCESSES = 4

pytestmark = [pytest.mark.processes, pytest.mark.hub, pytest.mark.filterwarnings("default")]

TUTORIAL = ROOT / "jobs" / "tutorial.ipynb"
SIMULATE = """
from distributed import Client
client = Client({address!r})
from lineshape import jobs
changes = {{"samples.gammatautau.simulate.taus": 2000, "samples.gammatautau.simulate.files": 2}}
job = jobs.load("tau_energy_scale", changes=changes | {{"cluster": {{"kind": "environment"}}}})
features = jobs.process(job, "runs/small")
print(features.store.rows, client.status, len(client.scheduler_info()["workers"]))
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("hub")) as started:
        yield started


def listening_beyond_loopback() -> set[str]:
    """Addresses on which anything that this process started listens, but for those of this machine alone."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            for connection in process.net_connections():
                if connection.status == psutil.CONN_LISTEN and connection.laddr.ip not in {"127.0.0.1", "::1"}:
                    found.add(f"{connection.laddr.ip} {' '.join(process.cmdline())[:200]}")
        except psutil.Error:
            continue
    return found


def test_a_session_over_rest_and_websocket(running: Hub) -> None:
    """Log in, start a server, a cluster from JupyterLab's Dask panel and a kernel, run a stage there, stop it all."""
    token = running.login()
    running.start(token)
    try:
        cluster = running.ask("PUT", f"/user/{USER}/dask/clusters", token, {})
        kernel = running.ask("POST", f"/user/{USER}/api/kernels", token, {"name": "python3"})["id"]
        printed, error = running.execute(kernel, token, SIMULATE.format(address=cluster["scheduler_address"]))
        assert not error
        rows, status, workers = printed.split()
        assert (status, int(workers) > 0) == ("running", True)
        assert int(rows) == FeatureStore.load(running.home / "runs" / "small" / "features").rows > 0
        assert not listening_beyond_loopback()
        running.ask("DELETE", f"/user/{USER}/dask/clusters/{cluster['id']}", token)
        running.ask("DELETE", f"/user/{USER}/api/kernels/{kernel}", token)
    finally:
        running.stop(token)


#: The last cells of the tutorial, of a run that is there.
OF_A_RUN = [
    "from lineshape import jobs",
    'result = jobs.open_result("runs/tutorial")\nresult',
    'result.plot("line_shape")',
    'row = result.figure("mdn", "half_68_over_baseline")',
    'print(f"{row.value:.3f} ± {row.uncertainty:.3f} of {row.entries:,} taus")',
]


def look(running: Hub, folder: Path, trains: bool) -> dict[str, Any]:
    """Return what Chromium saw of tutorial.ipynb in the user's folder, with all of its cells run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None or shutil.which("node") is None:
        pytest.skip("no chromium or no node on this machine")
    if not (NODE_MODULES / "playwright-core").is_dir():
        pytest.skip(f"no playwright-core here: npm install --prefix {sys.prefix} playwright-core")
    settings = {
        "LINESHAPE_HUB_URL": running.url,
        "LINESHAPE_USER": USER,
        "LINESHAPE_PASSWORD": running.password,
        "LINESHAPE_BROWSER": browser,
        "LINESHAPE_PLAYWRIGHT": str(NODE_MODULES / "playwright-core"),
        "LINESHAPE_SCREENSHOTS": str(folder),
        "LINESHAPE_TRAINS": "yes" if trains else "no",
    }
    script = Path(__file__).with_name("tutorial.cjs")
    done = subprocess.run(
        ["node", str(script)], env=os.environ | settings, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def check_what_is_seen(seen: dict[str, Any], run: Path, folder: Path) -> None:
    assert not seen["errors"]
    # Two plots that the result shows of itself, and the line shape alone; all have been drawn.
    assert len(seen["pictures"]) == 3
    assert all(width > 300 for width in seen["pictures"])
    assert "Estimate over truth" in seen["text"]
    row = api.open_result(run).figure("mdn", "half_68_over_baseline")
    assert f"{row.value:.3f} ± {row.uncertainty:.3f} of {row.entries:,} taus" in seen["text"]
    assert seen["link"] == "runs/tutorial/report/index.html"
    assert (folder / "done.png").stat().st_size > 100_000


@pytest.mark.browser
def test_a_result_by_a_users_eyes(running: Hub, finished: api.Result, tmp_path: Path) -> None:
    """Chromium logs in, opens a notebook in JupyterLab, runs all cells and sees a run's table and plots."""
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here: pip install 'lineshape[notebook]'")
    run = shutil.copytree(finished.folder, running.home / "runs" / "tutorial")
    new = nbformat.v4
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    book = new.new_notebook(cells=[new.new_code_cell(cell) for cell in OF_A_RUN], metadata=kernel)
    nbformat.write(book, running.home / TUTORIAL.name)
    folder = Path(os.environ.get("LINESHAPE_SCREENSHOTS", tmp_path))
    check_what_is_seen(look(running, folder, trains=False), run, folder)
    shutil.rmtree(run)


@pytest.mark.browser
@pytest.mark.drill
def test_the_tutorial_by_a_users_eyes(running: Hub, tmp_path: Path) -> None:
    """All of it; `make docs` executes it too, without a browser."""
    shutil.copy(TUTORIAL, running.home)
    folder = Path(os.environ.get("LINESHAPE_SCREENSHOTS", tmp_path))
    check_what_is_seen(look(running, folder, trains=True), running.home / "runs" / "tutorial", folder)
