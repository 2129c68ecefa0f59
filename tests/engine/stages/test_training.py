"""The training stage with real processes: what a cluster does to a training, and several workers for one.

Most trainings are on the session's two workers, whose nannies start those anew that are killed here.
"""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.errors import RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.shards import read_columns
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.fit.history import read_history
from lineshape.jobs import api
from tests.conftest import small_job
from tests.faults.runs import process_with
from tests.faults.trainings import Striking, at_work, digests, kill, rank_pids, steps, train_with

PROCESSES = 20

pytestmark = pytest.mark.processes

NETWORK: dict[str, Any] = {
    "kind": "neural",
    "features": "20",
    "network": {"kind": "mixture_density", "layers": [32, 32], "dropout": 0.1, "batch_norm": "last"},
    "loss": {"kind": "negative_log_likelihood"},
    "sampler": {"kind": "weighted", "column": "ptCombined"},
    "epochs": 12,
    "batch": 64,
    "average": 0.99,
    "mirrored": ["eta"],
    "minimum_entries": 100,
    "own_process": True,
}
TREES: dict[str, Any] = {
    "kind": "boosted_trees",
    "features": "20",
    "rounds": 400,
    "early_stopping": 400,
    "rows": 0.5,
    "columns": 0.5,
    "checkpoint": 20,
    "minimum_entries": 100,
}


@pytest.fixture(scope="module")
def features(ntuples: list[Path], tmp_path_factory: pytest.TempPathFactory, workers: Workers) -> Path:
    """A feature store of 6,000 taus."""
    place = tmp_path_factory.mktemp("processed")
    process_with(small_job(ntuples), place, workers)
    return RunFolder(place).features


@pytest.fixture
def folder(features: Path, tmp_path: Path) -> RunFolder:
    """A run folder with features and nothing trained."""
    shutil.copytree(features, tmp_path / "run" / "features")
    return RunFolder(tmp_path / "run")


def job_with(ntuples: list[Path], **models: dict[str, Any]) -> api.Job:
    """A job with these models, the first being the baseline."""
    values = small_job(ntuples).model_dump(mode="json") | {
        "models": models,
        "baseline": next(iter(models)),
        "claims": {},
        "search": {},
    }
    return api.Job.model_validate(values)


#: What was trained undisturbed, by its settings.
_UNDISTURBED: dict[str, dict[str, str]] = {}


def undisturbed(job: api.Job, folder: RunFolder, model: str, workers: Workers) -> dict[str, str]:
    """Digests of what is trained when nothing happens, once for each setting; the folder is left as it was.

    One rank is trained in its worker, where it has the same bits, as a killed one in a process of its own shows.
    """
    settings = json.dumps(job.models[model].model_dump(mode="json"))
    if settings not in _UNDISTURBED:
        said = json.loads(settings)
        here = KindSpec.model_validate(said | ({} if said.get("workers", 1) > 1 else {"own_process": False}))
        train_with(job.model_copy(update={"models": {model: here}}), folder, workers)
        _UNDISTURBED[settings] = digests(folder, model)
        shutil.rmtree(folder.models)
    return _UNDISTURBED[settings]


@pytest.mark.parametrize(
    ("settings", "after"),
    [(NETWORK, [2, 5]), (NETWORK | {"workers": 2}, [2, 5])],
    ids=["one", "two"],
)
@pytest.mark.drill
def test_a_killed_rank_goes_on_and_ends_with_the_same_weights(
    settings: dict[str, Any], after: list[int], ntuples: list[Path], folder: RunFolder, workers: Workers
) -> None:
    """And is killed again once it has gone on; the drill: one of two."""
    job = job_with(ntuples, mdn=settings)
    expected = undisturbed(job, folder, "mdn", workers)
    with Striking(folder, "mdn", after, lambda: kill(rank_pids()[::-1])) as striking:
        train_with(job, folder, workers)
    assert len(set(striking.struck)) == len(after)
    assert digests(folder, "mdn") == expected
    assert len(read_history(folder.models / "mdn")) == 12


@pytest.mark.parametrize(
    "settings", [NETWORK, pytest.param(NETWORK | {"workers": 2}, marks=pytest.mark.drill)], ids=["one", "two"]
)
def test_a_killed_worker_is_replaced_and_the_weights_are_the_same(
    settings: dict[str, Any], ntuples: list[Path], folder: RunFolder, workers: Workers
) -> None:
    job = job_with(ntuples, mdn=settings)
    expected = undisturbed(job, folder, "mdn", workers)
    busy = at_work(workers.client)
    with Striking(folder, "mdn", [3], lambda: kill(busy())) as striking:
        train_with(job, folder, workers)
    assert striking.struck
    assert digests(folder, "mdn") == expected


