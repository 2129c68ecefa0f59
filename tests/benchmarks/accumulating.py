"""Coffea processors on two workers: speed beside coffea's executors, memory over many chunks, many datasets merged.

    python -m tests.benchmarks.accumulating [FOLDER of genuine files, ../shared/data/real by default]

Speed: chunks per CPU second of everything that is started (the scheduler, workers and this command) by coffea's Runner
with a DaskExecutor and by ours on the same two workers, one after the other, and by coffea's FuturesExecutor. Memory:
of the workers and of this command, at a tenth and at the end of 1,000 chunks. Merging: 200 datasets of 50 histograms
of 20 variations each.
"""

import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import psutil
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema, NanoAODSchema, PHYSLITESchema
from distributed import Client, LocalCluster

from lineshape.jobs import Runner
from tests.benchmarks.runner import Flat, Wide, flat_file

ROUNDS = 4
MIB = 1 << 20


class Varied(processor.ProcessorABC):
    """Fifty histograms, each of twenty variations, of a dataset of their own."""

    def process(self, events: Any) -> Any:
        names = [f"v{number}" for number in range(20)]
        x = ak.to_numpy(events.x0)
        shown = {}
        for number in range(50):
            found = hist.Hist.new.StrCat(names, name="variation").Reg(40, -4, 4, name="x").Weight()
            for shift, name in enumerate(names):
                found.fill(name, x + 0.01 * shift, weight=np.full(len(x), 1 + 0.1 * number))
            shown[f"h{number}"] = found
        return {events.metadata["dataset"]: shown}


