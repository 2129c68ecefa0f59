"""How fast the γ*→ττ sample is generated, without writing: taus per core-second.

python -m tests.benchmarks.simulation [taus]
"""

import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 - after the threads are pinned

from lineshape.jobs.simulate.gamma_tautau import GammaTauTau  # noqa: E402


def main(taus: int) -> None:
    family, rng = GammaTauTau(), np.random.default_rng(1)
    family.generate(1000, rng)  # derives the calibration, once a process
    rates = []
    for _ in range(5):
        start = time.process_time()
        family.generate(taus, rng)
        rates.append(taus / (time.process_time() - start))
    load = os.getloadavg()[0]
    print(f"{np.median(rates):,.0f} taus per core-second (lowest {min(rates):,.0f}, load average {load:.1f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
