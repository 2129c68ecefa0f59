"""How fast a family of samples is generated, and generated and written, on one core.

python -m tests.benchmarks.simulation [family] [amount]

The family is γ*→ττ by default; the amount is of its own unit.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 - after the threads are pinned

from lineshape.engine.core.kinds import find  # noqa: E402
from lineshape.jobs.simulate.family import Family  # noqa: E402
from lineshape.jobs.simulate.writing import FileOrder, write_file  # noqa: E402


def rates(work: Callable[[], object], amount: int) -> list[float]:
    """Of five times, in units per second of processor time."""
    found = []
    for _ in range(5):
        start = time.process_time()
        work()
        found.append(amount / (time.process_time() - start))
    return found


def main(kind: str, amount: int) -> None:
    family, rng = find("lineshape.jobs.simulate.families", Family, kind)(), np.random.default_rng(1)
    family.generate(1000, rng)  # what is derived once a process
    with tempfile.TemporaryDirectory() as folder:
        order = FileOrder(family, amount, 1, 0, "CollectionTree", Path(folder) / "sample.root")
        ways = {
            "generated": lambda: family.generate(amount, rng),
            "generated and written": lambda: write_file(order),
        }
        for way, work in ways.items():
            found = rates(work, amount)
            median, load = float(np.median(found)), os.getloadavg()[0]
            print(
                f"{way}: {median:,.0f} {family.unit} per core-second, {60 * median:,.0f} per core-minute "
                f"(lowest {min(found):,.0f} a second, load average {load:.1f})"
            )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "gamma_tautau", int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
