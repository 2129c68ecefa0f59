"""Chunks of a coffea processor beside coffea's own Runner, in one process.

    python -m tests.benchmarks.runner [FOLDER of genuine files, ../shared/data/real by default]

Each round runs coffea's Runner (IterativeExecutor) and what a worker of this package does, one after the other, on the
same chunks of the same files, and compares the accumulators. Figures are chunks per CPU second, and the medians of the
rounds' ratios. Wide files are genuine ones with 200 and 50 events, so that what is fixed for a chunk is all there is; a
flat file has 400,000 entries of 10 branches.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import awkward as ak
import hist
import numpy as np
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema, NanoAODSchema, PHYSLITESchema

from lineshape.engine.accumulators.part import AccumulatorPart
from lineshape.engine.input.catalogue import FileRequest
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.sources import FileSource
from lineshape.engine.stages.accumulating.make_parts import AccumulatorMaker
from lineshape.engine.stages.accumulating.plan import DatasetFiles, identity_of, part_path
from lineshape.jobs.runner import plan_of

ROUNDS = 4


class Wide(processor.ProcessorABC):
    """A histogram of a wide file."""

    def process(self, events: Any) -> Any:
        electrons = events.Electron if "Electron" in events.fields else events.Electrons
        return hist.Hist.new.Reg(50, 0, 200, name="pt").Double().fill(ak.flatten(electrons.pt))


class Flat(processor.ProcessorABC):
    """Histograms of the ten columns of a flat file."""

    def process(self, events: Any) -> Any:
        return {
            name: hist.Hist.new.Reg(50, -4, 4, name="x").Double().fill(ak.to_numpy(events[name]))
            for name in events.fields
        }


def flat_file(folder: Path, chunks: int = 8) -> Path:
    """Write 50,000 entries of ten normal numbers for each of a number of chunks."""
    random, path = np.random.default_rng(1), folder / "flat.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {f"x{number}": np.float32 for number in range(10)})
        for _ in range(chunks):
            file["Events"].extend({f"x{n}": random.normal(size=50_000).astype(np.float32) for n in range(10)})
    return path


def coffeas(files: list[Path], tree: str, schema: Any, own: Any, entries: int) -> Any:
    uproot.compression._decompress_ZLIB.library = "zlib"  # what it is where nobody chooses
    runner = processor.Runner(processor.IterativeExecutor(status=False), schema=schema, chunksize=entries)
    return runner({"one": [str(path) for path in files]}, own, treename=tree)


def ours(files: list[Path], tree: str, schema: Any, own: Any, entries: int, folder: Path) -> tuple[int, Any]:
    """Return the number of chunks, and the sum of their parts."""
    plan = plan_of({"one": DatasetFiles({tree: list(map(str, files))})}, own, schema, chunk_entries=entries)
    total: AccumulatorPart | None = None
    number = 0
    for path in files:
        chunks = plan.chunks_of(inspect_file(FileRequest("one", FileSource(str(path)), tree, {})))
        failures = AccumulatorMaker(plan, folder)(chunks)
        assert failures == [None] * len(chunks), failures
        for chunk in chunks:
            part = AccumulatorPart.load(part_path(folder, identity_of(plan, chunk)), ())
            if total is None:
                total = part
            else:
                total.add(part)
            number += 1
    assert total is not None
    return number, total.value


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def main(real: Path) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases: dict[str, tuple[list[Path], str, Any, Any, int]] = {
            "NanoAOD, 10 entries a chunk": ([real / "nano_tt_v12.root"], "Events", NanoAODSchema, Wide(), 10),
            "PHYSLITE, 5 entries a chunk": (
                [real / "physlite_r23_ttbar.root"],
                "CollectionTree",
                PHYSLITESchema,
                Wide(),
                5,
            ),
            "flat, 50,000 entries a chunk": ([flat_file(folder)], "Events", BaseSchema, Flat(), 50_000),
        }
        for case, (files, tree, schema, own, entries) in cases.items():
            found = []
            for number in range(ROUNDS + 1):
                place = folder / case / str(number)
                one, known = seconds(partial(coffeas, files, tree, schema, own, entries))
                other, (chunks, value) = seconds(partial(ours, files, tree, schema, own, entries, place))
                assert value == known
                if number:  # the first warms both
                    found.append((chunks / one, chunks / other, one / other))
            theirs, own_rate, ratio = (median(each) for each in zip(*found, strict=True))
            spread = f"{min(each[2] for each in found):.2f}–{max(each[2] for each in found):.2f}"
            print(f"{case}: coffea {theirs:.1f}, lineshape {own_rate:.1f} chunks a CPU second: {ratio:.2f} ({spread})")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/real"))
