"""Processing of the flat tau sample beside a loop written by hand and coffea's own runner, in one process tree.

    python -m tests.benchmarks.processing [taus, 1,000,000 by default]

Each round runs all three on the same file, one after the other, on one core; the columns that are written are compared.
Ratios are medians over the rounds, of CPU seconds.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from lineshape.engine.feature_store.shards import WRITING
from lineshape.engine.input.catalogue import FileRecord, FileRequest, chunks_of
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.processor import control_histograms, fingerprint
from lineshape.engine.input.sources import FileSource
from lineshape.engine.job.processor_builder import build_processor
from lineshape.engine.stages.processing.make_shards import ShardPlan
from lineshape.jobs import api
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale

TREE = "CollectionTree"
CHUNK = 100_000
ROUNDS = 5
_MOMENTA = ("ptIntermediateAxis", "ptIntermediateAxisEM", "ptTauEnergyScale", "ptPanTauCellBased", "ptCombined")


def by_hand(record: FileRecord, folder: Path) -> None:
    """uproot and NumPy: the same branches, cuts and control histograms, and Parquet as pyarrow writes it by default."""
    _by_hand(record, folder, {})


def with_our_settings(record: FileRecord, folder: Path) -> None:
    """The same, with Parquet as lineshape writes it."""
    _by_hand(record, folder, WRITING)


def _by_hand(record: FileRecord, folder: Path, writing: dict[str, Any]) -> None:
    branches = {column: branch for column, branch in record.branches.items() if branch}
    with uproot.open(record.path) as file:
        tree = file[TREE]
        for number, chunk in enumerate(chunks_of(record, CHUNK)):
            read = tree.arrays(list(branches.values()), entry_start=chunk.start, entry_stop=chunk.stop, how=dict)
            counts = ak.num(read[branches["eta"]])
            taus = {}
            for column, branch in branches.items():
                values = read[branch]
                taus[column] = ak.to_numpy(ak.flatten(values)) if values.ndim == 2 else np.repeat(values, counts)
            for name in (*_MOMENTA, "rho", "truthPtVis"):
                taus[name] = taus[name] * 0.001
            with np.errstate(divide="ignore", invalid="ignore"):
                taus["ptIntermediateAxisEM_over_LC"] = taus["ptIntermediateAxisEM"] / taus["ptIntermediateAxis"]
                for name in ("ptIntermediateAxis", "ptPanTauCellBased"):
                    taus[f"{name}_over_ptCombined"] = taus[name] / taus["ptCombined"]
                    taus[f"{name}_over_ptTauEnergyScale"] = taus[name] / taus["ptTauEnergyScale"]
            passed = (taus["nTracks"] >= 1) & (taus["nTracks"] <= 5) & (taus["truthPtVis"] > 0)
            for name in (
                "ptIntermediateAxisEM_over_LC",
                "ptPanTauCellBased_over_ptCombined",
                "ptIntermediateAxis_over_ptCombined",
            ):
                passed &= taus[name] < 25
            table = {"event": np.asarray(taus["event"])[passed].astype(np.uint64)}
            table |= {name: np.asarray(taus[name])[passed].astype(np.float32) for name in TauEnergyScale.outputs}
            control_histograms({name: ak.Array(values) for name, values in table.items()}, TauEnergyScale.outputs)
            pq.write_table(pa.table(table), folder / f"{number:04d}.parquet", **writing)


def lineshape(plan: ShardPlan, record: FileRecord, folder: Path) -> None:
    """What a worker does with a task; the plan is made once a run."""
    outcomes = replace(plan, folder=folder)(chunks_of(record, CHUNK))
    assert outcomes == [None] * len(outcomes), outcomes


def stock_runner(record: FileRecord, folder: Path) -> None:
    """coffea's Runner, one chunk after the other, with the processor on its own NanoEvents."""
    from coffea.processor import IterativeExecutor

    _run_stock(record, folder, IterativeExecutor(status=False))


