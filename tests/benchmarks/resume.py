"""What a rerun with nothing to do costs, and how much the client holds, with very many chunks.

    python -m tests.benchmarks.resume [chunks, 10,000 by default]

Then 100,000 empty tasks through the executor: milliseconds each, and the peak of the client's memory.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.workers import Workers
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from tests.conftest import TREE
from tests.measured import high_water

TASKS = 100_000


def rerun(chunks: int, folder: Path) -> None:
    """The command line, twice, on ten files."""
    for number in range(10):
        path = folder / f"taus_{number}.root"
        write_file(FileOrder(GammaTauTau(), int(1.35 * 2 * chunks / 10) + 10, 1, number, TREE, path))
    command = [
        sys.executable,
        "-m",
        "lineshape.jobs.cli.main",
        "process",
        "tau_energy_scale",
        "-o",
        str(folder / "run"),
    ]
    command += [f"--sample=ntuples={folder}/*.root", "--set=chunk_entries=2"]
    for name in ("made", "run again"):
        start = time.monotonic()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"{name} in {time.monotonic() - start:.1f} s: {done.stderr.strip().splitlines()[-1]}", flush=True)


def submit() -> None:
    """A bounded number in flight: the client's peak does not grow with the number of items."""
    with Local(workers=2).open() as client:
        workers = Workers(lambda: client)
        list(Executor(workers, abs).run(range(100)))
        before, start, most = high_water(), time.monotonic(), 0
        for _ in Executor(workers, abs).run(range(TASKS)):
            most = max(most, len(client.futures))
        each = 1e3 * (time.monotonic() - start) / TASKS
    print(
        f"{TASKS:,} tasks: {each:.1f} ms each, at most {most} in flight, "
        f"peak of the client {before / 2**20:.0f} → {high_water() / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        rerun(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, Path(place))
    submit()
