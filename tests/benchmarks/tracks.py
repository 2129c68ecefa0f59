"""What the fits of genuine tracks say of d0 and z0, by pT and |η|: the table of impact_resolution.py.

python -m tests.benchmarks.tracks DAOD_PHYSLITE.*.root
"""

import sys
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from tests.conftest import TREE

TRACKS = "InDetTrackParticlesAuxDyn."
PT = (1, 2, 4, 6, 10, 15, 30, 60, 200)
ETA = (0, 0.5, 1, 1.5, 2, 2.5)


def tracks_of(path: Path) -> np.ndarray:
    """(n, 4): pT in GeV, |η|, σ(d0) and σ(z0) in µm."""
    with uproot.open(path) as file:
        tree = file[TREE]
        diagonal = TRACKS + "definingParametersCovMatrixDiag"
        # Release 21 keeps the lower triangle: the variances of d0 and z0 are its elements 0 and 2.
        name, z0 = (diagonal, 1) if diagonal in tree.keys() else (TRACKS + "definingParametersCovMatrix", 2)  # noqa: SIM118
        variance = ak.to_numpy(ak.flatten(tree[name].array()))
        theta, curvature = (ak.to_numpy(ak.flatten(tree[TRACKS + each].array())) for each in ("theta", "qOverP"))
    pt, eta = np.sin(theta) / np.abs(curvature) / 1000, np.abs(np.log(np.tan(theta / 2)))
    return np.column_stack([pt, eta, 1000 * np.sqrt(variance[:, [0, z0]])])


def main(*paths: str) -> None:
    tracks = np.concatenate([tracks_of(Path(path)) for path in paths])
    tracks = tracks[tracks[:, 1] < ETA[-1]]
    print(f"{len(tracks):,} tracks; medians in µm, rows: |η| up to {ETA[1:]}, columns: pT above {PT[:-1]}")
    region, place = np.digitize(tracks[:, 1], ETA[1:-1]), np.digitize(tracks[:, 0], PT) - 1
    for column, name in ((2, "d0"), (3, "z0")):
        for i in range(len(ETA) - 1):
            cells = [tracks[(region == i) & (place == j), column] for j in range(len(PT) - 1)]
            print(name, " ".join(f"{np.median(cell):.1f}" if len(cell) else "–" for cell in cells))


if __name__ == "__main__":
    main(*sys.argv[1:])