def stock_dask(record: FileRecord, folder: Path) -> None:
    """coffea's Runner with its Dask executor, on one worker in this process, whose CPU seconds count."""
    from coffea.processor import DaskExecutor
    from distributed import Client, LocalCluster

    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        _run_stock(record, folder, DaskExecutor(client=client, status=False))


def _run_stock(record: FileRecord, folder: Path, executor: Any) -> None:
    """The stock runner writes the same columns."""
    from coffea.nanoevents import BaseSchema
    from coffea.processor import ProcessorABC, Runner

    column_of = {branch: column for column, branch in record.branches.items() if branch}

    class Columns(BaseSchema):  # type: ignore[misc]
        def __init__(self, base_form: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            kept = [
                (column_of[field], content)
                for field, content in zip(base_form["fields"], base_form["contents"], strict=True)
                if field in column_of
            ]
            names, contents = zip(*kept, strict=True)
            super().__init__(base_form | {"fields": list(names), "contents": list(contents)}, *args, **kwargs)

    class Writing(ProcessorABC):  # type: ignore[misc]
        def process(self, events: Any) -> dict[str, int]:
            columns = TauEnergyScale(TauCuts()).process(events).columns
            table = {
                name: ak.to_numpy(values).astype(np.uint64 if name == "event" else np.float32)
                for name, values in columns.items()
            }
            start = events.metadata["entrystart"]
            pq.write_table(pa.table(table), folder / f"{start:010d}.parquet", **WRITING)
            return {"rows": len(table["event"])}

        def postprocess(self, accumulator: Any) -> Any:
            return accumulator

    runner = Runner(executor, schema=Columns, chunksize=CHUNK)
    runner({"taus": {"files": {record.path: TREE}}}, Writing())


def written(folder: Path) -> dict[str, np.ndarray]:
    """All columns, in the order of events."""
    table = pa.concat_tables([pq.read_table(path) for path in folder.rglob("*.parquet")])
    arrays = {name: table.column(name).to_numpy() for name in table.column_names}
    order = np.lexsort([arrays["eta"], arrays["event"]])
    return {name: values[order] for name, values in arrays.items()}


def seconds(function: Callable[[FileRecord, Path], None], record: FileRecord, folder: Path) -> float:
    folder.mkdir()
    start = time.process_time()
    function(record, folder)
    return time.process_time() - start


def total_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def main(taus: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "taus.root"
        write_file(FileOrder(GammaTauTau(), taus, 2022, 0, TREE, path))
        inputs = {n: (d,) if isinstance(d, str) else d for n, d in TauEnergyScale.inputs.items()}
        record = inspect_file(FileRequest("taus", FileSource(str(path)), TREE, inputs))
        job = api.load("tau_energy_scale")
        processor, settings = build_processor(job)
        plan = ShardPlan(job.processor.kind, settings, fingerprint(processor, settings, "refuse"), Path(), "refuse")
        ways = {
            "by hand": by_hand,
            "the same with lineshape's Parquet settings": with_our_settings,
            "lineshape": partial(lineshape, plan),
            "coffea's runner": stock_runner,
            "the same on Dask": stock_dask,
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for round_ in range(ROUNDS + 1):
            for name, way in ways.items():
                taken = seconds(way, record, Path(place) / f"{name}_{round_}")
                if round_:  # the first round imports
                    times[name].append(taken)
        expected = written(Path(place) / "by hand_1")
        for name in ways:
            found = written(Path(place) / f"{name}_1")
            assert all(np.array_equal(found[column], expected[column]) for column in expected), name
        sizes = {name: total_size(Path(place) / f"{name}_1") for name in ways}
    print("| way | rows per CPU second | over the loop by hand | spread | MB of Parquet |\n|---|---|---|---|---|")
    for name, taken in times.items():
        ratios = [hand / own for hand, own in zip(times["by hand"], taken, strict=True)]
        print(
            f"| {name} | {taus / median(taken):,.0f} | {median(ratios):.2f} | {min(ratios):.2f}–{max(ratios):.2f} | "
            f"{sizes[name] / 1e6:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
