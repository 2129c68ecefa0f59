"""Select taus with their tracks and clusters one by one, beside the inputs of the main study of the tau energy scale.

Source: "Tau Energy Scale Calibration at ATLAS using Machine Learning" (M. Cochran-Branson, 2022), whose outlook is to
train on tracker and calorimeter directly.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.input.events import per_object_lists
from lineshape.engine.input.study import Selection, Study
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_TAU, _TRACK, _CLUSTER = "TauJetsAuxDyn.", "TauTracksAuxDyn.", "TauClustersAuxDyn."

_TRACKS = {"trackPt": "pt", "trackEta": "eta", "trackPhi": "phi"}
_CLUSTERS = {
    "clusterPt": "pt",
    "clusterPtEM": "ptEM",
    "clusterEta": "eta",
    "clusterPhi": "phi",
    "clusterEMFraction": "ENG_FRAC_EM",
    "clusterCenterLambda": "CENTER_LAMBDA",
    "clusterSecondLambda": "SECOND_LAMBDA",
    "clusterFirstEngDens": "FIRST_ENG_DENS",
    "clusterPresamplerFrac": "PRESAMPLER_FRAC",
    "clusterEMProbability": "EM_PROBABILITY",
}


class TauEnergyScaleConstituents(Study):
    """Taus of the main study, and lists of their tracks and clusters.

    In the file, the tracks of an event are those of its first tau, of its second, …; nTracks counts them, and nClusters
    the clusters.
    """

    Settings: ClassVar[type[TauCuts]] = TauCuts
    settings: TauCuts

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        **TauEnergyScale.inputs,
        "phi": _TAU + "phi",
        "nClusters": _TAU + "nClusters",
        **{column: _TRACK + branch for column, branch in _TRACKS.items()},
        **{column: _CLUSTER + branch for column, branch in _CLUSTERS.items()},
    }

    outputs: ClassVar[Mapping[str, Column]] = {
        **TauEnergyScale.outputs,
        "trackPt": Column(r"Track $p_T$", "GeV", 0, 150),
        "trackPt_over_ptCombined": Column(r"Track $p_T/p_T^{comb}$", "", 0, 2),
        "trackEta": Column(r"Track $\eta-\eta_{\tau}$", "", -0.2, 0.2),
        "trackPhi": Column(r"Track $\phi-\phi_{\tau}$", "", -0.2, 0.2),
        "clusterPt": Column(r"Cluster $p_T$", "GeV", 0, 150),
        "clusterPt_over_ptCombined": Column(r"Cluster $p_T/p_T^{comb}$", "", 0, 2),
        "clusterPtEM_over_LC": Column(r"Cluster $p_T^{EM}/p_T^{LC}$", "", 0.2, 1.4),
        "clusterEta": Column(r"Cluster $\eta-\eta_{\tau}$", "", -0.25, 0.25),
        "clusterPhi": Column(r"Cluster $\phi-\phi_{\tau}$", "", -0.25, 0.25),
        "clusterEMFraction": Column("Cluster fraction in the EM calorimeter", "", 0, 1),
        "clusterCenterLambda": Column(r"Cluster centre $\lambda$", "mm", 0, 3000),
        "clusterSecondLambda": Column(r"Cluster $\langle\lambda^2\rangle$", "mm²", 0, 6e5),
        "clusterFirstEngDens": Column(r"Cluster density $\log_{10}(\rho/E)$", "", -9.5, -5.5),
        "clusterPresamplerFrac": Column("Cluster presampler fraction", "", 0, 0.4),
        "clusterEMProbability": Column("Cluster EM probability", "", 0, 1),
    }

    def select(self, events: "NanoEvents") -> Selection:
        """Select taus as the main study does; flat columns, one value a tau, and lists with one value an object."""
        study = TauEnergyScale(self.settings)
        taus, passed, cut_flow = study.candidates(
            events[[name for name in events.fields if name in [*study.inputs, "phi"]]]
        )
        lists = self._relative(per_object_lists(events, list(_TRACKS), "nTracks"), "track", taus)
        lists |= self._relative(per_object_lists(events, list(_CLUSTERS), "nClusters"), "cluster", taus)
        columns = {name: ak.Array(taus[name][passed]) for name in ("event", *study.outputs)}
        columns |= {name: lists[name][passed].to_awkward() for name in self.outputs if name in lists}
        return columns, cut_flow

    def _relative(self, lists: dict[str, Jagged], kind: str, taus: Mapping[str, NDArray[Any]]) -> dict[str, Jagged]:
        """Return momenta in GeV and over the tau's, and angles from the tau's axis; other columns stay as they are."""
        offsets = lists[f"{kind}Pt"].offsets
        values = {name: each.content for name, each in lists.items()}

        def of_tau(name: str) -> NDArray[Any]:
            return np.repeat(taus[name], np.diff(offsets))

        if "clusterPtEM" in values:
            values["clusterPtEM_over_LC"] = values["clusterPtEM"] / values["clusterPt"]
        values[f"{kind}Pt"] = values[f"{kind}Pt"] * self.settings.unit
        values[f"{kind}Pt_over_ptCombined"] = values[f"{kind}Pt"] / of_tau("ptCombined")
        values[f"{kind}Eta"] = values[f"{kind}Eta"] - of_tau("eta")
        values[f"{kind}Phi"] = (values[f"{kind}Phi"] - of_tau("phi") + np.pi) % (2 * np.pi) - np.pi
        return {name: Jagged(offsets, content) for name, content in values.items()}
