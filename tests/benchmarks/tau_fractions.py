"""Share of its tau's momentum that a muon takes, and the |d0| that follows, by process and pT: why thresholds transfer.

python -m tests.benchmarks.tau_fractions [muons.parquet, of Pythia 8]

At a given pT of the muon a smaller share x means a faster tau, which flies further, while the muon's angle to it, which
its own momentum decides, stays the same: |d0| is about cτ/x times the transverse kick over the tau's mass.
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import bootstrap

from lineshape.jobs.simulate.families.stau_pairs import StauPairs
from lineshape.jobs.simulate.families.ttbar import TTbar
from lineshape.jobs.simulate.families.w_lnu import WLnu
from lineshape.jobs.simulate.families.w_star import WStar
from lineshape.jobs.simulate.families.z_ll import ZLl
from lineshape.jobs.simulate.muons.muon_family import MuonFamily, muons_of_leptons
from lineshape.jobs.simulate.physics.kinematics import cylindrical

Floats = NDArray[np.float64]
EDGES: Final = (10, 20, 30, 40, 60, 100, 160, 300)
EVENTS: Final = 400_000
FAMILIES: Final[dict[str, MuonFamily]] = {
    "tt̄": TTbar(),
    "W": WLnu(),
    "Z": ZLl(),
    "W*": WStar(),
    "staus, all": StauPairs(),
    "staus, 80 to 40 GeV": StauPairs(stau_masses=(80,), neutralino_masses=(40,)),
    "staus, 440 to 1 GeV": StauPairs(stau_masses=(440,), neutralino_masses=(1,)),
}


def line(family: MuonFamily, events: int = EVENTS) -> list[str]:
    """Cells of a family's line."""
    rng = np.random.default_rng(1)
    leptons = family.hard_process(events, rng).leptons
    muons, taus = muons_of_leptons(leptons, rng), cylindrical(leptons.momenta)[0]
    own = leptons.tau & (np.abs(muons.eta) < 2.5)
    return cells(muons.pt[own], taus[own], muons.d0[own])


def pythia_line(path: Path, process: str) -> list[str]:
    """The same of Pythia's muons."""
    table = pq.read_table(path, filters=[("process", "=", process), ("origin", "=", "tau")]).to_pandas()
    own = table[np.abs(table["eta"]) < 2.5]
    return cells(*(own[name].to_numpy(np.float64) for name in ("pt", "mu_parent_pt", "d0")))


def cells(pt: Floats, tau_pt: Floats, d0: Floats) -> list[str]:
    """For each bin of the muon's pT: median share, and median true |d0| in µm; nothing of fewer than 50 muons."""
    found = []
    for low, high in pairwise(EDGES):
        own = (pt >= low) & (pt < high)
        if own.sum() < 50:
            found.append("–")
            continue
        middle = 1e3 * np.median(np.abs(d0[own]))
        error = 1e3 * bootstrap((np.abs(d0[own]),), np.median, n_resamples=100, rng=1, method="basic").standard_error
        found.append(f"{np.median(pt[own] / tau_pt[own]):.2f}, {middle:.1f} ± {error:.1f} µm")
    return found


def main(path: Path | None) -> None:
    """Print the table as Markdown."""
    heading = ["muon's pT [GeV]", *(f"{low}–{high}" for low, high in pairwise(EDGES))]
    rows = [heading, ["---"] * len(heading), *([name, *line(family)] for name, family in FAMILIES.items())]
    rows += (
        [[f"Pythia, {process}", *pythia_line(path, process)] for process in ("ttbar", "wlnu", "zll")] if path else []
    )
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
