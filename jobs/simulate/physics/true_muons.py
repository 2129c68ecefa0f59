"""Hold muons before the detector: the common output of every way to generate them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PROMPT: Final = 0
TAU: Final = 1
FAKE: Final = 2


@dataclass(frozen=True)
class TrueMuons:
    """n muons, one value each; GeV, mm, radians.

    event: number of each one's event, from 0 and never falling. origin: PROMPT, TAU or FAKE. truth_type, truth_origin:
    as ATLAS's truth classifier numbers them. pt, eta, phi, charge: at production. d0, z0: of the true track at its
    closest to the beam line, from the primary vertex. inner_pt, outer_pt: pT that curves the track in the inner
    detector and in the spectrometer; they differ where a hadron decays between the two, or reaches the spectrometer
    itself. etcone20, etcone30: transverse energy of visible particles within ΔR of 0.2 and 0.3, the muon left out and
    without pile-up.
    """

    event: Ints
    origin: Ints
    truth_type: Ints
    truth_origin: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    charge: Floats
    d0: Floats
    z0: Floats
    inner_pt: Floats
    outer_pt: Floats
    etcone20: Floats
    etcone30: Floats
