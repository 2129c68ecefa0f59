"""Simulate tt̄ → bb̄ + W W: muons, prompt and of taus, from the Ws, and muons of bottom, charm and light jets."""

from typing import ClassVar, Final

import numpy as np
from pydantic import Field, model_validator

from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.hard_processes import (
    SOFTEST_JET,
    W_MASS,
    W_WIDTH,
    breit_wigner,
    burr,
    flavours,
)
from lineshape.jobs.simulate.physics.kinematics import Floats, cylindrical, massive
from lineshape.jobs.simulate.physics.lepton_decays import TAU_TO_MUON
from lineshape.jobs.simulate.physics.muon_candidates import (
    BOTTOM,
    CHARM,
    LIGHT,
    NO_JET,
    HardJets,
    HardLeptons,
    HardProcess,
)
from lineshape.jobs.simulate.physics.weak_decays import weak_decay

TOP_MASS: Final = 172.5
BOTTOM_MASS: Final = 4.8
#: Shares of bottom and charm among the jets of initial-state radiation.
RADIATED: Final = (0.012, 0.03)


class TTbar(MuonFamily):
    """Top pairs, each top decaying to b W; the W's branching fractions are PDG 2024's.

    What is left of them goes to electrons.
    """

    w_to_muon: float = Field(default=0.1063, ge=0, le=1)
    """Branching fraction of W → μν (PDG 2024)."""
    w_to_tau: float = Field(default=0.1138, ge=0, le=1)
    """Branching fraction of W → τν (PDG 2024)."""
    w_to_quarks: float = Field(default=0.6741, ge=0, le=1)
    """Branching fraction of W to quarks (PDG 2024). What remains of 1 after all three goes to electrons."""

    activity: ClassVar[float] = 1.1

    @model_validator(mode="after")
    def _no_more_than_all(self) -> "TTbar":
        if (total := self.w_to_muon + self.w_to_tau + self.w_to_quarks) > 1:
            raise ValueError(f"branching fractions of the W add up to {total:g}, more than 1")
        return self

    def hard_process(self, events: int, rng: np.random.Generator) -> HardProcess:
        """Generate tops back to back but for radiation; arrays hold both tops of an event one after the other."""
        n = 2 * events
        top, charge, radiation = _tops(events, rng)
        decay = weak_decay(top, TOP_MASS, BOTTOM_MASS, breit_wigner(n, W_MASS, W_WIDTH, rng), True, rng)
        mode = rng.random(n)
        muonic = self.w_to_muon + self.w_to_tau * TAU_TO_MUON
        rows = np.flatnonzero((mode < muonic) & (rng.random(n) < self.lepton_share))
        leptons = HardLeptons(
            rows // 2, decay.lepton[rows], charge[rows], mode[rows] >= self.w_to_muon, np.full(len(rows), -1.0), 10
        )
        quarks = mode > 1 - self.w_to_quarks
        charm = rng.random(n) < 0.5
        kinds = (
            (decay.rest, np.full(n, BOTTOM)),
            (decay.lepton, np.where(quarks, LIGHT, NO_JET)),
            (decay.neutrino, np.where(quarks, np.where(charm, CHARM, LIGHT), NO_JET)),
        )
        columns: tuple[list[Floats], ...] = ([], [], [])
        for momenta, _ in kinds:
            for values, column in zip(cylindrical(momenta), columns, strict=True):
                column.append(values.reshape(events, 2))
        flavour = [kind.reshape(events, 2) for _, kind in kinds]
        jets = HardJets(
            *(np.hstack([*column, extra]) for column, extra in zip((*columns, flavour), radiation, strict=True))
        )
        return HardProcess(leptons, jets, {})


def _tops(events: int, rng: np.random.Generator) -> tuple[Floats, Floats, tuple[Floats, ...]]:
    """Draw momenta (2 · events, 4) and charges of tops; pT, η, φ and flavour (events, 1) of a jet they recoil from."""
    # Spectra were set by hand until the muons had Pythia 8.317's pT and η.
    pt = burr(events, 260.0, 1.75, 4.2, rng)
    jet_pt = burr(events, 55.0, 1.0, 2.2, rng)
    jet_phi, phi = rng.uniform(-np.pi, np.pi, (2, events))
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    kick_x, kick_y = jet_pt * np.cos(jet_phi) / 2, jet_pt * np.sin(jet_phi) / 2
    x, y = np.stack([px - kick_x, -px - kick_x], axis=1), np.stack([py - kick_y, -py - kick_y], axis=1)
    rapidity = rng.normal(0, 1.05, (events, 1)) + np.array([1, -1]) * rng.normal(0, 0.82, (events, 1))
    top = massive(np.hypot(x, y).ravel(), rapidity.ravel(), np.arctan2(y, x).ravel(), TOP_MASS, rapidity=True)
    charge = np.tile([1.0, -1.0], events)
    flavour = np.where(jet_pt > SOFTEST_JET, flavours((events,), RADIATED, rng), NO_JET)
    jet = (jet_pt, rng.normal(0, 1.6, events), jet_phi, flavour)
    return top, charge, tuple(values[:, np.newaxis] for values in jet)
