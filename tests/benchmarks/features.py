"""Means and standard deviations of the simulated features beside the real sample's: the README's table.

    python -m tests.benchmarks.features [feature store]

The feature store is that of a finished run, runs/tau_energy_scale/features by default.
"""

import sys
from pathlib import Path

import numpy as np

from lineshape.engine.feature_store.store import FeatureStore

#: Column of the feature store: mean and standard deviation of the real sample (mc20d γ*→ττ).
REAL = {
    "mu": (37.0, 13.0),
    "nVtxPU": (21.2, 7.4),
    "rho": (23.2, 10.4),
    "ClustersMeanCenterLambda": (565, 409),
    "ClustersMeanFirstEngDens": (-7.186, 0.504),
    "ClustersMeanSecondLambda": (8.19e4, 1.05e5),
    "ClustersMeanPresamplerFrac": (0.0372, 0.0482),
    "ClustersMeanEMProbability": (0.284, 0.263),
    "ptIntermediateAxisEM_over_LC": (0.732, 0.129),
    "ptCombined": (111.4, 300.5),
    "ptPanTauCellBased_over_ptCombined": (1.054, 0.722),
    "ptIntermediateAxis_over_ptCombined": (1.148, 0.488),
    "eta": (-0.0003, 1.351),
    "PFOEngRelDiff": (0.361, 0.661),
    "ptTauEnergyScale": (112.5, 300.4),
    "NNDecayModeProb_1p0n": (0.190, 0.305),
    "NNDecayModeProb_1p1n": (0.395, 0.339),
    "NNDecayModeProb_1pXn": (0.160, 0.238),
    "NNDecayModeProb_3p0n": (0.168, 0.314),
    "NNDecayModeProb_3pXn": (0.087, 0.211),
    "true/combined": (1.119, 1.282),
}


def main(folder: Path) -> None:
    names = [name for name in REAL if name != "true/combined"]
    parts = list(FeatureStore.load(folder).tables([*names, "truthPtVis"]))
    columns = {name: np.concatenate([part[name] for part in parts]).astype(float) for name in parts[0]}
    columns["true/combined"] = columns["truthPtVis"] / columns["ptCombined"]
    print("| feature | mean | real | off by | std | real | off by |\n|---|---|---|---|---|---|---|")
    for name, (mean, deviation) in REAL.items():
        values = columns[name]
        off_mean, off_std = (values.mean() - mean) / deviation, (values.std() - deviation) / deviation
        print(
            f"| {name} | {values.mean():.4g} | {mean:.4g} | {off_mean:+.0%} | "
            f"{values.std():.4g} | {deviation:.4g} | {off_std:+.0%} |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/tau_energy_scale/features"))
