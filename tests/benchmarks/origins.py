"""Two samples of muons in a run's feature store side by side: how many of each origin, and what their features are.

lineshape process tau_muons_pythia && python -m tests.benchmarks.origins runs/tau_muons_pythia pythia fast
"""

import sys
from pathlib import Path

import numpy as np

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore

FEATURES = ("pt", "absD0", "absDeltaZ0", "isolation", "rhoPrime", "relativePtError")
ORIGINS = ("prompt", "tau", "fake")


def main(folder: Path, *samples: str) -> None:
    store = FeatureStore.load(RunFolder(folder).features)
    muons = {}
    for sample in samples:
        tables = [table for _, table in store.read([*FEATURES, "origin"], samples={sample})]
        muons[sample] = {name: np.concatenate([table[name] for table in tables]) for name in [*FEATURES, "origin"]}
    print("sample | " + " | ".join(f"{name} of 1,000" for name in ORIGINS))
    for sample, table in muons.items():
        counts = [(table["origin"] == i).sum() for i in range(3)]
        shares = [f"{1000 * n / sum(counts):.0f} ± {1000 * np.sqrt(n) / sum(counts):.0f}" for n in counts]
        print(f"{sample} | {' | '.join(shares)}")
    print("\norigin | feature | " + " | ".join(f"{sample}: 16, 50, 84 %" for sample in samples))
    for i, origin in enumerate(ORIGINS):
        for name in FEATURES:
            cells = []
            for table in muons.values():
                low, middle, high = np.quantile(table[name][table["origin"] == i], [0.16, 0.5, 0.84])
                cells.append(f"{low:.3g}, {middle:.3g}, {high:.3g}")
            print(f"{origin} | {name} | {' | '.join(cells)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
