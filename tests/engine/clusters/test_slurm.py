"""A real Slurm runs the main job in small, and whatever ends its jobs, the result is the local one, bit for bit."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.clusters import job_manager as keeper
from lineshape.engine.clusters.kinds.slurm import Slurm as Cluster
from lineshape.engine.clusters.preflight import preflight
from lineshape.engine.core.errors import ClusterError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.execution.workers import Workers
from lineshape.engine.job.job import Job
from lineshape.engine.running.run import open_run
from tests.faults.runs import content, faulty_job
from tests.jobs.commands import here
from tests.slurm import Slurm, missing, slurm

PROCESSES = 60

pytestmark = [
    pytest.mark.batch,
    pytest.mark.processes,
    pytest.mark.filterwarnings("default"),  # a worker's last words are not ours to hush
    pytest.mark.skipif(bool(missing()), reason=f"no Slurm: {missing()}"),
]

LOOPBACK = {"kind": "slurm", "interface": "lo", "memory": "1500MiB"}
#: Each job has a node of its own.
ALONE = {"directives": ["--exclusive"]}


@pytest.fixture(scope="module")
def batch() -> Iterator[Slurm]:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install '.[batch]'")
    with slurm(nodes=2) as started, pytest.MonkeyPatch.context() as patched:
        for name in ("SLURM_CONF", "PATH"):
            patched.setenv(name, started.environment[name])
        yield started


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


def job(files: list[Path], faults: Path, slow: float = 0, **cluster: Any) -> Job:
    """The main job in small, with one network; each of its 24 chunks takes so many seconds more."""
    faults.mkdir(exist_ok=True)
    (faults / "slow").write_text(str(slow), encoding="utf-8")
    said = {"cluster": LOOPBACK | cluster} if cluster else {}
    # Trees would not take a declared GPU that CUDA does not see.
    quick = {"models.dnn.epochs": 6, "models.brt.device": "cpu", "chunk_entries": 200}
    return faulty_job(files, faults, **(quick | said))


def run(wanted: Job, folder: Path) -> dict[str, str]:
    """All stages but the report; returns digests of what they made."""
    with open_run(wanted, folder) as opened:
        store = opened.process({name: sample.files for name, sample in wanted.samples.items()})
        assert not store.quarantined
        opened.train()
        opened.histogram()
    return content(folder)


@pytest.fixture(scope="module")
def undisturbed(ntuples: list[Path], faults: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a local cluster makes of it."""
    return run(job(ntuples, faults), tmp_path_factory.mktemp("local"))


@pytest.fixture
def when() -> Iterator[Callable[[Callable[[], bool], Callable[[], object]], list[float]]]:
    """Does something, once, as soon as something is so; returns a list that then holds the time."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(ready: Callable[[], bool], do: Callable[[], object]) -> list[float]:
        done: list[float] = []

        def watch() -> None:
            while not stop.wait(0.1):
                if ready():
                    do()
                    done.append(time.monotonic())
                    return

        threads.append(threading.Thread(target=watch))
        threads[-1].start()
        return done

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def half_way(folder: Path) -> Callable[[], bool]:
    return lambda: len(list((folder / "features").rglob("*.parquet"))) >= 10


def training(folder: Path) -> Callable[[], bool]:
    """Whether the network's training has come to its second epoch."""

    def reached() -> bool:
        found = list((folder / "models").glob(".dnn.*.work/**/history.jsonl"))
        with suppress(OSError):
            return any(len(path.read_text(encoding="utf-8").splitlines()) >= 2 for path in found)
        return False

    return reached


