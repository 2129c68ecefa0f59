"""A real JupyterHub of deploy/jupyterhub: over REST and WebSocket, and by a user's eyes in a browser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lineshape.engine.feature_store.store import FeatureStore
from lineshape.jobs import api
from tests.deploy.hub import NODE_MODULES, ROOT, USER, Hub, hub

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


def shortened(notebook: str) -> str:
    """Return the tutorial with fewer taus, trees, plots and workers: `make docs` executes it as it is."""
    for there, instead in (
        ("40_000", "12_000"),
        ('"models.brt.rounds": 600', '"models.brt.rounds": 50, "measures.response.by": {}'),
        ('"workers": 2', '"workers": 1'),
    ):
        old, new = (json.dumps(text)[1:-1] for text in (there, instead))
        assert notebook.count(old) == 1
        notebook = notebook.replace(old, new)
    return notebook


@pytest.mark.browser
def test_the_tutorial_by_a_users_eyes(running: Hub, tmp_path: Path) -> None:
    """Chromium logs in, opens the tutorial in JupyterLab, runs all cells and sees the table and the plots."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None or shutil.which("node") is None:
        pytest.skip("no chromium or no node on this machine")
    if not (NODE_MODULES / "playwright-core").is_dir():
        pytest.skip(f"no playwright-core here: npm install --prefix {sys.prefix} playwright-core")
    (running.home / TUTORIAL.name).write_text(shortened(TUTORIAL.read_text(encoding="utf-8")), encoding="utf-8")
    folder = Path(os.environ.get("LINESHAPE_SCREENSHOTS", tmp_path))
    settings = {
        "LINESHAPE_HUB_URL": running.url,
        "LINESHAPE_USER": USER,
        "LINESHAPE_PASSWORD": running.password,
        "LINESHAPE_BROWSER": browser,
        "LINESHAPE_PLAYWRIGHT": str(NODE_MODULES / "playwright-core"),
        "LINESHAPE_SCREENSHOTS": str(folder),
    }
    script = Path(__file__).with_name("tutorial.cjs")
    done = subprocess.run(
        ["node", str(script)], env=os.environ | settings, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert not seen["errors"]
    # Two plots that the result shows of itself, and the line shape alone; all have been drawn.
    assert len(seen["pictures"]) == 3
    assert all(width > 300 for width in seen["pictures"])
    assert "Estimate over truth" in seen["text"]
    result = api.open_result(running.home / "runs" / "tutorial")
    row = result.figure("mdn", "half_68_over_baseline")
    assert f"{row.value:.3f} ± {row.uncertainty:.3f} of {row.entries:,} taus" in seen["text"]
    assert seen["link"] == "runs/tutorial/report/index.html"
    assert (folder / "done.png").stat().st_size > 100_000
