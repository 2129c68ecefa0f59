"""Hold what families of bare decay topologies share: exact two-body kinematics of massless and invisible particles.

There is no detector and no background: these events serve to find which of their variables predict the masses. Source:
D. Kim, K. C. Kong, K. T. Matchev, M. Park and P. Shyamsundar, arXiv:2105.10126.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.jobs.simulate.family import Family, Sample
from lineshape.jobs.simulate.physics.kinematics import Floats, cylindrical, direction
from lineshape.jobs.simulate.physics.lepton_decays import two_bodies

MEV: Final = 1000.0
VISIBLE: Final = "TruthVisibleAuxDyn"
MISSING: Final = "MET_TruthAuxDyn"
MASSES: Final = "EventInfoAuxDyn"


@dataclass(frozen=True)
class Events:
    """N events: visible momenta (n, visible, 4), invisible momentum (n, 4), and the masses by name, GeV."""

    visible: Floats
    invisible: Floats
    masses: dict[str, Floats]


class DecayTopology(Family, ABC):
    """A topology whose masses are drawn anew for each event. Its amount is in events."""

    unit: ClassVar[str] = "events"

    parent_mass: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (100, 500)
    """Range of the uniform prior of m_A, GeV."""
    energy: Annotated[float, Field(gt=0)] = 1500
    """Highest energy of A, GeV; it is uniform from the mass up. At least the upper end of parent_mass."""

    @model_validator(mode="after")
    def _masses_fit_in(self) -> Self:
        for name in ("parent_mass", "invisible_share", "intermediate_share"):
            low, high = getattr(self, name, (0, 0))
            if low > high:
                raise ValueError(f"{name}: expected a range that rises, and it is {low:g} to {high:g}")
        if self.heaviest > self.energy:
            raise ValueError(
                f"energy: {self.energy:g} GeV do not suffice for the {self.heaviest:g} GeV that parent_mass goes up to"
            )
        return self

    @property
    def heaviest(self) -> float:
        """Mass of the heaviest system that the energy must suffice for, GeV."""
        return self.parent_mass[1]

    @abstractmethod
    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """Generate this many events."""

    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """Return events with visible particles, missing transverse momentum, and the masses; MeV and radians."""
        found = self.events(amount, rng)
        n, number = found.visible.shape[:2]
        pt, eta, phi = cylindrical(found.visible.reshape(-1, 4))
        columns = {"pt": pt * MEV, "eta": eta, "phi": phi, "m": np.zeros_like(pt)}
        missing = {f"{MISSING}.mp{axis}": found.invisible[:, i] * MEV for i, axis in enumerate("xy")}
        masses = {f"{MASSES}.{name}": values * MEV for name, values in found.masses.items()}
        return Sample(
            {name: _single(values) for name, values in (missing | masses).items()},
            {VISIBLE: {name: _single(values) for name, values in columns.items()}},
            {VISIBLE: np.full(n, number)},
        )

    def masses(self, amount: int, rng: np.random.Generator) -> Floats:
        """Draw masses of A, GeV."""
        return rng.uniform(*self.parent_mass, amount)


def _single(values: Floats) -> NDArray[np.float32]:
    return values.astype(np.float32)


def lighter(heavy: Floats, share: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Draw masses that are a uniform share of heavier ones."""
    return heavy * rng.uniform(*share, len(heavy))


def produced(mass: Floats, highest: float, rng: np.random.Generator, axis: Floats | None = None) -> Floats:
    """Draw (n, 4) momenta with a uniform energy from the mass up to the highest, along ±z or unit vectors (n, 3)."""
    energy = rng.uniform(mass, highest)
    momentum = np.sqrt(np.maximum(energy**2 - mass**2, 0))
    if axis is None:
        axis = np.zeros((len(mass), 3))
        axis[:, 2] = rng.choice([-1.0, 1.0], len(mass))
    return np.column_stack([momentum[:, np.newaxis] * axis, energy])


def isotropic(n: int, rng: np.random.Generator) -> Floats:
    """Draw isotropic unit vectors (n, 3)."""
    return direction(rng.uniform(-1, 1, n), rng.uniform(-np.pi, np.pi, n))


def decay(
    parent: Floats, mass: Floats, first: Floats | float, second: Floats | float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Decay parents (n, 4) of this mass isotropically at rest, and return both daughters, (n, 4) each.

    first, second: masses of the daughters.
    """
    one = two_bodies(parent, mass, first, second, rng)
    return one, parent - one
