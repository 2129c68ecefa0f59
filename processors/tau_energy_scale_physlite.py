"""Select taus of genuine ATLAS files for the tau energy scale: PHYSLITE of releases 21 to 23, and AOD.

AOD is read for its cluster moments: PHYSLITE keeps none and no axis momenta, so the features are a reduced set; ATLAS's
own calibrated pT is there to compare with. True visible pT is `pt_vis` of hadronic true taus (never `pt_vis_dressed`,
which holds the neutrino), matched by ΔR (IsTruthMatched is set for electrons too); a true tau counts from 10 GeV, as
softer ones lie in the cones of jets by chance.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

import awkward as ak
import numpy as np
from pydantic import Field

from lineshape.engine.core.columns import Column
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import per_object
from lineshape.engine.input.study import Selection, Study
from lineshape.processors.physlite import AOD_TAUS, PILE_UP_VERTEX, TAUS, TRUTH, event_info, matched, missing

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_MOMENTA = ("ptTauEnergyScale", "ptCombined", "ptFinalCalib")
_TRUTH = {"truthPt", "truthEta", "truthPhi", "truthHadronic"}
_MOMENTS = (
    "ClustersMeanCenterLambda",
    "ClustersMeanFirstEngDens",
    "ClustersMeanSecondLambda",
    "ClustersMeanPresamplerFrac",
    "ClustersMeanEMProbability",
    "PFOEngRelDiff",
)


class Matching(Settings):
    """Matching of reconstructed to true taus."""

    unit: float = 0.001
    """GeV for each unit of the file's momenta; the default is MeV."""
    cone: float = 0.2
    """ΔR within which a true tau is matched."""
    minimum_true_pt: Annotated[float, Field(ge=0)] = 10.0
    """Visible pT from which a true tau counts, GeV. Softer ones lie in the cones of jets by chance."""
    matched_only: bool = True
    """Whether to keep only taus matched to a hadronic true tau. Files without truth keep all taus."""


class TauEnergyScalePhyslite(Study):
    """Reconstructed taus matched to hadronic true taus."""

    Settings: ClassVar[type[Matching]] = Matching
    settings: Matching

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        "event": (*event_info("eventNumber"), "EventInfoAuxDyn.mcEventNumber"),
        "mu": (*event_info("averageInteractionsPerCrossing"), None),
        "vertexType": ("PrimaryVerticesAuxDyn.vertexType", None),
        "rho": ("Kt4EMPFlowEventShapeAuxDyn.Density", "Kt4LCTopoOriginEventShapeAuxDyn.Density", None),
        "eta": (TAUS + "eta", AOD_TAUS + "eta_combined"),
        "phi": (TAUS + "phi", AOD_TAUS + "phi_combined"),
        "ptTauEnergyScale": (TAUS + "ptTauEnergyScale", None),
        "ptCombined": (TAUS + "pt_combined", AOD_TAUS + "pt_combined", None),
        "ptFinalCalib": (TAUS + "ptFinalCalib", None),
        "decayMode": (TAUS + "NNDecayMode", TAUS + "PanTau_DecayMode", None),
        **{name: (AOD_TAUS + name, None) for name in _MOMENTS},
        "truthPt": (TRUTH + "pt_vis", None),
        "truthEta": (TRUTH + "eta_vis", None),
        "truthPhi": (TRUTH + "phi_vis", None),
        "truthHadronic": (TRUTH + "IsHadronicTau", None),
    }

    outputs: ClassVar[Mapping[str, Column]] = {
        "mu": Column(r"$\mu$", "", 0, 80),
        "nVtxPU": Column("Pile-up vertices", "", 0, 60, 60),
        "rho": Column(r"$\rho$", "GeV", 0, 60),
        "eta": Column(r"$\eta$", "", -2.6, 2.6),
        "decayMode": Column("Reconstructed decay mode", "", -0.5, 7.5, 8),
        "ptTauEnergyScale": Column(r"$p_T^{calo}$", "GeV", 0, 150),
        "ptCombined": Column(r"$p_T^{comb}$", "GeV", 0, 150),
        "ptFinalCalib": Column(r"$p_T^{final}$", "GeV", 0, 150),
        "ClustersMeanCenterLambda": Column(r"Cluster centre $\lambda$", "mm", 0, 3000),
        "ClustersMeanFirstEngDens": Column(r"Cluster density $\log_{10}(\rho/\Sigma E)$", "", -9.5, -5.5),
        "ClustersMeanSecondLambda": Column(r"Cluster $\langle\lambda^2\rangle$", "mm²", 0, 6e5),
        "ClustersMeanPresamplerFrac": Column("Presampler fraction", "", 0, 0.4),
        "ClustersMeanEMProbability": Column("Cluster EM probability", "", 0, 1),
        "PFOEngRelDiff": Column(r"$(E_{ch}-E_{\pi^0})/(E_{ch}+E_{\pi^0})$", "", -1.05, 1.05),
        "truthPtVis": Column(r"True $p_T^{vis}$", "GeV", 0, 150),
    }

    def select(self, events: "NanoEvents") -> Selection:
        """Match to truth and build the features; flat columns, one value a tau, NaN where a file lacks a quantity."""
        derived = {"truthPtVis": self._true_pt(events)}
        if "vertexType" in events.fields:
            derived["nVtxPU"] = ak.sum(events["vertexType"] == PILE_UP_VERTEX, axis=1)
        read = [name for name in events.fields if name in self.outputs or name == "event"]
        table = ak.zip({name: events[name] for name in read} | derived, depth_limit=1)
        taus = per_object(table, like="eta")
        count = len(taus["eta"])
        columns = {name: missing(taus[name]) if name in taus else np.full(count, np.nan) for name in self.outputs}
        columns["event"] = taus["event"].astype(np.uint64)
        for name in (*_MOMENTA, "rho", "truthPtVis"):
            columns[name] = columns[name] * self.settings.unit
        cut_flow = {"reconstructed": count}
        if set(events.fields) >= _TRUTH and self.settings.matched_only:
            passed = np.isfinite(columns["truthPtVis"])
            columns = {name: values[passed] for name, values in columns.items()}
            cut_flow["matched to a hadronic true tau"] = int(passed.sum())
        arrays = {name: ak.Array(values) for name, values in columns.items()}
        return arrays, cut_flow

    def _true_pt(self, events: "NanoEvents") -> ak.Array:
        """Return the true visible pT of the hadronic true tau matched to each reconstructed one, or NaN.

        It is in the file's unit. True taus softer than the minimum are not matched: the nearest of the others is.
        """
        if not set(events.fields) >= _TRUTH:
            return ak.full_like(events["eta"], np.nan)
        counts = events["truthPt"] * self.settings.unit >= self.settings.minimum_true_pt
        hadronic = (events["truthHadronic"] == 1) & counts
        pt, eta, phi = (events[name][hadronic] for name in ("truthPt", "truthEta", "truthPhi"))
        index = matched(events["eta"], events["phi"], eta, phi, self.settings.cone)
        return ak.fill_none(pt[index], np.nan)
