"""What coffea's Runner and ours return of 12,000 entries when something goes wrong: a table for the docs.

    python -m tests.benchmarks.faults

Three files of 4,000 entries are read in chunks of 500. One chunk raises; or a file is cut short; or a worker is killed
once, by the system's SIGKILL; then the same is called again, with nothing wrong any more.
"""

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from coffea import processor
from coffea.nanoevents import BaseSchema
from distributed import Client, LocalCluster

from lineshape.engine.core.errors import IncompleteRunError
from lineshape.jobs import Runner
from tests.jobs.test_runner import Counts, write_flat

EXECUTORS = ("IterativeExecutor", "FuturesExecutor", "DaskExecutor")


def executor_of(name: str, client: Client) -> Any:
    if name == "DaskExecutor":
        return processor.DaskExecutor(client=client, status=False)
    others = {"workers": 2} if name == "FuturesExecutor" else {}
    return getattr(processor, name)(status=False, **others)


def told(call: Any) -> str:
    """Return what a call returns of the entries, or how it ends."""
    try:
        out = call()
    except IncompleteRunError as error:
        kept = error.partial_output["n"]  # type: ignore[attr-defined]
        return f"IncompleteRunError, names what is missing, keeps {kept:,}"
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return f"{type(error).__name__}, nothing kept"
    return f"{out['n']:,}" if out and "n" in out else "nothing"


def files_in(folder: Path, fault: str) -> dict[str, list[str]]:
    folder.mkdir(parents=True)
    for number in range(3):
        write_flat(folder / f"{number}.root", 4000 * number, 4000)
    if fault == "a file cut short":
        path = folder / "2.root"
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return {"one": [str(folder / f"{number}.root") for number in range(3)]}


def own_of(fault: str, folder: Path) -> Counts:
    if fault == "a chunk raises":
        return Counts(2300, "raise")
    return Counts(2300, "kill", str(folder / "killed")) if fault == "a worker is killed" else Counts()


def parts(folder: Path) -> int:
    return len([*folder.glob("parts/*/*.part")])


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        for number, fault in enumerate(("a chunk raises", "a file cut short", "a worker is killed")):
            for skip in (False, True):
                common: dict[str, Any] = {"chunksize": 500, "schema": BaseSchema, "skipbadfiles": skip}
                for executor in EXECUTORS:
                    folder = Path(name) / f"{number}{skip}{executor}"
                    fileset, own = files_in(folder, fault), own_of(fault, folder)
                    if executor == "IterativeExecutor" and fault == "a worker is killed":
                        continue  # it would be this process
                    with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
                        runner = processor.Runner(executor_of(executor, client), **common)
                        found = told(lambda runner=runner, f=fileset, o=own: runner(f, o, treename="Events"))
                    print(f"{fault} | skipbadfiles={skip} | coffea, {executor} | {found}", flush=True)
                folder = Path(name) / f"{number}{skip}ours"
                fileset, own = files_in(folder, fault), own_of(fault, folder)
                with LocalCluster(n_workers=2, threads_per_worker=1) as cluster, Client(cluster) as client:
                    ours = Runner(client, folder=folder / "run", **common)
                    found = told(lambda ours=ours, f=fileset, o=own: ours(f, o, treename="Events"))
                    before = parts(folder / "run")
                    again = ""
                    if fault == "a file cut short":
                        write_flat(folder / "2.root", 8000, 4000)
                        found_again = told(lambda ours=ours, f=fileset, o=own: ours(f, o, treename="Events"))
                        again = f"; mended: {found_again}, {parts(folder / 'run') - before} of 24 chunks made"
                print(f"{fault} | skipbadfiles={skip} | lineshape | {found}{again}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
