"""What each batch system is sent, as text; no batch system is needed for it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.cluster import Cluster
from lineshape.engine.clusters.kinds.htcondor import HTCondor
from lineshape.engine.clusters.kinds.slurm import Slurm
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import find, names
from lineshape.engine.execution.workers import Promise
from lineshape.jobs.cli.cluster_option import section
from tests.conftest import small_job

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install '.[batch]'")

CLUSTERS = "lineshape.engine.clusters.kinds"
#: Said of every system: 3 jobs of 2 cores, and one with 2 GPUs.
SETTINGS: dict[str, Any] = {"workers": 3, "cores": 2, "memory": "3GiB", "walltime": "30:00:00", "account": "higgs"}
GPU = {"gpus": 2, "cores": 4, "memory": "8GiB"}

#: Lines of the head of a job, and of one with GPUs.
HEADS: dict[str, tuple[list[str], list[str]]] = {
    "slurm": (
        [
            "#SBATCH -A higgs",
            "#SBATCH -p short",
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --mem=3G",
            "#SBATCH -t 30:00:00",
        ],
        ["#SBATCH --cpus-per-task=4", "#SBATCH --mem=8G", "#SBATCH --gres=gpu:2"],
    ),
    "pbs": (
        ["#PBS -A higgs", "#PBS -q short", "#PBS -l select=1:ncpus=2:mem=3072mb", "#PBS -l walltime=30:00:00"],
        ["#PBS -l select=1:ncpus=4:mem=8192mb:ngpus=2"],
    ),
    "moab": (
        ["#PBS -A higgs", "#PBS -q short", "#PBS -l nodes=1:ppn=2,mem=3072mb", "#PBS -l walltime=30:00:00"],
        ["#PBS -l nodes=1:ppn=4:gpus=2,mem=8192mb"],
    ),
    "lsf": (
        ['#BSUB -P "higgs"', "#BSUB -q short", "#BSUB -n 2", "#BSUB -M 3221226", "#BSUB -W 30:00"],
        ["#BSUB -n 4", "#BSUB -gpu num=2"],
    ),
    "sge": (
        ["#$ -P higgs", "#$ -q short", "#$ -pe smp 2", "#$ -l h_vmem=1536M", "#$ -l h_rt=30:00:00"],
        ["#$ -pe smp 4", "#$ -l h_vmem=2048M,gpu=2"],
    ),
    "oar": (
        ["#OAR --project higgs", "#OAR -q short", "#OAR -l /nodes=1/core=2,walltime=30:00:00"],
        ["#OAR -l /nodes=1/gpu=2/core=4,walltime=30:00:00"],
    ),
    "htcondor": (
        [
            "accounting_group = higgs",
            "MY.MaxRuntime = 108000",
            "MY.DaskWorkerCores = 2",
            "MY.DaskWorkerDisk = 2147483648",
        ],
        ["request_gpus = 2", "MY.DaskWorkerCores = 4"],
    ),
}


def systems() -> list[str]:
    return [kind for kind in names(CLUSTERS, Cluster) if issubclass(find(CLUSTERS, Cluster, kind), BatchSystem)]


def batch(kind: str, **settings: Any) -> BatchSystem:
    found = find(CLUSTERS, Cluster, kind)
    assert issubclass(found, BatchSystem)
    queue = {} if kind == "htcondor" else {"queue": "short"}
    return found(**(SETTINGS | queue | {"gpu": GPU} | settings))


def test_every_system_of_dask_jobqueue_is_tested() -> None:
    assert set(systems()) == set(HEADS)


@pytest.mark.parametrize("kind", systems())
def test_the_job_script(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    scripts = batch(kind).scripts()
    for name, wanted in zip(("cpu", "gpu"), HEADS[kind], strict=True):
        lines = scripts[name].splitlines()
        assert [line for line in wanted if line not in lines] == [], scripts[name]
    for word in (
        f"{sys.executable} -m distributed.cli.dask_worker tls://scheduler:8786",
        f"cd {Path.cwd()} || exit 1",
        "export PYTHONSAFEPATH=1",
        "--lifetime 86400s --lifetime-stagger 5400s",
        "--dashboard-address 127.0.0.1:0",
    ):
        assert word in scripts["cpu"]
    assert "--nthreads 2 --memory-limit 3.00GiB" in scripts["cpu"]
    assert "--lifetime-stagger 5400s --dashboard-address 127.0.0.1:0 --resources GPU=2" in scripts["gpu"]
    assert "GPU" not in scripts["cpu"]
    assert scripts["cpu"].rindex("--nthreads 1") > scripts["cpu"].index("--nthreads 2"), "the last one counts"
    assert "OMP_NUM_THREADS=2" in scripts["cpu"]
    assert "OMP_NUM_THREADS=4" in scripts["gpu"]


@pytest.mark.parametrize("kind", systems())
def test_directives_and_the_prologue_come_through(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/some where")
    line = 'MY.JobFlavour = "workday"' if kind == "htcondor" else "--exclusive"
    scripts = batch(kind, directives=[line], prologue=["module load gcc"]).scripts()
    for script in scripts.values():
        assert line in script
        assert "module load gcc" in script
        assert "PYTHONPATH=" in script
        assert script.index("PYTHONPATH=") < script.index("module load gcc") < script.index("dask_worker")


def test_jobs_look_for_modules_in_the_working_folder_only_where_the_command_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"/my/study{os.pathsep}")
    monkeypatch.chdir(tmp_path)
    for path, wanted in ((["/bin"], "/my/study"), (["", "/bin"], f"/my/study:{tmp_path}")):
        monkeypatch.setattr(sys, "path", [*path, *(each for each in sys.path if each not in {"", str(tmp_path)})])
        assert f"export PYTHONPATH={wanted}\n" in batch("slurm").scripts()["cpu"]


@pytest.mark.parametrize("kind", systems())
def test_the_sites_own_configuration_of_dask_fills_what_is_left_open(kind: str) -> None:
    import dask

    with dask.config.set({f"jobqueue.{kind}.death-timeout": 777, f"jobqueue.{kind}.name": "of-the-site"}):
        assert "--death-timeout 777" in batch(kind).scripts()["cpu"]


def test_htcondors_own_parser_reads_the_submit_text() -> None:
    """It was never submitted here: no daemons of HTCondor can be had on this system."""
    os.environ.setdefault("CONDOR_CONFIG", "/dev/null")
    htcondor = pytest.importorskip("htcondor2", reason="no HTCondor bindings: pip install htcondor")
    classad = pytest.importorskip("classad2")
    cluster = batch("htcondor", disk="5GiB", directives=["MY.SendCredential = True", '+JobFlavour = "workday"'])
    for name, memory, cores in (("cpu", 3072, 2), ("gpu", 8192, 4)):
        said = htcondor.Submit(cluster.scripts()[name])
        scope = classad.ClassAd({key[3:]: classad.ExprTree(said[key]) for key in said if key.startswith("MY.Dask")})
        assert classad.ExprTree(said["RequestMemory"].replace("MY.", "")).eval(scope) == memory
        assert classad.ExprTree(said["RequestCpus"].replace("MY.", "")).eval(scope) == cores
        assert classad.ExprTree(said["RequestDisk"].replace("MY.", "")).eval(scope) == 5 * 2**20
        assert said["Executable"] == "/bin/sh"
        assert said["Arguments"].startswith("\"-c 'cd ")
        assert said.get("request_gpus") == ("2" if name == "gpu" else None)
        assert {key: said[key] for key in ("MY.SendCredential", "MY.JobFlavour")} == {
            "MY.SendCredential": "True",
            "MY.JobFlavour": '"workday"',
        }


def test_htcondor_has_no_queues() -> None:
    with pytest.raises(RequestError, match="HTCondor has none; CERN's job flavours are directives"):
        HTCondor(queue="short").scripts()
    with pytest.raises(RequestError, match="'nonsense': expected 'key = value', as in a submit file"):
        HTCondor(directives=["nonsense"]).scripts()


def test_gpu_jobs_are_as_the_others_where_they_say_nothing() -> None:
    cluster = Slurm(workers=5, account="higgs", walltime="3h", memory="4GiB", gpu={"memory": "16GiB"})  # type: ignore[arg-type]
    assert cluster.gpu is not None
    assert (cluster.gpu.account, cluster.gpu.walltime, cluster.gpu.memory) == ("higgs", 10_800, "16GiB")
    assert (cluster.gpu.fewest, cluster.gpu.most) == (0, 1), "they come when a training wants one"
    assert cluster.promise == Promise(5, 4 * 2**30, 1)


def test_one_of_each_is_tried() -> None:
    cluster = Slurm(minimum=10, maximum=50, gpu={"workers": 4}).one()  # type: ignore[arg-type]
    assert (cluster.fewest, cluster.most) == (1, 1)
    assert cluster.gpu is not None
    assert (cluster.gpu.fewest, cluster.gpu.most) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("htcondor", {}, "no command 'condor_submit' here: a cluster of kind 'htcondor' is used on a machine that can"),
        ("pbs", {}, "no command 'qsub' here"),
    ],
)
def test_elsewhere_than_on_a_login_node_it_says_so(
    kind: str, changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RequestError, match=message), batch(kind, **changes).open(tmp_path / "logs"):
        pass


def test_a_job_file_and_the_command_line_name_it(ntuples: list[Path]) -> None:
    job = small_job(ntuples, cluster=section("slurm"), **{"cluster.workers": 7, "cluster.gpu": {"workers": 2}})
    cluster = job.built_cluster()
    assert isinstance(cluster, Slurm)
    assert cluster.most == 7
    again = type(job).model_validate(json.loads(job.model_dump_json())).built_cluster()
    assert again == cluster, "the run folder keeps it as it was said"


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="partition"):
        Slurm(partition="short")  # type: ignore[call-arg]


def test_logs_and_keys_have_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else lies where they are to go is nobody's business, nor are those of another run."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/qsub").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    place = tmp_path / "logs"
    place.mkdir()
    (place / "thesis.tex").write_text("years of work", encoding="utf-8")
    one, other = batch("pbs", logs=str(place)), batch("pbs", logs=str(place))
    for cluster in (one, other):
        cluster._scratch = cluster._prepared(place)
        assert cluster._scratch.parent == place
        assert cluster._scratch.stat().st_mode & 0o777 == 0o700
    one._forget_logs()
    assert (place / "thesis.tex").is_file()
    assert other._scratch.is_dir()
    own = batch("pbs")
    run = tmp_path / "run/logs"
    for _ in range(2):  # the first start failed
        own._scratch = own._prepared(run)
    own._forget_logs()
    assert not list(run.iterdir())


def test_lsf_gives_no_less_than_was_asked_for() -> None:
    assert "#BSUB -W 00:02" in batch("lsf", walltime="90s", gpu=None).scripts()["cpu"]
