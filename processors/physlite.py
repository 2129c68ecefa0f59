"""What ATLAS's PHYSLITE and AOD files have in common for every study that reads them."""

import awkward as ak
import numpy as np
import vector

#: What ATLAS writes where a value could not be computed.
SENTINEL = -1111.0
PILE_UP_VERTEX = 3

TAUS = "AnalysisTauJetsAuxDyn."
AOD_TAUS = "TauJetsAuxDyn."
TRUTH = "TruthTausAuxDyn."
#: Release 21 keeps event information in a split object of the same name.
EVENT_INFO = ("EventInfoAuxDyn.", "EventInfoAux./EventInfoAux.")


def event_info(name: str) -> tuple[str, ...]:
    """Where a quantity of EventInfo may be, by release."""
    return tuple(prefix + name for prefix in EVENT_INFO)


def matched(eta: ak.Array, phi: ak.Array, true_eta: ak.Array, true_phi: ak.Array, cone: float) -> ak.Array:
    """For each reconstructed object the index of the nearest true one within ΔR < cone, or None.

    All arrays are (events, var); true objects may be none in an event.
    """
    reconstructed = vector.zip({"pt": ak.ones_like(eta), "eta": eta, "phi": phi, "mass": ak.zeros_like(eta)})
    true = vector.zip({"pt": ak.ones_like(true_eta), "eta": true_eta, "phi": true_phi, "mass": ak.zeros_like(true_eta)})
    pairs = ak.cartesian({"reconstructed": reconstructed, "true": true}, axis=1, nested=True)
    distance = pairs["reconstructed"].deltaR(pairs["true"])
    nearest = ak.argmin(distance, axis=-1)
    return ak.mask(nearest, ak.fill_none(ak.min(distance, axis=-1) < cone, value=False))


def missing(values: np.ndarray) -> np.ndarray:
    """Values with NaN in the place of the sentinel."""
    values = values.astype(np.float64)
    return np.where(np.abs(values - SENTINEL) < 1, np.nan, values)
