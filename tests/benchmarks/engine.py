"""What the engine costs beside the processor: per chunk, per worker, and on files of 900 branches and more.

    python -m tests.benchmarks.engine

Alternatives take turns in one process tree; ratios are medians over the rounds, with their spread.
"""

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.shards import WRITING
from lineshape.engine.input.catalogue import Chunk, FileRecord, FileRequest, chunks_of
from lineshape.engine.input.events import EventReader
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.processor import fingerprint
from lineshape.engine.input.root_files import open_file
from lineshape.engine.input.sources import FileSource
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.input.tasks import tasks_of
from lineshape.engine.job.processor_builder import build_processor
from lineshape.engine.stages.processing.make_shards import ShardPlan
from lineshape.jobs import api
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from lineshape.processors.tau_energy_scale_physlite import Matching, TauEnergyScalePhyslite
from tests.benchmarks import ratios

TREE = "CollectionTree"
REAL = Path(__file__).parents[3] / "shared" / "data" / "real" / "physlite_r23_ttbar.root"
ROUNDS = 5
GROUP = 20  # chunks between which two alternatives take turns, where the neighbours' load changes by the second


def look(path: Path, study: str) -> tuple[FileRecord, ShardPlan]:
    """A file's record, and the plan of a study with no folder yet."""
    job = api.load(study)
    processor, settings = build_processor(job)
    inputs = {name: (d,) if isinstance(d, str) else d for name, d in processor.inputs.items()}
    record = inspect_file(FileRequest("sample", FileSource(str(path)), TREE, inputs))
    mark = fingerprint(processor, settings, "refuse")
    return record, ShardPlan(job.processor.kind, settings, mark, Path(), "refuse")


def in_folder(plan: ShardPlan, folder: Path) -> ShardPlan:
    shutil.rmtree(folder, ignore_errors=True)
    return ShardPlan(plan.kind, plan.settings, plan.fingerprint, folder, plan.nonfinite)


def on_workers(plan: ShardPlan, chunks: list[Chunk], workers: Workers) -> None:
    for _, outcome in Executor(workers, plan).run(tasks_of(chunks, workers.number)):
        assert outcome == [None] * len(outcome), outcome  # type: ignore[arg-type]


