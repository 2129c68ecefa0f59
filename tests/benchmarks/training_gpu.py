"""On a GPU: our loop against a hand-written loop of CUDA graphs, and the share of its time that goes to the data.

    python -m tests.benchmarks.training_gpu

The network, the loss and the batches are the same: rows resident on the device, `compile: graphs`. Without a GPU
the same is run on the CPU, without graphs, which shows that it runs and nothing else. Epochs after the first are timed,
in which everything is compiled; the time of an epoch of ours holds its validation, on a fiftieth of the rows.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from lineshape.engine.learning.blocks.batch import Batch
from lineshape.engine.learning.data.source import BatchSource, Layout
from lineshape.engine.learning.data.table import TrainingTable
from lineshape.engine.learning.fit.loop import Hooks, State, fit
from lineshape.engine.learning.fit.process_group import ProcessGroup
from lineshape.engine.learning.models.neural import Neural
from lineshape.engine.learning.roles.sampler import Sampler
from tests.benchmarks import ratios
from tests.benchmarks.training import FEATURES, NETWORK, make, work_of

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
ROWS = 8_000_000 if GPU else 100_000
BATCH = 8192 if GPU else 2048
EPOCHS = 3
ROUNDS = 5 if GPU else 2


class Repeated:
    """A source whose epochs are one batch again and again: what is left of the time when data cost none."""

    def __init__(self, source: BatchSource) -> None:
        self._source = source

    def sampled(self, sampler: Sampler, batch: int) -> "Repeated":
        self._epochs = self._source.sampled(sampler, batch)
        return self

    def prepare(self, random: np.random.Generator) -> int:
        return self._epochs.prepare(random)

    def batches(self, steps: int, random: np.random.Generator) -> Iterator[Batch]:
        one = next(iter(self._epochs.batches(steps, random)))
        for _ in range(steps):
            yield one


def step_of(module: nn.Module, loss: Callable[[dict[str, Tensor], Tensor], Tensor]) -> Callable[[Tensor, Tensor], None]:
    """A step as one writes it by hand; on a GPU it is captured once, and then replayed on copies of the rows."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=GPU, capturable=GPU)

    def step(x: Tensor, target: Tensor) -> None:
        optimiser.zero_grad(set_to_none=not GPU)
        loss(module(x), target).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0, foreach=True)
        optimiser.step()

    if not GPU:
        return step
    still_x, still_target = torch.zeros(BATCH, len(FEATURES), device=DEVICE), torch.ones(BATCH, device=DEVICE)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(still_x, still_target)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(still_x, still_target)

    def replay(x: Tensor, target: Tensor) -> None:
        still_x.copy_(x)
        still_target.copy_(target)
        graph.replay()

    return replay


def now() -> float:
    """Once the device has done what was asked of it."""
    if GPU:
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    if not GPU:
        print("no GPU: the same on the CPU, without graphs")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        settings: dict[str, Any] = NETWORK | {"batch": BATCH, "epochs": EPOCHS, "patience": 10}
        settings |= {"compile": "graphs" if GPU else "none"}
        data = make(folder / "store", ROWS, shards=16)
        model = Neural(**settings)
        model.prepare(work_of("neural", settings, data, folder))
        table = TrainingTable(folder / "scratch" / "table")
        rows, validation = table.rows("training"), table.rows("validation")
        layout = Layout.of(model.columns(FEATURES), 1.0, {})
        group = ProcessGroup(0, 1, DEVICE)
        sources = [BatchSource(part, layout, DEVICE, part.bytes) for part in (rows, validation)]
        x = torch.from_numpy(rows.flat[:, : len(FEATURES)].copy()).to(DEVICE)
        target = torch.from_numpy(rows.flat[:, -1].copy()).to(DEVICE)
        # Whole batches only: a graph has one shape.
        whole = len(x) // BATCH * BATCH

        def ours(training: BatchSource | Repeated) -> float:
            torch.compiler.reset()
            learner = model.learner(table, FEATURES).to(DEVICE)
            ends: list[float] = []
            hooks = Hooks(lambda _: ends.append(now()), lambda *_: None)
            source = cast("BatchSource", training)
            fit(
                learner,
                model.phases_of(),
                source,
                sources[1],
                model.fit_config(FEATURES, 1),
                group,
                State(),
                hooks,
            )
            return ends[-1] - ends[0]

        def by_hand() -> float:
            learner = model.learner(table, FEATURES).to(DEVICE)
            scale = torch.ones(1, device=DEVICE)
            step = step_of(learner.predicting, lambda outputs, t: model.built_loss(outputs, t, scale).mean())
            start = now()
            for _ in range(EPOCHS - 1):
                for some in torch.randperm(len(x), device=DEVICE)[:whole].split(BATCH):
                    step(x[some], target[some])
            return now() - start

        ways: dict[str, Callable[[], float]] = {
            "by hand": by_hand,
            "ours": lambda: ours(sources[0]),
            "ours, data for nothing": lambda: ours(Repeated(sources[0])),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                times[name].append(way())
        device = torch.cuda.get_device_name() if GPU else "CPU"
        rate = (EPOCHS - 1) * len(x) / min(times["by hand"])
        print(f"{device}, batches of {BATCH:,}: by hand {rate:,.0f} rows a second")
        print("ours over it:", ratios(times["by hand"], times["ours"]))
        waits = [1 - free / all_ for free, all_ in zip(times["ours, data for nothing"], times["ours"], strict=True)]
        print(f"share of the time that goes to the data: {np.median(waits):.3f} ({min(waits):.3f}–{max(waits):.3f})")


if __name__ == "__main__":
    main()