def tree_of_processes() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def cpu_seconds() -> float:
    """Return the CPU time of this process, of all that live below it, and of those that ended."""
    total = 0.0
    for each in tree_of_processes():
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def spent(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the CPU and wall seconds that something takes, and its result."""
    cpu, wall = cpu_seconds(), time.monotonic()
    found = work()
    return cpu_seconds() - cpu, time.monotonic() - wall, found


@contextmanager
def watched(done: Callable[[], int]) -> Iterator[list[tuple[int, list[float]]]]:
    """Collect, twice a second, how much is done, and MiB of this process and the largest below it."""
    seen: list[tuple[int, list[float]]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            sizes = []
            for each in tree_of_processes():
                try:
                    sizes.append(each.memory_info().rss / MIB)
                except psutil.NoSuchProcess:
                    continue
            seen.append((done(), [sizes[0], max(sizes[1:], default=0.0)]))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def speed(real: Path, folder: Path, client: Client) -> None:
    """Measure both Runners on the same workers; a genuine file is in as many datasets as make enough chunks."""
    nano, physlite = real / "nano_tt_v12.root", real / "physlite_r23_ttbar.root"
    cases: dict[str, tuple[dict[str, list[str]], str, Any, Any, int]] = {
        "NanoAOD, 10 entries a chunk": ({f"d{n}": [str(nano)] for n in range(3)}, "Events", NanoAODSchema, Wide(), 10),
        "PHYSLITE, 5 entries a chunk": (
            {f"d{n}": [str(physlite)] for n in range(4)},
            "CollectionTree",
            PHYSLITESchema,
            Wide(),
            5,
        ),
        "flat, 50,000 entries a chunk": (
            {f"d{n}": [str(flat_file(folder, chunks=32))] for n in range(4)},
            "Events",
            BaseSchema,
            Flat(),
            50_000,
        ),
    }
    for case, (fileset, tree, schema, own, entries) in cases.items():
        common: dict[str, Any] = {"schema": schema, "chunksize": entries, "savemetrics": True}
        for name in ("DaskExecutor", "FuturesExecutor"):
            found = []
            for number in range(ROUNDS + 1):
                client.run(choose_zlib)
                choose_zlib()
                call = partial(theirs, name, client, common, fileset, own, tree)
                one, one_wall, (known, _) = spent(call)
                call = partial(ours, folder / case / f"{name}{number}", client, common, fileset, own, tree)
                other, other_wall, (value, metrics) = spent(call)
                assert value == known
                if number:  # the first warms both
                    found.append((one / other, one_wall / other_wall, metrics["chunks"] / other))
            ratio, wall, rate = (np.median(each) for each in zip(*found, strict=True))
            low, high = min(each[0] for each in found), max(each[0] for each in found)
            print(
                f"{case}, beside {name}: {rate:.1f} chunks a CPU second, {ratio:.2f} ({low:.2f}–{high:.2f}) times as "
                f"many; {wall:.2f} times as many a second",
                flush=True,
            )


def theirs(name: str, client: Client, common: dict[str, Any], fileset: Any, own: Any, tree: str) -> Any:
    executor = (
        processor.DaskExecutor(client=client, status=False)
        if name == "DaskExecutor"
        else processor.FuturesExecutor(workers=2, status=False)
    )
    return processor.Runner(executor, **common)(fileset, own, treename=tree)


def ours(folder: Path, client: Client, common: dict[str, Any], fileset: Any, own: Any, tree: str) -> Any:
    return Runner(client, folder=folder, **common)(fileset, own, treename=tree)


def choose_zlib() -> None:
    """Let uproot on a worker decompress as it does where nobody chooses."""
    uproot.compression._decompress_ZLIB.library = "zlib"


def memory(real: Path, folder: Path, client: Client) -> None:
    """Measure memory over 1,000 chunks of a genuine file."""
    fileset = {f"d{n}": [str(real / "nano_tt_v12.root")] for n in range(50)}
    place = folder / "memory"
    runner = Runner(client, schema=NanoAODSchema, chunksize=10, savemetrics=True, folder=place)
    with watched(lambda: len([*place.glob("parts/*/*.part")])) as seen:
        _, metrics = runner(fileset, Wide(), treename="Events")
    assert metrics["chunks"] >= 1000
    early = max((sizes for done, sizes in seen if done <= metrics["chunks"] / 10), key=lambda each: each[1])
    print(
        f"{metrics['chunks']:,} chunks: this command {early[0]:.0f} MiB at a tenth, {seen[-1][1][0]:.0f} MiB at the "
        f"end; the larger worker {early[1]:.0f} and {seen[-1][1][1]:.0f} MiB"
    )


def merging(folder: Path, client: Client) -> None:
    """Measure memory and time of adding up what many datasets return, three chunks each."""
    fileset, random = {}, np.random.default_rng(1)
    for number in range(200):
        path = folder / f"small{number}.root"
        with uproot.recreate(path) as file:
            file["Events"] = {"x0": random.normal(size=3000).astype(np.float32)}
        fileset[f"d{number}"] = [str(path)]
    runner = Runner(client, schema=BaseSchema, chunksize=1000, savemetrics=True, folder=folder / "merging")
    before = psutil.Process().memory_info().rss / MIB
    saved = folder / "merging" / "datasets"
    start = time.monotonic()
    with watched(lambda: len([*saved.glob("*.coffea")])) as seen:
        out, metrics = runner(fileset, Varied(), treename="Events")
    each = sum(histogram.view(flow=True).nbytes for histogram in out["d0"].values()) / MIB
    assert sum(histogram["v0", :].sum(flow=True).value for histogram in out["d7"].values()) > 0
    on_workers = max(sizes[0] for done, sizes in seen if done < len(fileset))
    print(
        f"200 datasets × 50 histograms × 20 variations, {metrics['chunks']} chunks, {time.monotonic() - start:.0f} s: "
        f"contents of one dataset are {each:.2f} MiB; this command grew by {on_workers - before:.0f} MiB while they "
        f"were added up and saved on workers (largest {max(sizes[1] for _, sizes in seen):.0f} MiB), and by "
        f"{max(sizes[0] for _, sizes in seen) - before:.0f} MiB with the whole, which it returns"
    )


def main(real: Path) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name, LocalCluster(n_workers=2, threads_per_worker=1) as cluster:
        folder = Path(name)
        with Client(cluster) as client:
            speed(real, folder, client)
            memory(real, folder, client)
            merging(folder, client)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/real"))
