"""Hold what families of simulated muons share: a hard process and jets give muons, which one detector sees."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

import numpy as np
from pydantic import Field

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.simulate.detector.impact_resolution import Tracking
from lineshape.jobs.simulate.family import Family, Sample
from lineshape.jobs.simulate.muons.heavy_flavour import heavy_flavour_muons
from lineshape.jobs.simulate.muons.isolation import surroundings
from lineshape.jobs.simulate.muons.light_hadrons import light_hadron_muons
from lineshape.jobs.simulate.muons.muon_detector import MUONS, TRACKS, observe
from lineshape.jobs.simulate.physics.kinematics import Floats, cylindrical
from lineshape.jobs.simulate.physics.lepton_decays import TAU_FLIGHT, flight, impact, muons_of_taus
from lineshape.jobs.simulate.physics.muon_ancestry import ISOLATED, TAU_ORIGIN
from lineshape.jobs.simulate.physics.muon_candidates import HardLeptons, HardProcess, joined, take
from lineshape.jobs.simulate.physics.tau_decays import TAU_MASS
from lineshape.jobs.simulate.physics.true_muons import PROMPT, TAU, Ints, TrueMuons

#: Share of the minimum pT above which true muons are reconstructed: resolutions are smaller than the margin.
MARGIN: Final = 0.6
#: Events per muon beyond which a sample is refused as too rare.
RAREST: Final = 100_000


class MuonFamily(Family):
    """Muons of a process with a true origin: prompt, of a tau, or of a jet. The amount is in reconstructed muons."""

    minimum_pt: float = Field(default=10.0, ge=3)
    """Lowest pT of reconstructed muons, GeV, at least 3."""
    mu_mean: float = Field(default=37.0, ge=1)
    """Mean of the number of interactions per crossing, a Gaussian clipped to 1–85."""
    mu_width: float = Field(default=13.0, ge=0)
    """Standard deviation of the number of interactions per crossing, before it is clipped; 0 = always the mean."""
    lepton_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the hard process's muons and taus that are simulated. A small one makes a sample of jets' muons where
    those are rare.
    """
    background_share: float = Field(default=1.0, ge=0, le=1)
    """Share of prompt and fake muons that are simulated. A small one makes a sample of taus' muons."""
    tracking: Tracking = "card"
    """Resolution of impact parameters: card = the published Delphes ATLAS card, genuine = tracks of genuine ATLAS
    simulation, which measure z0 worse.
    """

    unit: ClassVar[str] = "muons"
    #: Events at a time, and activity of the underlying event relative to that of W and Z events.
    batch: ClassVar[int] = 100_000
    activity: ClassVar[float] = 1.0

    @abstractmethod
    def hard_process(self, events: int, rng: np.random.Generator) -> HardProcess:
        """Generate events of the process: muons, taus that decay to muons, jets."""

    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """Generate events with this many reconstructed muons in all; MeV, mm, radians.

        Raises RequestError where muons are too rare.
        """
        parts: list[Sample] = []
        found = tried = 0
        events = min(self.batch, 2 * amount + 100)
        while found < amount:
            parts.append(self._reconstructed(events, rng))
            found, tried = found + len(parts[-1].objects[MUONS]["pt"]), tried + events
            if tried > RAREST * max(found, 100):
                raise RequestError(
                    f"{found} muons in {tried:,} events: lower minimum_pt, or raise lepton_share and background_share"
                )
            events = min(self.batch, int(1.1 * (amount - found) * tried / max(found, 1)) + 100)
        return _cut(parts, amount)

    def true_muons(self, events: int, rng: np.random.Generator) -> tuple[TrueMuons, dict[str, Floats]]:
        """Generate muons before the detector, above part of the minimum pT, and columns by event."""
        hard = self.hard_process(events, rng)
        heavy, light = heavy_flavour_muons(hard.jets, rng), light_hadron_muons(hard.jets, rng)
        parts = [(muons_of_leptons(hard.leptons, rng), None), (heavy.muons, heavy.slot), (light.muons, light.slot)]
        muons = []
        for part, slot in parts:
            own = np.full(len(part.event), -1) if slot is None else slot
            kept = (part.pt > MARGIN * self.minimum_pt) & (np.abs(part.eta) < 2.7)
            muons.append(self._surrounded(take(part, kept), own[kept], hard, rng))
        found = joined(muons)
        if self.background_share < 1:
            found = take(found, (found.origin == TAU) | (rng.random(len(found.origin)) < self.background_share))
        return found, hard.columns

    def _surrounded(self, muons: TrueMuons, own: Ints, hard: HardProcess, rng: np.random.Generator) -> TrueMuons:
        near, wide = surroundings(muons, hard.jets, own, self.activity, rng)
        return replace(muons, etcone20=muons.etcone20 + near, etcone30=muons.etcone30 + wide)

    def _reconstructed(self, events: int, rng: np.random.Generator) -> Sample:
        muons, columns = self.true_muons(events, rng)
        mu = rng.normal(self.mu_mean, self.mu_width, events).clip(1, 85)
        return observe(muons, columns, mu, rng, self.minimum_pt, self.tracking)


def muons_of_leptons(leptons: HardLeptons, rng: np.random.Generator) -> TrueMuons:
    """Return muons of the hard process and of its taus, with nothing in their cones yet."""
    momenta = leptons.momenta.copy()
    vertex = np.zeros((len(momenta), 3))
    rows = np.flatnonzero(leptons.tau)
    taus = leptons.momenta[rows]
    vertex[rows] = flight(taus, TAU_MASS, TAU_FLIGHT, rng)
    momenta[rows] = muons_of_taus(taus, leptons.polarisation[rows], rng)
    pt, eta, phi = cylindrical(momenta)
    d0, z0 = impact(vertex, eta, phi)
    nothing = np.zeros_like(pt)
    return TrueMuons(
        leptons.event,
        np.where(leptons.tau, TAU, PROMPT),
        np.full(len(pt), ISOLATED),
        np.where(leptons.tau, TAU_ORIGIN, leptons.truth_origin),
        pt,
        eta,
        phi,
        leptons.charge,
        d0,
        z0,
        pt,
        pt,
        nothing,
        nothing,
    )


def _cut(parts: Sequence[Sample], amount: int) -> Sample:
    """Concatenate samples up to this many muons; the last event may lose its last ones."""
    counts = np.concatenate([part.counts[MUONS] for part in parts])
    events = int(np.searchsorted(np.cumsum(counts), amount)) + 1
    flat = {name: np.concatenate([part.events[name] for part in parts])[:events] for name in parts[0].events}
    counts = counts[:events].copy()
    counts[-1] -= counts.sum() - amount
    lengths = {name: amount if name in {MUONS, TRACKS} else events for name in parts[0].objects}
    objects = {
        collection: {
            name: np.concatenate([part.objects[collection][name] for part in parts])[: lengths[collection]]
            for name in columns
        }
        for collection, columns in parts[0].objects.items()
    }
    one = np.ones(events, dtype=np.int64)
    return Sample(flat, objects, {name: counts if name in {MUONS, TRACKS} else one for name in objects})
