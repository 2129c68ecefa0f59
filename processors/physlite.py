"""Read what ATLAS's PHYSLITE and AOD files have in common for every study."""

import awkward as ak
import numpy as np
import vector

#: Value that ATLAS writes where one could not be computed.
SENTINEL = -1111.0
PRIMARY_VERTEX = 1
PILE_UP_VERTEX = 3

#: Numbers by which links name the container that they point into: the same in releases 21 to 23. 0 is no link.
COMBINED_MUON_TRACKS = 873304470
GSF_TRACKS = 776133387

TAUS = "AnalysisTauJetsAuxDyn."
AOD_TAUS = "TauJetsAuxDyn."
TRUTH = "TruthTausAuxDyn."
#: Release 21 keeps event information in a split object of the same name.
EVENT_INFO = ("EventInfoAuxDyn.", "EventInfoAux./EventInfoAux.")


def event_info(name: str) -> tuple[str, ...]:
    """Return where a quantity of EventInfo may be, by release."""
    return tuple(prefix + name for prefix in EVENT_INFO)


def matched(eta: ak.Array, phi: ak.Array, true_eta: ak.Array, true_phi: ak.Array, cone: float) -> ak.Array:
    """Return for each reconstructed object the index of the nearest true one within ΔR < cone, or None.

    All arrays are (events, var); an event may have no true objects.
    """
    reconstructed = vector.zip({"pt": ak.ones_like(eta), "eta": eta, "phi": phi, "mass": ak.zeros_like(eta)})
    true = vector.zip({"pt": ak.ones_like(true_eta), "eta": true_eta, "phi": true_phi, "mass": ak.zeros_like(true_eta)})
    pairs = ak.cartesian({"reconstructed": reconstructed, "true": true}, axis=1, nested=True)
    distance = pairs["reconstructed"].deltaR(pairs["true"])
    nearest = ak.argmin(distance, axis=-1)
    return ak.mask(nearest, ak.fill_none(ak.min(distance, axis=-1) < cone, value=False))


def linked(objects: ak.Array, key: ak.Array, index: ak.Array, container: int) -> ak.Array:
    """Return for each link the object it points to, or None where it points nowhere, elsewhere or past the end.

    objects: (events, var). key, index: (events, var), the two halves of an ElementLink; None is no link.
    """
    there = ak.fill_none((key == container) & (index < ak.num(objects)), value=False)
    return objects[ak.mask(ak.values_astype(index, np.int64), there)]


def primary_vertex(z: ak.Array, kind: ak.Array) -> ak.Array:
    """Return the z of each event's primary vertex, NaN where there is none; z and kind of vertices: (events, var)."""
    return ak.fill_none(ak.firsts(z[kind == PRIMARY_VERTEX]), np.nan)


def missing(values: np.ndarray) -> np.ndarray:
    """Return the values with NaN in the place of the sentinel."""
    values = values.astype(np.float64)
    return np.where(np.abs(values - SENTINEL) < 1, np.nan, values)
