"""Scores into a file beside a loop of uproot, NumPy and the models written by hand, in one process.

    python -m tests.benchmarks.applying [taus, 100,000 by default]

Each round runs both on the same file, one after the other, on one core, and both write a TTree with one value a tau,
which are compared. Models are those of the main study, trained on few taus, and trees of 20 rounds: the smaller a model
is, the more the rest counts. Ratios are medians over the rounds, of CPU seconds.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"  # before anything that reads it is imported

import awkward as ak
import numpy as np
import uproot

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.input.catalogue import FileRecord, FileRequest, chunks_of
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.sources import FileSource
from lineshape.engine.job.processor_builder import build_processor
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.stages.applying.join import Joiner
from lineshape.engine.stages.applying.make_parts import PartMaker
from lineshape.engine.stages.applying.plan import ApplyPlan, ScoreFile, Wanted
from lineshape.jobs import api
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale
from tests.benchmarks import ratios
from tests.conftest import TREE, small_job

CHUNK = 50_000
ROUNDS = 5
#: Boosted trees that take hardly any time.
FEW = {"kind": "boosted_trees", "features": "20", "rounds": 20, "minimum_entries": 100}
_MOMENTA = ("ptIntermediateAxis", "ptIntermediateAxisEM", "ptTauEnergyScale", "ptPanTauCellBased", "ptCombined")

Bundles = Mapping[str, Bundle]


def by_hand(bundles: Bundles, record: FileRecord, folder: Path) -> None:
    """The same branches, cuts, features and models, and the TTree as uproot writes it."""
    branches = {column: branch for column, branch in record.branches.items() if branch}
    with (
        uproot.open(record.path) as file,
        uproot.recreate(folder / "scores.root", compression=uproot.ZSTD(3)) as written,
    ):
        output = None
        for chunk in chunks_of(record, CHUNK):
            read = file[TREE].arrays(list(branches.values()), entry_start=chunk.start, entry_stop=chunk.stop, how=dict)
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
            passed = (taus["nTracks"] >= 1) & (taus["nTracks"] <= 5) & (taus["truthPtVis"] >= 10)
            for name in (
                "ptIntermediateAxisEM_over_LC",
                "ptPanTauCellBased_over_ptCombined",
                "ptIntermediateAxis_over_ptCombined",
            ):
                passed &= taus[name] < 25
            columns = dict.fromkeys(name for bundle in bundles.values() for name in bundle.columns)
            table = {name: np.asarray(taus[name])[passed].astype(np.float32) for name in columns}
            scores = {}
            for name, bundle in bundles.items():
                prediction = bundle.predict(table)
                scores[name] = prediction.estimate
                if prediction.spread is not None:
                    scores[f"{name}_sigma"] = prediction.spread * np.abs(prediction.estimate)
            lists = {}
            for name, values in scores.items():
                whole = np.full(len(passed), np.nan)
                whole[passed] = values
                lists[name] = ak.unflatten(whole, counts)
            objects = ak.zip(lists)
            if output is None:
                output = written.mktree(TREE, {"objects": ak.type(objects).content}, field_name=lambda _, inner: inner)
            output.extend({"objects": objects})


def lineshape(plan: Callable[[Path], ApplyPlan], record: FileRecord, folder: Path) -> None:
    """What workers do: the parts of chunks, and the file that they are joined to."""
    own = plan(folder)
    output, chunks = ScoreFile(record, "scores.root"), chunks_of(record, CHUNK)
    outcomes = PartMaker(own, {(record.sample, record.path): output.name})(chunks)
    assert outcomes == [None] * len(outcomes), outcomes
    assert Joiner(own, {output.name: [(chunk.start, chunk.stop) for chunk in chunks]})(output).written


def trained(place: Path) -> Path:
    """Folder of the models of a small run."""
    path = place / "training.root"
    write_file(FileOrder(GammaTauTau(), 20_000, 11, 1, TREE, path))
    rounds = api.load("tau_energy_scale").models["brt"].settings["rounds"]
    job = small_job([path], **{"models.brt.rounds": rounds, "models.few": FEW})
    with Local(workers=2).open() as client:
        api.process(job, place / "run", client)
        api.train(job, place / "run", client)
    return place / "run" / "models"


def plan_of(bundles: Bundles, folder: Path) -> ApplyPlan:
    job = api.load("tau_energy_scale")
    _, settings = build_processor(job)
    models = {name: bundle.folder for name, bundle in bundles.items()}
    recipe, wanted = "+".join(bundles), Wanted()
    return ApplyPlan(
        job.processor.kind, settings, "refuse", models, {}, recipe, wanted, folder / "parts", folder, "taus"
    )


def seconds(way: Callable[[FileRecord, Path], None], record: FileRecord, folder: Path) -> float:
    folder.mkdir(parents=True)
    start = time.process_time()
    way(record, folder)
    return time.process_time() - start


def compare(place: Path, record: FileRecord, bundles: Bundles, taus: int) -> None:
    ways = {"by hand": partial(by_hand, bundles), "lineshape": partial(lineshape, partial(plan_of, bundles))}
    times: dict[str, list[float]] = {name: [] for name in ways}
    name = "+".join(bundles)
    for round_ in range(ROUNDS + 1):
        for way, function in ways.items():
            taken = seconds(function, record, place / name / f"{way}_{round_}")
            if round_:  # the first round imports and loads
                times[way].append(taken)
    found = [uproot.open(place / name / f"{way}_1" / "scores.root")[TREE].arrays([*bundles]) for way in ways]
    assert ak.array_equal(*found, equal_nan=True)
    rates = " | ".join(f"{taus / median(times[way]):,.0f}" for way in ways)
    print(f"| {name.replace('+', ', ')} | {rates} | {ratios(times['lineshape'], times['by hand'])} |", flush=True)


def main(taus: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        models = trained(place)
        path = place / "taus.root"
        write_file(FileOrder(GammaTauTau(), taus, 2022, 0, TREE, path))
        inputs = {n: (d,) if isinstance(d, str) else d for n, d in TauEnergyScale(TauCuts()).inputs.items()}
        record = inspect_file(FileRequest("taus", FileSource(str(path)), TREE, inputs))
        print("| models | taus per CPU second by hand | lineshape | time over the loop by hand |\n|---|---|---|---|")
        chosen: Sequence[Sequence[str]] = (("few",), ("brt",), ("mdn",), ("brt", "dnn", "mdn"))
        for names in chosen:
            compare(place, record, {name: Bundle.load(models / name) for name in names}, taus)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