def end(batch: Slurm, job: str) -> None:
    """Kill every process of a job, as a machine that loses its power does."""
    for pid in batch.pids(job):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def gone(batch: Slurm) -> bool:
    """Whether the queue is empty, soon."""
    deadline = time.monotonic() + 60
    while batch.ask("squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.2)
    return not batch.ask("squeue", "--noheader")


def test_jobs_cancelled_and_killed(
    batch: Slurm, ntuples: list[Path], faults: Path, tmp_path: Path, undisturbed: dict[str, str], when: Any
) -> None:
    """One by scancel half-way through the processing, one by SIGKILL in the middle of a training."""
    seen: list[list[str]] = []
    cancelled = when(half_way(tmp_path), lambda: (seen.append(batch.running()), batch.ask("scancel", seen[0][0])))
    killed = when(training(tmp_path), lambda: [end(batch, number) for number in batch.running()])
    assert run(job(ntuples, faults, 0.4, workers=2), tmp_path) == undisturbed
    assert cancelled
    assert killed
    assert len(seen[0]) == 2, "two workers as two jobs"
    assert gone(batch)
    assert not (tmp_path / "logs").exists(), "logs are kept where something failed"


@pytest.mark.drill
def test_a_node_goes_down(
    batch: Slurm, ntuples: list[Path], faults: Path, tmp_path: Path, undisturbed: dict[str, str], when: Any
) -> None:
    down = when(
        half_way(tmp_path), lambda: batch.ask("scontrol", "update", "nodename=n1", "state=down", "reason=drill")
    )
    assert run(job(ntuples, faults, 0.4, workers=2, **ALONE), tmp_path) == undisturbed
    assert down
    assert gone(batch)
    with suppress(subprocess.CalledProcessError):  # a node that has registered anew is back already
        batch.ask("scontrol", "update", "nodename=n1", "state=resume")


@pytest.mark.drill
def test_jobs_run_into_their_wall_time(
    batch: Slurm, ntuples: list[Path], faults: Path, tmp_path: Path, undisturbed: dict[str, str], when: Any
) -> None:
    """Slurm ends them after a minute, while they think that they have an hour."""
    first: list[str] = []
    started = when(lambda: len(batch.running()) == 2, lambda: first.extend(batch.running()))
    wanted = job(ntuples, faults, 8, workers=2, directives=["-p short", "-t 00:01:00"])
    assert run(wanted, tmp_path) == undisturbed
    assert started
    states = [batch.ask("scontrol", "show", "job", number) for number in first]
    assert all("JobState=TIMEOUT" in state for state in states)


@pytest.mark.drill
def test_workers_end_by_themselves_before(
    batch: Slurm, ntuples: list[Path], faults: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    """With a lifetime well below the wall time no job is cut off, and no chunk is lost; jobs come as there is work."""
    wanted = job(ntuples, faults, 1.2, maximum=2, walltime="60s", lifetime="12s")
    assert run(wanted, tmp_path) == undisturbed
    ended = [
        line
        for line in batch.ask("scontrol", "show", "job", "--oneliner").splitlines()
        if "TimeLimit=00:01" in line and str(tmp_path) in line
    ]
    assert len(ended) > 3
    assert not any("JobState=TIMEOUT" in line for line in ended)


@pytest.mark.drill
def test_the_jobs_end_when_the_command_is_killed(
    batch: Slurm, ntuples: list[Path], faults: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    """And the next one goes on from the shards that are there."""
    wanted = job(ntuples, faults, 0.6, workers=2)
    written = tmp_path / "job.json"
    write_json(written, wanted.model_dump(mode="json"))
    words = ["process", str(written), "-o", str(tmp_path / "run")]
    command = [sys.executable, "-W", "ignore", "-m", "lineshape.jobs.cli.main", *words]
    with subprocess.Popen(command, env=batch.environment, stderr=subprocess.DEVNULL) as process:
        ready = half_way(tmp_path / "run")
        while not ready() and process.poll() is None:
            time.sleep(0.1)
        assert len(batch.running()) == 2
        process.kill()
    made = len(list((tmp_path / "run/features").rglob("*.parquet")))
    assert 10 <= made < 24
    assert not (tmp_path / "run/features/manifest.json").exists()
    assert gone(batch), "a worker ends with the task that it is at"
    assert list((tmp_path / "run/logs").rglob("*.err"))
    assert run(wanted, tmp_path / "run") == undisturbed
    assert not (tmp_path / "run/logs").exists()


def test_logs_stay_where_a_run_fails(batch: Slurm, ntuples: list[Path], tmp_path: Path) -> None:
    wanted = job(ntuples, tmp_path / "faults", workers=1)
    (tmp_path / "faults/raises_always").touch()
    with pytest.raises(RunError, match="ZeroDivisionError"):
        run(wanted, tmp_path / "run")
    assert "Registered to" in next((tmp_path / "run/logs").rglob("lineshape-cpu-*.err")).read_text(encoding="utf-8")
    assert gone(batch)


def add(a: int, b: int) -> int:
    return a + b


def test_gpu_jobs_come_when_they_are_wanted_and_go_again(batch: Slurm, tmp_path: Path) -> None:
    """Two of them, as a training of two workers wants; nothing here has a GPU, and the job only declares it."""
    cluster = Cluster(interface="lo", maximum=2, gpu={"workers": 2, "idle": "3s"}, memory="1GiB")  # type: ignore[arg-type]
    with cluster.open(tmp_path / "logs") as client:
        workers = Workers(lambda: client, promise=cluster.promise)
        assert client.submit(add, 1, 2).result(timeout=60) == 3
        assert not batch.running("gpu")
        workers.want_together(2)
        deadline = time.monotonic() + 60
        while len(batch.running("gpu")) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len(batch.running("gpu")) == 2
        assert client.submit(add, 3, 4, resources={"GPU": 1}).result(timeout=60) == 7
        workers.want_together(0)
        while batch.running("gpu") and time.monotonic() < deadline + 60:
            time.sleep(0.2)
        assert not batch.running("gpu")
    assert gone(batch)


@pytest.mark.drill
def test_networks_are_trained_on_gpu_jobs(
    batch: Slurm, ntuples: list[Path], faults: Path, tmp_path: Path, undisturbed: dict[str, str], when: Any
) -> None:
    """Where CUDA sees none they take the job's cores, so that the result is the same."""
    seen: list[str] = []
    trained = when(training(tmp_path), lambda: seen.extend(batch.running("gpu")))
    made = run(job(ntuples, faults, workers=1, gpu={"workers": 1}), tmp_path)
    assert trained
    assert len(seen) == 1
    assert made == undisturbed


def test_a_job_that_ends_before_its_worker_comes_is_replaced(
    batch: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_SHOWN_AFTER", 1.0)
    monkeypatch.setattr(keeper, "_LIST_EVERY", 1.0)
    flag = tmp_path / "flag"
    cluster = Cluster(interface="lo", workers=1, prologue=[f"mkdir {flag} && exit 1"])
    with cluster.open(tmp_path / "logs") as client:
        client.wait_for_workers(1, timeout=90)
    assert flag.is_dir()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queue": "nosuch"}, "a job could not be submitted: sbatch: error: invalid partition specified: nosuch"),
        ({"queue": "closed"}, r"\d+ PENDING PartitionDown in the queue \(ask 'squeue --start --me' why\)"),
        ({"python": "/bin/false"}, r"job \d+ ended before its worker came"),
        ({"python": "/no/python"}, r"ends with: .*/no/python: No such file"),
    ],
)
def test_the_preflight_says_what_is_wrong(
    batch: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], message: str
) -> None:
    monkeypatch.setattr(keeper, "_SHOWN_AFTER", 1.0)
    monkeypatch.setattr(keeper, "_LIST_EVERY", 1.0)
    cluster = Cluster(interface="lo", workers=5, **settings).one()  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match=message), cluster.open(tmp_path / "logs") as client:
        preflight(Workers(lambda: client, 10, cluster.promise, lambda: cluster.trouble), tmp_path, {}, print)
    assert gone(batch)
    if "queue" in settings:
        assert not (tmp_path / "logs").exists()
    else:
        assert list((tmp_path / "logs").rglob("*.err")), "the jobs' logs are kept"
    assert not list((tmp_path / "logs").rglob("*.pem")), "keys are not"


def test_the_preflight_of_the_command_line(batch: Slurm, ntuples: list[Path], tmp_path: Path) -> None:
    words = ["preflight", "tau_energy_scale", "--sample", f"s={ntuples[0]}", "--cluster", "slurm", "-o", str(tmp_path)]
    command = [sys.executable, "-W", "ignore", "-m", "lineshape.jobs.cli.main", *words, "--set", "cluster.interface=lo"]
    done = subprocess.run(command, env=batch.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in ("✓ worker came", "✓ packages the same as here", "✓ run folder is shared", "✓ sample s"):
        assert word in done.stderr
    # Told long before the ten minutes that a run would wait.
    status, _, said = here(*words, "--set", "cluster.interface=lo", "--set", "cluster.queue=nosuch")
    assert status == 1
    assert "invalid partition" in said
    assert "in the queue" not in said
