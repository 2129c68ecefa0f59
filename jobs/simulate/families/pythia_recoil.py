"""Generate W → μν and Z → μμ by Pythia 8 (the extra `pythia`), for the same detector as the fast simulation's."""

from collections.abc import Iterator
from typing import ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from lineshape.engine.core.errors import RunError
from lineshape.jobs.simulate.detector import clustered_jets
from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.detector.particle_flow_jets import Jets
from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.pythia_generator import BATCH, next_events, started
from lineshape.jobs.simulate.recoil import boson_record
from lineshape.jobs.simulate.recoil.boson_record import BosonEvents
from lineshape.jobs.simulate.recoil.particle_flow_family import BLOCK, Bosons, Drawn, ParticleFlowFamily, are_found

KIND: Final = "pythia_recoil"
#: Beside Pythia's defaults (Monash tune, multi-parton interactions on): what flies 10 mm or more on average does not
#: decay, so that K⁰S and Λ are the calorimeter's, and every track is one of the vertex.
COMMON: Final = ("Print:quiet = on", "ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10")
#: The boson, alone or beside a parton of its own, and its decay; the mass of γ*/Z in GeV.
MASSES: Final = ("PhaseSpace:mHatMin = 60", "PhaseSpace:mHatMax = 120")
ALONE: Final = {
    "w_mu_nu": ("WeakSingleBoson:ffbar2W = on",),
    "z_mu_mu": ("WeakSingleBoson:ffbar2gmZ = on", *MASSES),
}
BESIDE: Final = {
    "w_mu_nu": ("WeakBosonAndParton:qqbar2Wg = on", "WeakBosonAndParton:qg2Wq = on"),
    "z_mu_mu": ("WeakBosonAndParton:qqbar2gmZg = on", "WeakBosonAndParton:qg2gmZq = on"),
}
DECAY: Final = {
    "w_mu_nu": ("24:onMode = off", "24:onIfAny = 13"),
    "z_mu_mu": ("23:onMode = off", "23:onIfAny = 13", "23:mMin = 60", "23:mMax = 120"),
}
BOSON: Final = {"w_mu_nu": boson_record.W, "z_mu_mu": boson_record.Z}
#: Events without any muon in acceptance after which the run fails: three or four of ten should have theirs.
PATIENCE: Final = 10_000


class PythiaRecoil(ParticleFlowFamily):
    """W or γ*/Z (60 to 120 GeV) of proton–proton collisions with their muons in acceptance; pile-up is parametrised."""

    process: Literal["w_mu_nu", "z_mu_mu"]
    """Boson and its decay: w_mu_nu or z_mu_mu."""
    energy: float = 13_000.0
    """Centre-of-mass energy of the collision, GeV."""
    minimum_pt_hat: float = Field(default=0.0, ge=0)
    """Lowest pT of boson and parton in the hard process, GeV; 0 = the boson is made alone. Above 0 the boson is made
    beside a parton: high pT goes into a sample of its own, as events have no weights.
    """
    commands: tuple[str, ...] = ()
    """Further settings of Pythia, one string each. They come last and override all others."""

    #: Takes Pythia half a minute.
    at_once: ClassVar[int] = 2_000

    def blocks(self, amount: int, rng: np.random.Generator) -> Iterator[tuple[Bosons, Drawn]]:
        """Generate events.

        Raises RequestError where Pythia or FastJet is not installed, RunError where no event is accepted.
        """
        clustered_jets.fastjet(KIND)
        told = ", ".join([f"process {self.process}", f"energy {self.energy:g}", *self.commands])
        generator = started(KIND, self.settings_of_pythia(int(rng.integers(1, 900_000_001))), told)
        tried = kept = 0
        while kept < amount:
            parts: list[BosonEvents] = []
            missing = min(BLOCK, amount - kept)
            while missing > 0:
                record = next_events(generator, BATCH, f"process {self.process} at {self.energy:g} GeV")
                events = boson_record.of_record(record, BOSON[self.process])
                found = are_found(events.bosons.muons, self.minimum_muon_pt, rng)
                # Events of the last batch beyond the amount are dropped.
                found &= np.cumsum(found) <= missing
                parts.append(events.take(found))
                tried += len(record.starts) - 1
                kept += parts[-1].length
                missing -= parts[-1].length
                if not kept and tried >= PATIENCE:
                    raise RunError(f"Pythia generates no muons in acceptance in {tried:,} events: {told}")
            block = boson_record.joined_events(parts)
            yield block.bosons, block.beside

    def jets(self, charged: Tracks, neutral: Clusters, mu: Floats) -> Jets:
        """Return anti-kt jets."""
        return clustered_jets.jets(charged, neutral, mu, KIND)

    def settings_of_pythia(self, seed: int) -> tuple[str, ...]:
        """Return all settings of Pythia, in order; a later line overrides an earlier one."""
        beside = (*BESIDE[self.process], f"PhaseSpace:pTHatMin = {self.minimum_pt_hat}")
        return (
            *COMMON,
            f"Beams:eCM = {self.energy}",
            "Random:setSeed = on",
            f"Random:seed = {seed}",
            *(beside if self.minimum_pt_hat else ALONE[self.process]),
            *DECAY[self.process],
            *self.commands,
        )