def test_a_training_in_its_worker_is_that_of_a_process_of_its_own(
    ntuples: list[Path], folder: RunFolder, workers: Workers
) -> None:
    """Bit by bit, also where the worker is killed under it."""
    expected = undisturbed(job_with(ntuples, mdn=NETWORK), folder, "mdn", workers)
    busy = at_work(workers.client)
    with Striking(folder, "mdn", [3], lambda: None if rank_pids() else kill(busy())) as striking:
        train_with(job_with(ntuples, mdn=NETWORK | {"own_process": False}), folder, workers)
    assert striking.struck
    assert digests(folder, "mdn") == expected


def test_trees_go_on_after_their_worker_was_killed(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    job = job_with(ntuples, brt=TREES)
    train_with(job, folder, workers)
    undisturbed = Bundle.load(folder.models / "brt").provenance
    shutil.rmtree(folder.models)
    busy = at_work(workers.client)
    with Striking(folder, "brt", [90], lambda: kill(busy())) as striking:
        train_with(job, folder, workers)
    found = Bundle.load(folder.models / "brt").provenance
    assert striking.struck
    assert found["resumed"] >= 80
    assert [line["step"] for line in read_history(folder.models / "brt")] == list(range(1, 401))
    assert found["validation_loss"] == pytest.approx(undisturbed["validation_loss"], rel=0.03)


def test_a_killed_job_goes_on_when_it_is_run_again(
    ntuples: list[Path], folder: RunFolder, tmp_path: Path, workers: Workers
) -> None:
    """Its ranks end with it, and no epoch that was saved is done again."""
    job = job_with(ntuples, mdn=NETWORK)
    expected = undisturbed(job, folder, "mdn", workers)
    write_json(tmp_path / "job.json", job.model_dump(mode="json"))
    command = [sys.executable, "-m", "tests.faults.trainings", str(tmp_path / "job.json"), str(folder.path)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while steps(folder, "mdn") < 4:
        assert driver.poll() is None
        time.sleep(0.01)
    ranks = rank_pids(driver.pid)
    driver.kill()
    driver.wait()
    assert ranks
    end = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in ranks):
        assert time.monotonic() < end, "a rank goes on without its job"
        time.sleep(0.05)
    table = next(folder.models.glob(".mdn.*.work")) / "scratch" / "table" / "training.f32"
    saved = table.stat().st_mtime_ns
    reached = steps(folder, "mdn")
    with Striking(folder, "mdn", [reached + 1], lambda: table.stat().st_mtime_ns) as after:
        train_with(job, folder, workers)
    assert after.struck == [saved], "the rows were written again"
    assert digests(folder, "mdn") == expected
    assert not list(folder.models.glob(".*.work"))


@pytest.mark.drill
def test_two_workers_learn_as_well_as_one(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    quick = NETWORK | {"batch": 256, "epochs": 8, "sampler": {"kind": "shuffled"}, "rate": 0.005}
    train_with(job_with(ntuples, one=quick, two=quick | {"workers": 2}), folder, workers)
    one, two = (Bundle.load(folder.models / name).provenance for name in ("one", "two"))
    assert (one["ranks"], two["ranks"]) == (1, 2)
    assert two["validation_loss"] == pytest.approx(one["validation_loss"], abs=0.15)


def test_more_workers_than_there_are(
    ntuples: list[Path], folder: RunFolder, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineshape.engine.stages.training.trainer._WAIT", 1.0)
    with pytest.raises(RunError, match="workers: 3 were asked for to train together, and the cluster has 2"):
        train_with(job_with(ntuples, mdn=NETWORK | {"workers": 3}), folder, workers)


def test_a_training_that_always_dies_is_given_up(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    job = job_with(ntuples, mdn=NETWORK)
    with (
        Striking(folder, "mdn", [0] * 50, lambda: kill(rank_pids())),
        pytest.raises(RunError, match=r"mdn failed: it died 3 times after step 0, .*killed: rank 0 by signal 9"),
    ):
        train_with(job, folder, workers)


def test_workers_that_declare_gpus_start_a_rank_for_each(ntuples: list[Path], folder: RunFolder) -> None:
    """Here there are none, so the ranks fall back to the CPU; what is held is that they are asked for and started."""
    quick = NETWORK | {"batch": 512, "epochs": 2}
    job = job_with(ntuples, all=quick, cpu=quick | {"device": "cpu", "own_process": False})
    with Local(workers=1, gpus=2).open() as client:
        train_with(job, folder, Workers(lambda: client))
    found = {name: Bundle.load(folder.models / name).provenance["ranks"] for name in ("all", "cpu")}
    assert found == {"all": 2, "cpu": 1}


def test_trees_on_two_workers(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    """As good as on one worker, from every row, and labelled as not the same trees."""
    quick = TREES | {"rounds": 60, "rows": 1.0, "columns": 1.0, "weight": "ptCombined"}
    job = job_with(ntuples, one=quick, two=quick | {"workers": 2})
    trained = train_with(job, folder, workers)
    remark = "trained by 2 ranks: not the trees of one, and not always the same bits"
    of_two, of_one = trained.remarks["two"], trained.remarks.get("one", [])
    assert of_two[0] == remark
    # With 60 rounds on so few rows, and no early stopping, they learn by heart: nothing else is said of one worker's.
    assert all(said.startswith("its validation loss grew: ") for said in of_one)
    one, two = (Bundle.load(folder.models / name) for name in ("one", "two"))
    for rows in ("training_rows", "validation_rows"):
        assert one.provenance[rows] == two.provenance[rows]
    assert two.provenance["validation_loss"] == pytest.approx(one.provenance["validation_loss"], rel=0.02)
    assert len(read_history(two.folder)) == len(read_history(one.folder)) == 60
    table = read_columns(folder.features / FeatureStore.load(folder.features).shards[0].path, one.columns)
    assert two.predict(table).target == pytest.approx(one.predict(table).target, abs=0.15)


@pytest.mark.drill
def test_trees_on_two_workers_go_on_when_one_is_killed(
    ntuples: list[Path], folder: RunFolder, workers: Workers
) -> None:
    job = job_with(ntuples, brt=TREES | {"workers": 2})
    busy = at_work(workers.client)
    with Striking(folder, "brt", [60], lambda: kill(busy())) as striking:
        train_with(job, folder, workers)
    assert striking.struck
    found = Bundle.load(folder.models / "brt").provenance
    assert found["resumed"] >= 40
    assert found["ranks"] == 2
    assert [line["step"] for line in read_history(folder.models / "brt")] == list(range(1, 401))


def test_what_is_wrong_on_one_worker_ends_the_others(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    """The first says what is wrong with the data while the second waits for it: nobody waits for ever."""
    bad = NETWORK | {"workers": 2, "sampler": {"kind": "weighted", "column": "PFOEngRelDiff"}}
    with pytest.raises(RunError, match=r"training of mdn failed: column PFOEngRelDiff: a sampler's weights must be"):
        train_with(job_with(ntuples, mdn=bad), folder, workers)
    constant = NETWORK | {"own_process": False, "features": ["eta", "same"]}
    store = FeatureStore.load(folder.features)
    replace(store, columns=store.columns | {"same": store.columns["mu"]}).save()
    for shard in store.shards:
        path = folder.features / shard.path
        table = pq.read_table(path)
        pq.write_table(table.append_column("same", pa.array(np.ones(len(table), np.float32))), path)
    with pytest.raises(RunError, match=r"features that are the same in all .* training rows: same"):
        train_with(job_with(ntuples, mdn=constant), folder, workers)


@pytest.mark.drill
def test_a_start_that_is_not_the_current_one_ends(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    """As on a cluster that outlives its job: Dask stops no task that runs, so each part looks for itself."""
    job = job_with(ntuples, mdn=NETWORK | {"epochs": 60, "patience": 60})

    def take_over() -> int | None:
        ranks = rank_pids()
        place = next(folder.models.glob(".mdn.*.work")) / "scratch" / "attempt"
        place.write_text("another", encoding="utf-8")
        end = time.monotonic() + 10
        while any(psutil.pid_exists(pid) for pid in ranks) and time.monotonic() < end:
            time.sleep(0.05)
        return steps(folder, "mdn") if ranks and not any(psutil.pid_exists(pid) for pid in ranks) else None

    with Striking(folder, "mdn", [2], take_over) as striking:
        train_with(job, folder, workers)
    assert striking.struck, "it did not end"
    assert striking.struck[0] < 40
    assert len(read_history(folder.models / "mdn")) == 60


@pytest.mark.drill
def test_phases_on_two_workers(ntuples: list[Path], folder: RunFolder, workers: Workers) -> None:
    """A network and its adversary in two ranks: both learn, and the weights are the same each time."""
    against = {
        "kind": "adversarial",
        "features": "20",
        "network": {"kind": "dense", "layers": [32]},
        "loss": {"kind": "huber"},
        "column": "mu",
        "strength": 0.1,
        "epochs": 6,
        "batch": 256,
        "rate": 0.003,
        "workers": 2,
        "minimum_entries": 100,
    }
    job = job_with(ntuples, adversarial=against)
    first = undisturbed(job, folder, "adversarial", workers)
    train_with(job, folder, workers)
    assert digests(folder, "adversarial") == first
    bundle = Bundle.load(folder.models / "adversarial")
    lines = read_history(bundle.folder)
    assert bundle.provenance["ranks"] == 2
    assert len(lines) == 6
    assert {"validation loss", "validation adversary"} <= lines[-1].keys()
    assert lines[-1]["validation loss"] < lines[0]["validation"]
