"""Simulate pairs of staus, each decaying to a tau and the lightest neutralino: a signal on a grid of masses."""

import numpy as np
from pydantic import Field, model_validator

from lineshape.jobs.simulate.muons.muon_detector import MEV
from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.hard_processes import boson_rapidity, burr, recoil_jets
from lineshape.jobs.simulate.physics.kinematics import Floats, massive
from lineshape.jobs.simulate.physics.lepton_decays import TAU_TO_MUON, two_bodies
from lineshape.jobs.simulate.physics.muon_candidates import HardLeptons, HardProcess
from lineshape.jobs.simulate.physics.tau_decays import TAU_MASS


class StauPairs(MuonFamily):
    """Pairs of staus on a grid of masses, every allowed pair of masses as often; at least one tau decays to a muon.

    The latter holds before a lepton_share below 1 removes muons.
    """

    stau_masses: tuple[float, ...] = (80, 120, 160, 200, 240, 280, 320, 360, 400, 440)
    """Masses of the stau, GeV."""
    neutralino_masses: tuple[float, ...] = (1, 40, 80, 120, 160, 200)
    """Masses of the lightest neutralino, GeV. Pairs of masses that allow no decay to a tau are left out."""
    polarisation: float = Field(default=0.0, ge=-1, le=1)
    """Mean helicity of the τ⁻, −1 to 1, which the mixing of stau and neutralino decides."""

    @model_validator(mode="after")
    def _some_decay(self) -> "StauPairs":
        if not len(self.grid()):
            raise ValueError("no stau is heavier than a neutralino and a tau: nothing decays")
        return self

    def grid(self) -> Floats:
        """Return the masses of stau and neutralino that a decay is allowed for, (points, 2)."""
        pairs = [(s, n) for s in self.stau_masses for n in self.neutralino_masses if s > n + TAU_MASS]
        return np.array(pairs, dtype=np.float64).reshape(-1, 2)

    def hard_process(self, events: int, rng: np.random.Generator) -> HardProcess:
        """Generate staus back to back at threshold-like pT, which grows with the mass."""
        grid = self.grid()
        mass, lsp = grid[rng.integers(len(grid), size=events)].T
        pt = burr(events, 1.0, 2.0, 2.2, rng) * mass
        phi, recoil_phi = rng.uniform(-np.pi, np.pi, (2, events))
        y, apart = boson_rapidity(events, 1.0, rng), rng.normal(0, 0.5, events)
        first = massive(pt, y + apart, phi, mass, rapidity=True)
        second = massive(pt, y - apart, phi + np.pi, mass, rapidity=True)
        staus = np.stack([first, second], axis=1).reshape(2 * events, 4)
        # Of pairs with one muon at least, so many have two.
        both = rng.random(events) < TAU_TO_MUON / (2 - TAU_TO_MUON)
        which = rng.integers(2, size=events)
        found = np.stack([both | (which == 0), both | (which == 1)], axis=1).ravel()
        found &= rng.random(2 * events) < self.lepton_share
        rows = np.flatnonzero(found)
        of = rows // 2
        taus = two_bodies(staus[rows], mass[of], TAU_MASS, lsp[of], rng)
        leptons = HardLeptons(
            of,
            taus,
            np.where(rows % 2 == 0, -1.0, 1.0),
            np.ones(len(rows), dtype=bool),
            np.full(len(rows), self.polarisation),
            9,
        )
        jets = recoil_jets(burr(events, 40.0, 1.1, 2.2, rng), y, recoil_phi, (0.02, 0.05), 3, rng)
        columns = {"EventInfoAuxDyn.stauMass": mass * MEV, "EventInfoAuxDyn.neutralinoMass": lsp * MEV}
        return HardProcess(leptons, jets, columns)
