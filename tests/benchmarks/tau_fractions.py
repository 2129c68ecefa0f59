"""Share of its tau's momentum that a muon takes, and the |d0| that follows, by process and pT: why thresholds transfer.

python -m tests.benchmarks.tau_fractions

At a given pT of the muon a smaller share x means a faster tau, which flies further, while the muon's angle to it, which
its own momentum decides, stays the same: |d0| is about cτ/x times the transverse kick over the tau's mass.
"""

import sys
from itertools import pairwise
from typing import Final

import numpy as np

from lineshape.jobs.simulate.kinematics import cylindrical
from lineshape.jobs.simulate.muon_family import MuonFamily, muons_of_leptons
from lineshape.jobs.simulate.stau_pairs import StauPairs
from lineshape.jobs.simulate.ttbar import TTbar
from lineshape.jobs.simulate.w_lnu import WLnu
from lineshape.jobs.simulate.w_star import WStar
from lineshape.jobs.simulate.z_ll import ZLl

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
    """For each bin of the muon's pT: median share, and median true |d0| in µm; nothing of fewer than 100 muons."""
    rng = np.random.default_rng(1)
    leptons = family.hard_process(events, rng).leptons
    muons, taus = muons_of_leptons(leptons, rng), cylindrical(leptons.momenta)[0]
    cells = []
    for low, high in pairwise(EDGES):
        own = leptons.tau & (muons.pt >= low) & (muons.pt < high) & (np.abs(muons.eta) < 2.5)
        if own.sum() < 100:
            cells.append("–")
            continue
        share, d0 = np.median(muons.pt[own] / taus[own]), 1e3 * np.median(np.abs(muons.d0[own]))
        cells.append(f"{share:.2f}, {d0:.0f} µm")
    return cells


def main() -> None:
    """Print the table as Markdown."""
    heading = ["muon's pT [GeV]", *(f"{low}–{high}" for low, high in pairwise(EDGES))]
    rows = [heading, ["---"] * len(heading), *([name, *line(family)] for name, family in FAMILIES.items())]
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in rows))


if __name__ == "__main__":
    main()
