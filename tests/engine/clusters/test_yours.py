"""On a batch system of one's own: the main job in small, one of its jobs lost, and the bits of a local run.

LINESHAPE_CLUSTER=deploy/htcondor.yaml python -m pytest tests/engine/clusters/test_yours.py

It is how a system that cannot be had here, HTCondor above all, is tried where there is one. The run folder is made in
the working folder, which the nodes must share.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.cluster import Cluster
from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.running.run import open_run
from lineshape.jobs import api
from lineshape.jobs.cli.cluster_option import section
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from tests.conftest import TREE, small_job
from tests.faults.runs import content

CONFIGURATION = os.environ.get("LINESHAPE_CLUSTER", "")
pytestmark = [
    pytest.mark.batch,
    pytest.mark.processes,
    pytest.mark.filterwarnings("default"),
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not CONFIGURATION, reason="LINESHAPE_CLUSTER names no file like deploy/htcondor.yaml"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the nodes see, too."""
    made = Path(tempfile.mkdtemp(prefix=".drill-", dir=Path.cwd()))
    yield made
    shutil.rmtree(made)


def run(cluster: Cluster, files: list[Path], folder: Path) -> dict[str, str]:
    job = small_job(files, chunk_entries=100, **{f"models.{name}.device": "cpu" for name in ("brt", "dnn", "mdn")})
    with cluster.open(folder / "logs") as client, open_run(job, folder, client=client) as opened:
        opened.process({name: sample.files for name, sample in job.samples.items()})
        opened.train()
        opened.histogram()
    return content(folder)


def lose_one(cluster: BatchSystem, folder: Path, lost: list[str]) -> None:
    """By the batch system's own command, as soon as a part of the shards is there."""
    while len(list((folder / "features").rglob("*.parquet"))) < 5:
        time.sleep(0.2)
    assert cluster._keeper is not None
    jobs: dict[str, Any] = dict(cluster._keeper._cluster.workers)
    job = next(iter(jobs.values()))
    subprocess.run([*shlex.split(job.cancel_command), str(job.job_id)], check=True)
    lost.append(str(job.job_id))


def test_one_job_is_lost_and_the_bits_are_those_of_a_local_run(folder: Path) -> None:
    files = [folder / f"taus_{number}.root" for number in range(2)]
    for number, path in enumerate(files):
        write_file(FileOrder(GammaTauTau(), 3000, 11, number, TREE, path))
    said = {key: value for key, value in section(CONFIGURATION).items() if key not in {"minimum", "maximum", "gpu"}}
    cluster = api.load("tau_energy_scale", None, {"cluster": said | {"workers": 2}}).built_cluster()
    assert isinstance(cluster, BatchSystem)
    lost: list[str] = []
    threading.Thread(target=lose_one, args=(cluster, folder / "batch", lost), daemon=True).start()
    there = run(cluster, files, folder / "batch")
    assert lost
    assert there == run(Local(workers=2), files, folder / "local")
