"""Hold lists of true muons before they are combined: hard leptons and jets; select from lists and join them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.true_muons import Ints, TrueMuons

NO_JET: Final = 0
LIGHT: Final = 1
CHARM: Final = 4
BOTTOM: Final = 5


@dataclass(frozen=True)
class HardLeptons:
    """n muons, and taus that decay to muons, of the hard process.

    event: number of each one's event, from 0 and never falling. momenta: (n, 4), GeV. tau: whether it is a tau.
    polarisation: mean helicity that a τ⁻ would have (a τ⁺ has its opposite). truth_origin: of muons, as ATLAS's truth
    classifier has it.
    """

    event: Ints
    momenta: Floats
    charge: Floats
    tau: NDArray[np.bool_]
    polarisation: Floats
    truth_origin: int


@dataclass(frozen=True)
class HardJets:
    """Jets (events, slots): pT of the partons in GeV, η, φ, and flavour.

    flavour: NO_JET in an empty slot, LIGHT, CHARM or BOTTOM.
    """

    pt: Floats
    eta: Floats
    phi: Floats
    flavour: Ints


@dataclass(frozen=True)
class HardProcess:
    """Events of a process.

    columns: further values of each event, by branch name.
    """

    leptons: HardLeptons
    jets: HardJets
    columns: dict[str, Floats]


@dataclass(frozen=True)
class JetMuons:
    """True muons of jets; their etcones hold what their own jet leaves there. slot: (n,), of that jet."""

    muons: TrueMuons
    slot: Ints


def take(muons: TrueMuons, rows: NDArray[Any]) -> TrueMuons:
    """Return the muons that a mask or their numbers select."""
    return TrueMuons(*(getattr(muons, field.name)[rows] for field in fields(TrueMuons)))


def joined(parts: Sequence[TrueMuons]) -> TrueMuons:
    """Join lists of muons in the order of their events; those of an event stay in the order of the lists."""
    together = TrueMuons(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(TrueMuons))
    )
    return take(together, np.argsort(together.event, kind="stable"))
