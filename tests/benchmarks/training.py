"""What the training stage costs beside bare torch and bare XGBoost on the same rows.

    python -m tests.benchmarks.training

Alternatives take turns in one process tree; ratios are medians over the rounds, with their spread.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import xgboost
from torch import Tensor, nn

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.split import Split, Target
from lineshape.engine.learning.data.source import BatchSource, Layout
from lineshape.engine.learning.data.table import TrainingTable
from lineshape.engine.learning.fit.loop import Hooks, State, fit
from lineshape.engine.learning.fit.process_group import ProcessGroup
from lineshape.engine.learning.launch.launch import launch
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.models.neural import Neural
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.training_task import TrainingTask
from tests.benchmarks import ratios
from tests.engine.learning.stores import make_store

FEATURES = tuple(f"x{number}" for number in range(20))
ROWS = 300_000
#: The talk's sample.
LARGE = 12_600_000
ROUNDS = 4
BATCH = 2048
NETWORK = {
    "network": {"kind": "mixture_density"},
    "loss": {"kind": "negative_log_likelihood"},
    "batch": BATCH,
    "epochs": 1,
    "schedule": "constant",
}
TREES: dict[str, Any] = {"depth": 6, "rounds": 200, "early_stopping": 200, "rows": 0.8, "columns": 0.5}


def make(folder: Path, rows: int, shards: int = 8) -> Dataset:
    """Twenty features, of which the target is a function with noise; nearly all rows are of training."""
    random = np.random.default_rng(1)
    columns = {name: random.normal(size=rows).astype(np.float32) for name in FEATURES}
    truth = 1 + 0.1 * np.tanh(columns["x0"] * columns["x1"]) + 0.05 * random.normal(size=rows)
    make_store(folder, columns | {"truth": truth}, shards=shards)
    return Dataset(folder, FEATURES, Target(truth="truth"), Split(test=0.02, validation=0.02))


def work_of(kind: str, settings: dict[str, Any], data: Dataset, folder: Path, **changes: Any) -> TrainingTask:
    """A training of its own folder."""
    return TrainingTask(
        "model", KindSpec(kind=kind, **settings), data, 1, folder / "bundle", folder / "scratch", **changes
    )


def wall(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def bare(module: nn.Module, loss: Callable[[dict[str, Tensor], Tensor], Tensor], x: Tensor, target: Tensor) -> None:
    """The loop that one writes by hand: an epoch over tensors in memory."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)
    module.train()
    for rows in torch.randperm(len(x)).tensor_split(round(len(x) / BATCH)):
        optimiser.zero_grad()
        loss(module(x[rows]), target[rows]).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()