def bare(plan: ShardPlan, chunks: list[Chunk], folder: Path) -> None:
    """The processor's own work: its columns as NanoEvents, `process`, and what it returns as Parquet."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    processor = PROCESSORS.find(plan.kind)(plan.settings)
    record = chunks[0].file
    with open_file(record.path) as file:
        reader = EventReader(file, record)
        for number, chunk in enumerate(chunks):
            columns = processor.process(reader.events(chunk)).columns
            table = {name: ak.to_numpy(values).astype(np.float32) for name, values in columns.items()}
            pq.write_table(pa.table(table), folder / f"{number}.parquet", **WRITING)


def wall(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def overhead(folder: Path) -> None:
    """CPU milliseconds a chunk beyond the processor's own work, in a worker and for its share of a Dask task.

    Both take turns, group by group: the median of the differences stands the bursts of other users of the machine.
    """
    path = folder / "small.root"
    write_file(FileOrder(GammaTauTau(), 40_000, 1, 0, TREE, path))
    record, plan = look(path, "tau_energy_scale")
    chunks = chunks_of(record, 100)
    groups = [chunks[first : first + GROUP] for first in range(0, len(chunks), GROUP)]
    found, alone = [], []
    for number in range(ROUNDS + 1):
        for group in groups:
            whole = cpu(lambda g=group: in_folder(plan, folder / "whole")(g))  # type: ignore[misc]
            own = cpu(lambda g=group: bare(plan, g, folder / "bare"))  # type: ignore[misc]
            if number:
                found.append(1e3 * (whole - own) / GROUP)
                alone.append(1e3 * own / GROUP)
    low, middle, high = quantiles(found)
    with Local(workers=1).open() as client:
        workers = Workers(lambda: client)
        list(Executor(workers, abs).run(range(100)))
        dispatch = 1e3 * wall(lambda: list(Executor(workers, abs).run(range(1000)))) / 1000
    share = dispatch / (len(chunks) / len(tasks_of(chunks, 1)))
    print(
        f"overhead of a chunk: {middle:.1f} ms (half of the groups: {low:.1f}–{high:.1f}) in the worker, and "
        f"{share:.2f} ms of a task's {dispatch:.1f} ms; the processor's own: {median(alone):.1f} ms"
    )


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def scaling(folder: Path) -> None:
    """Two workers over one, beside a control that only computes."""
    path = folder / "large.root"
    write_file(FileOrder(GammaTauTau(), 2_000_000, 1, 0, TREE, path))
    record, plan = look(path, "tau_energy_scale")
    chunks = chunks_of(record, 10_000)
    with Local(workers=1).open() as one, Local(workers=2).open() as two:
        groups = {"one": Workers(lambda: one), "two": Workers(lambda: two)}
        times: dict[str, list[float]] = {name: [] for name in groups}
        control: dict[str, list[float]] = {name: [] for name in groups}
        for number in range(ROUNDS + 1):
            for name, workers in groups.items():
                taken = wall(lambda w=workers: on_workers(in_folder(plan, folder / "scaling"), chunks, w))  # type: ignore[misc]
                burnt = wall(lambda w=workers: list(Executor(w, _burn).run(range(12))))  # type: ignore[misc]
                if number:
                    times[name].append(taken)
                    control[name].append(burnt)
    print("two workers over one:", ratios(times["one"], times["two"]))
    print("the same of a task that only computes:", ratios(control["one"], control["two"]))
    ideal = [alone / (one / two) for alone, one, two in zip(times["one"], control["one"], control["two"], strict=True)]
    print("of what that control makes possible:", ratios(ideal, times["two"]))
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def _burn(_: int) -> int:
    total = 0
    for number in range(4_000_000):
        total += number
    return total


def stock_runner(record: FileRecord, size: int) -> None:
    """coffea's Runner, the same processor and its own look at the file."""
    from coffea.nanoevents import BaseSchema
    from coffea.processor import IterativeExecutor, ProcessorABC, Runner

    column_of = {branch: column for column, branch in record.branches.items() if branch}

    class Columns(BaseSchema):  # type: ignore[misc]
        def __init__(self, base_form: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
            pairs = zip(base_form["fields"], base_form["contents"], strict=True)
            kept = {column_of[field]: content for field, content in pairs if field in column_of}
            form = {**base_form, "fields": list(kept), "contents": list(kept.values())}
            super().__init__(form, *args, **kwargs)

    class Counting(ProcessorABC):  # type: ignore[misc]
        def process(self, events: Any) -> dict[str, int]:
            return {"rows": len(TauEnergyScalePhyslite(Matching()).process(events).columns["event"])}

        def postprocess(self, accumulator: Any) -> Any:
            return accumulator

    runner = Runner(IterativeExecutor(status=False), schema=Columns, chunksize=size)
    with warnings.catch_warnings(action="ignore"):  # it names every branch that it cannot read
        runner({"sample": {"files": {record.path: TREE}}}, Counting())


def wide(folder: Path) -> None:
    """Chunks per second of a genuine PHYSLITE file, over those of the stock runner."""
    if not REAL.is_file():
        print(f"a wide file: left out, as there is no {REAL}")
        return
    record, plan = look(REAL, "tau_energy_scale_physlite")
    size = 5
    chunks = chunks_of(record, size)
    times: dict[str, list[float]] = {"lineshape": [], "stock": []}
    for number in range(3):
        ours = wall(lambda: in_folder(plan, folder / "wide")(chunks))
        stock = wall(lambda: stock_runner(record, size))
        if number:
            times["lineshape"].append(ours)
            times["stock"].append(stock)
    rate = len(chunks) / median(times["lineshape"])
    print(
        f"{REAL.name}: {rate:.1f} chunks a second, over the stock runner:", ratios(times["stock"], times["lineshape"])
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        overhead(folder)
        scaling(folder)
        wide(folder)


if __name__ == "__main__":
    main()
