"""Generate muons with a true origin by Pythia 8 (the extra `pythia`), for the fast simulation's detector."""

from typing import ClassVar, Literal

import numpy as np

from lineshape.jobs.simulate.detector.impact_resolution import Tracking
from lineshape.jobs.simulate.family import Family, Sample
from lineshape.jobs.simulate.muons.in_flight import LAST_DECAY, comes_through, inner_track, is_found
from lineshape.jobs.simulate.physics.event_record import Record, cones
from lineshape.jobs.simulate.physics.kinematics import cylindrical
from lineshape.jobs.simulate.physics.muon_ancestry import ancestry, is_charged
from lineshape.jobs.simulate.physics.muon_candidates import joined, take
from lineshape.jobs.simulate.physics.pythia_generator import next_events, started
from lineshape.jobs.simulate.physics.true_muons import TrueMuons

#: Beside Pythia's defaults (Monash tune, multi-parton interactions on): hadrons that live long decay too, within a
#: cylinder.
COMMON = (
    "Print:quiet = on",
    "211:mayDecay = on",
    "321:mayDecay = on",
    "130:mayDecay = on",
    "ParticleDecays:limitCylinder = on",
    f"ParticleDecays:xyMax = {LAST_DECAY[0]}",
    f"ParticleDecays:zMax = {LAST_DECAY[1]}",
)
#: The hard process; masses in GeV, above which ATLAS too has its Z samples, and its lowest one of high-mass W.
HARD = {
    "ttbar": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
    "z_ll": ("WeakSingleBoson:ffbar2gmZ = on", "PhaseSpace:mHatMin = 40"),
    "w_lnu": ("WeakSingleBoson:ffbar2W = on",),
    "w_star": ("WeakSingleBoson:ffbar2W = on", "PhaseSpace:mHatMin = 120"),
}
#: Bosons to μ and τ alone, and what makes every tau decay to a muon.
LEPTONIC = ("24:onMode = off", "24:onIfAny = 13 15", "23:onMode = off", "23:onIfAny = 13 15")
TAU_ONLY = ("24:onMode = off", "24:onIfAny = 15")
FORCED = ("15:onMode = off", "15:onIfAny = 13")


class Pythia(Family):
    """Muons of proton–proton collisions by Pythia 8; the amount is in generated events, with or without a muon.

    Pile-up: mu is a clipped Gaussian.
    """

    process: Literal["ttbar", "z_ll", "w_lnu", "w_star"]
    """Hard process: ttbar, z_ll (γ*/Z above 40 GeV), w_lnu, or w_star (W* → τν above 120 GeV)."""
    energy: float = 13_000.0
    """Centre-of-mass energy of the collision, GeV."""
    leptonic: bool | None = None
    """Whether W and Z decay to μ and τ alone. null = yes, except in ttbar. In w_star W decays to τ alone anyway."""
    forced: bool = False
    """Whether every tau decays to a muon."""
    commands: tuple[str, ...] = ()
    """Further settings of Pythia, one string each. They come last and override all others."""
    minimum_pt: float = 3.0
    """True pT above which muons go through the detector, GeV."""
    maximum_eta: float = 2.7
    """True |η| below which muons go through the detector."""
    mu_mean: float = 37.0
    """Mean of the number of interactions per crossing, a Gaussian clipped to 1–85."""
    mu_width: float = 13.0
    """Standard deviation of the number of interactions per crossing, before it is clipped."""
    tracking: Tracking = "card"
    """Resolution of impact parameters: card = the published Delphes ATLAS card, genuine = tracks of genuine ATLAS
    simulation, which measure z0 worse.
    """

    unit: ClassVar[str] = "events"

    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """Return this many generated events as the detector sees them, without those that have no muon.

        Momenta are in MeV, lengths in mm, angles in radians.
        """
        from lineshape.jobs.simulate.muons.muon_detector import observe

        muons, events = self.true_muons(amount, rng)
        mu = rng.normal(self.mu_mean, self.mu_width, events).clip(1, 85)
        return observe(muons, {}, mu, rng, tracking=self.tracking)

    def true_muons(self, events: int, rng: np.random.Generator) -> tuple[TrueMuons, int]:
        """Generate events, and return their muons and the number of events.

        Raises RequestError where Pythia is not installed or refuses a setting.
        """
        seed = int(rng.integers(1, 900_000_001))
        told = ", ".join([f"process {self.process}", f"energy {self.energy:g}", *self.commands])
        generator = started("pythia", self.settings_of_pythia(seed), told)
        parts: list[TrueMuons] = []
        done = 0
        while done < events:
            record = next_events(generator, events - done, f"process {self.process} at {self.energy:g} GeV")
            parts.append(self._muons(record, done, rng))
            done += len(record.starts) - 1
        return joined(parts), done

    def settings_of_pythia(self, seed: int) -> tuple[str, ...]:
        """Return all settings of Pythia, in order; a later line overrides an earlier one."""
        leptonic = self.process != "ttbar" if self.leptonic is None else self.leptonic
        return (
            *COMMON,
            f"Beams:eCM = {self.energy}",
            "Random:setSeed = on",
            f"Random:seed = {seed}",
            *HARD[self.process],
            *(LEPTONIC if leptonic else ()),
            *(TAU_ONLY if self.process == "w_star" else ()),
            *(FORCED if self.forced else ()),
            *self.commands,
        )

    def _muons(self, record: Record, first_event: int, rng: np.random.Generator) -> TrueMuons:
        """Return the selected muons of a record, as the detector takes them."""
        pt, eta, phi = cylindrical(record.momenta)
        chosen = record.final & (np.abs(record.ids) == 13) & (pt > self.minimum_pt) & (np.abs(eta) < self.maximum_eta)
        muons = np.flatnonzero(chosen)
        origins = ancestry(record.ids, record.mother, muons)
        # A muon from no hadron stands for its own hadron; `charged` is False for it.
        hadrons = np.where(origins.hadron >= 0, origins.hadron, muons)
        charged = (origins.hadron >= 0) & is_charged(record.ids[hadrons])
        decay = record.vertices[muons]
        begin = np.where(charged[:, np.newaxis], record.vertices[hadrons], decay)
        track = inner_track(record.momenta[muons, :3], record.momenta[hadrons, :3], decay, begin, charged)
        sums = cones(record, muons, (0.2, 0.3))
        found = TrueMuons(
            event=first_event + record.event[muons],
            origin=origins.origin,
            truth_type=origins.truth_type,
            truth_origin=origins.truth_origin,
            pt=pt[muons],
            eta=eta[muons],
            phi=phi[muons],
            charge=-np.sign(record.ids[muons]).astype(np.float64),
            d0=track.d0,
            z0=track.z0,
            inner_pt=track.pt,
            outer_pt=pt[muons],
            etcone20=sums[0],
            etcone30=sums[1],
        )
        return take(found, is_found(track, begin) & comes_through(decay, rng))