def network(data: Dataset, folder: Path) -> None:
    """Rows a second of our loop over those of the bare one, rows resident and streamed through a tenth."""
    torch.set_num_threads(1)
    model = Neural(**NETWORK)
    model.prepare(work_of("neural", NETWORK, data, folder))
    table = TrainingTable(folder / "scratch" / "table")
    rows, validation = table.rows("training"), table.rows("validation")
    layout = Layout.of(model.columns(FEATURES), 1.0, {})
    x, target = torch.from_numpy(rows.flat[:, :20].copy()), torch.from_numpy(rows.flat[:, -1].copy())
    group = ProcessGroup(0, 1, torch.device("cpu"))
    small = BatchSource(validation, layout, group.device, validation.bytes)

    def ours(share: float) -> None:
        learner = model.learner(table, FEATURES)
        source = BatchSource(rows, layout, group.device, share * rows.bytes)
        hooks = Hooks(lambda _: None, lambda *_: None)
        fit(learner, model.phases_of(), source, small, model.fit_config(FEATURES, 1), group, State(), hooks)

    def by_hand() -> None:
        learner = model.learner(table, FEATURES)
        scale = torch.ones(1)
        bare(learner.predicting, lambda outputs, t: model.built_loss(outputs, t, scale).mean(), x, target)

    ways: dict[str, Callable[[], None]] = {
        "by hand": by_hand,
        "resident": lambda: ours(1.0),
        "streamed through a tenth": lambda: ours(0.1),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            taken = wall(way)
            if number:
                times[name].append(taken)
    print(f"a bare loop, one thread, batches of {BATCH:,}: {len(x) / median(times['by hand']):,.0f} rows a second")
    for name in ("resident", "streamed through a tenth"):
        print(f"ours over it, {name}:", ratios(times["by hand"], times[name]))


def together(data: Dataset, folder: Path, batch: int) -> None:
    """Two ranks over one, of one thread each: seconds of three epochs, the start and the first epoch taken away."""
    os.environ["OMP_NUM_THREADS"] = "1"
    times: dict[int, list[float]] = {1: [], 2: []}
    control: dict[int, list[float]] = {1: [], 2: []}
    for number in range(ROUNDS):
        for ranks, seconds in times.items():
            taken = {}
            for epochs in (1, 4):
                settings = NETWORK | {"epochs": epochs, "patience": 10, "batch": batch}
                place = folder / f"{batch}.{number}.{ranks}.{epochs}"
                work = work_of("neural", settings, data, place, ranks=ranks)
                (place / "bundle").mkdir(parents=True)
                Neural(**settings).prepare(work)
                taken[epochs] = wall(lambda w=work: launch(w, lambda *_: None))  # type: ignore[misc]
            seconds.append(taken[4] - taken[1])
            control[ranks].append(wall(lambda n=ranks: _burn(n)) / ranks)  # type: ignore[misc]
    print(f"two ranks over one, batches of {batch:,}:", ratios(times[1], times[2]))
    print("the same of processes that only compute:", ratios(control[1], control[2]))


def _burn(processes: int) -> None:
    """As many processes at once, each of the same work."""
    code = "sum(number for number in range(60_000_000))"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    for each in running:
        each.wait()


def trees(data: Dataset, folder: Path) -> None:
    """Wall time over that of bare XGBoost on a matrix in memory; the same trees."""
    model = BoostedTrees(**TREES)
    parts = list(data.parts("training")), list(data.parts("validation"))
    (x, t), (validation_x, validation_t) = (
        (np.concatenate([p[0] for p in part]), np.concatenate([p[1] for p in part])) for part in parts
    )
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    made: dict[str, bytearray] = {}
    kept: list[int] = []

    def by_hand() -> None:
        training = xgboost.QuantileDMatrix(x, t, max_bin=256)
        validation = xgboost.QuantileDMatrix(validation_x, validation_t, ref=training, max_bin=256)
        evals = [(training, "training"), (validation, "validation")]
        parameters = model.parameters(1, t, "cpu")
        booster = xgboost.train(parameters, training, TREES["rounds"], evals=evals, verbose_eval=False)
        booster.feature_names = list(FEATURES)
        made["bare"] = booster.save_raw("ubj")

    def ours(number: int) -> None:
        work = work_of("boosted_trees", TREES, data, folder / str(number))
        facts = model.train(work, lambda *_: None)
        kept.append(int(str(facts["rounds"])))
        made["ours"] = xgboost.Booster(model_file=work.folder / "trees.ubj").save_raw("ubj")

    for number in range(ROUNDS + 1):
        taken = wall(lambda n=number: ours(n)), wall(by_hand)  # type: ignore[misc]
        if number:
            times["ours"].append(taken[0])
            times["bare"].append(taken[1])
    print("boosted trees, our wall time over bare XGBoost's:", ratios(times["ours"], times["bare"]))
    dumps = {name: xgboost.Booster(model_file=bytearray(raw)).get_dump() for name, raw in made.items()}
    print("the same trees bit for bit:", dumps["ours"] == dumps["bare"][: kept[-1]])


def peaks(folder: Path) -> None:
    """Peak memory of a training in a fresh process beyond its imports: fed shard by shard, and from a DMatrix."""
    found = {}
    for way in ("dmatrix", "memory", "disk"):
        command = [sys.executable, "-m", "tests.benchmarks.training", way, str(folder)]
        found[way] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"peak memory of trees on {LARGE:,} rows as a DMatrix: {found['dmatrix']:.0f} MiB")
    for way, text in (("memory", "quantised in memory"), ("disk", "quantised on disk (memory: 0.01)")):
        print(f"ours, {text}: {found[way]:.0f} MiB, ratio {found[way] / found['dmatrix']:.2f}")


def peak(way: str, folder: Path) -> None:
    """In a fresh process: MiB of a training of three rounds beyond what the imports take."""
    data = Dataset(folder, FEATURES, Target(truth="truth"), Split(test=0.02, validation=0.02))
    before = _high_water()
    few = BoostedTrees(**TREES | {"rounds": 3, "memory": 0.01 if way == "disk" else 8.0})
    if way != "dmatrix":
        few.train(work_of("boosted_trees", TREES, data, folder / way), lambda *_: None)
    else:
        matrices, targets = [], []
        for split in ("training", "validation"):
            parts = list(data.parts(split))
            targets.append(np.concatenate([p[1] for p in parts]))
            matrices.append(xgboost.DMatrix(np.concatenate([p[0] for p in parts]), targets[-1]))
        evals = list(zip(matrices, ("training", "validation"), strict=True))
        xgboost.train(few.parameters(1, targets[0], "cpu"), matrices[0], 3, evals=evals, verbose_eval=False)
    print(_high_water() - before)


def _high_water() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = make(folder / "store", ROWS)
        network(data, folder / "network")
        for batch in (BATCH, 4 * BATCH):
            together(data, folder / "together", batch)
        trees(data, folder / "trees")
        make(folder / "large", LARGE, shards=126)
        peaks(folder / "large")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        peak(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
