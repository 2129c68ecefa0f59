"""Select hadronic taus for the tau energy scale, with the inputs of ATLAS's regression tree and of the density network.

Source: "Tau Energy Scale Calibration at ATLAS using Machine Learning" (M. Cochran-Branson, 2022); athena's tauRecTools
for the definitions of the inputs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core.columns import Column
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import per_object
from lineshape.engine.input.study import Selection, Study

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_TAU = "TauJetsAuxDyn."
#: Columns that a file of data lacks: where `branches:` says null, they are NaN, and no cut is on them.
_TRUTH = ("truthPtVis", "truthEtaVis", "truthDecayMode")


def cluster_energy(taus: Any, direction: str, _: Any, by: float) -> dict[str, Any]:
    """Vary the energy of clusters by a fraction: the calorimeter's estimates, and their part of the combined one."""
    factor = 1 + by if direction == "up" else 1 - by
    names = ("ptIntermediateAxis", "ptIntermediateAxisEM", "ptTauEnergyScale")
    moved = (factor - 1) * taus.ptTauEnergyScale
    return {name: taus[name] * factor for name in names} | {
        "ptCombined": taus.ptCombined + _calorimeter_share(taus) * moved
    }


def tracking(taus: Any, direction: str, _: Any, by: float) -> dict[str, Any]:
    """Vary the momenta of tracks by a fraction: the charged part of particle flow, and its part of the combined one."""
    factor = 1 + by if direction == "up" else 1 - by
    charged, neutral = (1 + taus.PFOEngRelDiff) / 2 * factor, (1 - taus.PFOEngRelDiff) / 2
    particle_flow = taus.ptPanTauCellBased * (charged + neutral)
    moved = (1 - _calorimeter_share(taus)) * (particle_flow - taus.ptPanTauCellBased)
    return {
        "ptPanTauCellBased": particle_flow,
        "PFOEngRelDiff": (charged - neutral) / (charged + neutral),
        "ptCombined": taus.ptCombined + moved,
    }


def _calorimeter_share(taus: Any) -> Any:
    """Return the weight of the calorimeter in the combined estimate, which lies between it and particle flow."""
    apart = taus.ptTauEnergyScale - taus.ptPanTauCellBased
    share = (taus.ptCombined - taus.ptPanTauCellBased) / ak.where(apart == 0, 1, apart)
    return ak.where(share < 0, 0, ak.where(share > 1, 1, share))


class TauCuts(Settings):
    """Cuts on taus, and the unit of momenta in the file."""

    unit: float = 0.001
    """GeV for each unit of the file's momenta; the default is MeV."""
    minimum_tracks: int = 1
    """Lowest number of tracks of a tau."""
    maximum_tracks: int = 5
    """Highest number of tracks of a tau."""
    maximum_ratio: float = 25.0
    """Value that the ratios of pT EM/LC, particle flow/combined and LC/combined must lie below; 25 as in the study's
    source.
    """
    minimum_true_pt: Annotated[float, Field(gt=0)] = 10.0
    """Visible pT from which a true tau counts, GeV."""


class TauEnergyScale(Study):
    """Reconstructed hadronic taus with few tracks (1–5 by default) and sane ratios of their momenta."""

    Settings: ClassVar[type[TauCuts]] = TauCuts
    settings: TauCuts

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        "event": "EventInfoAuxDyn.eventNumber",
        "mu": ("EventInfoAuxDyn.averageInteractionsPerCrossing", _TAU + "mu"),
        "nVtxPU": ("EventInfoAuxDyn.nVtxPU", _TAU + "nVtxPU"),
        "rho": ("Kt4LCTopoOriginEventShapeAuxDyn.Density", _TAU + "rho"),
        "nTracks": _TAU + "nTracks",
        "eta": _TAU + "etaPanTauCellBased",
        "ptIntermediateAxis": _TAU + "ptIntermediateAxis",
        "ptIntermediateAxisEM": _TAU + "ptIntermediateAxisEM",
        "ptTauEnergyScale": _TAU + "ptTauEnergyScale",
        "ptPanTauCellBased": _TAU + "ptPanTauCellBased",
        "ptCombined": _TAU + "ptCombined",
        "ClustersMeanCenterLambda": _TAU + "ClustersMeanCenterLambda",
        "ClustersMeanFirstEngDens": _TAU + "ClustersMeanFirstEngDens",
        "ClustersMeanSecondLambda": _TAU + "ClustersMeanSecondLambda",
        "ClustersMeanPresamplerFrac": _TAU + "ClustersMeanPresamplerFrac",
        "ClustersMeanEMProbability": _TAU + "ClustersMeanEMProbability",
        "PFOEngRelDiff": _TAU + "PFOEngRelDiff",
        "NNDecayModeProb_1p0n": _TAU + "NNDecayModeProb_1p0n",
        "NNDecayModeProb_1p1n": _TAU + "NNDecayModeProb_1p1n",
        "NNDecayModeProb_1pXn": _TAU + "NNDecayModeProb_1pXn",
        "NNDecayModeProb_3p0n": _TAU + "NNDecayModeProb_3p0n",
        "NNDecayModeProb_3pXn": _TAU + "NNDecayModeProb_3pXn",
        "PanTau_1p0n_1p1n": _TAU + "PanTau_BDTValue_1p0n_vs_1p1n",
        "PanTau_1p1n_1pXn": _TAU + "PanTau_BDTValue_1p1n_vs_1pXn",
        "PanTau_3p0n_3pXn": _TAU + "PanTau_BDTValue_3p0n_vs_3pXn",
        "truthPtVis": _TAU + "truthPtVis",
        "truthEtaVis": _TAU + "truthEtaVis",
        "truthDecayMode": _TAU + "truthDecayMode",
    }

    outputs: ClassVar[Mapping[str, Column]] = {
        "mu": Column(r"$\mu$", "", 0, 80),
        "nVtxPU": Column("Pile-up vertices", "", 0, 60, 60),
        "rho": Column(r"$\rho$", "GeV", 0, 60),
        "ClustersMeanCenterLambda": Column(r"Cluster centre $\lambda$", "mm", 0, 3000),
        "ClustersMeanFirstEngDens": Column(r"Cluster density $\log_{10}(\rho/\Sigma E)$", "", -9.5, -5.5),
        "ClustersMeanSecondLambda": Column(r"Cluster $\langle\lambda^2\rangle$", "mm²", 0, 6e5),
        "ClustersMeanPresamplerFrac": Column("Presampler fraction", "", 0, 0.4),
        "ClustersMeanEMProbability": Column("Cluster EM probability", "", 0, 1),
        "ptIntermediateAxisEM_over_LC": Column(r"$p_T^{EM}/p_T^{LC}$", "", 0.2, 1.4),
        "ptIntermediateAxis_over_ptCombined": Column(r"$p_T^{LC}/p_T^{comb}$", "", 0, 4),
        "ptPanTauCellBased_over_ptCombined": Column(r"$p_T^{PFlow}/p_T^{comb}$", "", 0, 4),
        "ptIntermediateAxis_over_ptTauEnergyScale": Column(r"$p_T^{LC}/p_T^{calo}$", "", 0, 4),
        "ptPanTauCellBased_over_ptTauEnergyScale": Column(r"$p_T^{PFlow}/p_T^{calo}$", "", 0, 4),
        "ptCombined": Column(r"$p_T^{comb}$", "GeV", 0, 300),
        "eta": Column(r"$\eta$", "", -2.6, 2.6),
        "PFOEngRelDiff": Column(r"$(E_{ch}-E_{\pi^0})/(E_{ch}+E_{\pi^0})$", "", -1.05, 1.05),
        "ptTauEnergyScale": Column(r"$p_T^{calo}$", "GeV", 0, 300),
        "ptPanTauCellBased": Column(r"$p_T^{PFlow}$", "GeV", 0, 300),
        "NNDecayModeProb_1p0n": Column("P(1p0n)", "", 0, 1),
        "NNDecayModeProb_1p1n": Column("P(1p1n)", "", 0, 1),
        "NNDecayModeProb_1pXn": Column("P(1pXn)", "", 0, 1),
        "NNDecayModeProb_3p0n": Column("P(3p0n)", "", 0, 1),
        "NNDecayModeProb_3pXn": Column("P(3pXn)", "", 0, 1),
        "nTracks": Column("Tracks", "", 0.5, 5.5, 5),
        "PanTau_1p0n_1p1n": Column("PanTau 1p0n–1p1n", "", -1, 1),
        "PanTau_1p1n_1pXn": Column("PanTau 1p1n–1pXn", "", -1, 1),
        "PanTau_3p0n_3pXn": Column("PanTau 3p0n–3pXn", "", -1, 1),
        "truthPtVis": Column(r"True $p_T^{vis}$", "GeV", 0, 300),
        "truthEtaVis": Column(r"True $\eta^{vis}$", "", -2.6, 2.6),
        "truthDecayMode": Column("True decay mode", "", -0.5, 4.5, 5),
    }

    def select(self, events: "NanoEvents") -> Selection:
        """Select taus and build the features; flat columns, one value a tau."""
        taus, passed, cut_flow = self.candidates(events)
        columns = {name: ak.Array(taus[name][passed]) for name in ("event", *self.outputs)}
        return columns, cut_flow

    def candidates(self, events: "NanoEvents") -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_], dict[str, int]]:
        """Return the columns of all taus, which of them pass the cuts, and the cut flow."""
        taus = per_object(events, like="eta")
        cut_flow = {"reconstructed": len(taus["eta"])}
        known = "truthPtVis" in taus
        for name in _TRUTH:
            taus.setdefault(name, np.full(len(taus["eta"]), np.nan))
        for name in (
            "ptIntermediateAxis",
            "ptIntermediateAxisEM",
            "ptTauEnergyScale",
            "ptPanTauCellBased",
            "ptCombined",
        ):
            taus[name] = taus[name] * self.settings.unit
        taus["rho"] = taus["rho"] * self.settings.unit
        taus["truthPtVis"] = taus["truthPtVis"] * self.settings.unit
        with np.errstate(divide="ignore", invalid="ignore"):
            taus["ptIntermediateAxisEM_over_LC"] = taus["ptIntermediateAxisEM"] / taus["ptIntermediateAxis"]
            taus["ptIntermediateAxis_over_ptCombined"] = taus["ptIntermediateAxis"] / taus["ptCombined"]
            taus["ptPanTauCellBased_over_ptCombined"] = taus["ptPanTauCellBased"] / taus["ptCombined"]
            # The same without the combined pT, for models that bypass the combination.
            taus["ptIntermediateAxis_over_ptTauEnergyScale"] = taus["ptIntermediateAxis"] / taus["ptTauEnergyScale"]
            taus["ptPanTauCellBased_over_ptTauEnergyScale"] = taus["ptPanTauCellBased"] / taus["ptTauEnergyScale"]
        cuts = {
            f"{self.settings.minimum_tracks}–{self.settings.maximum_tracks} tracks": (
                (taus["nTracks"] >= self.settings.minimum_tracks) & (taus["nTracks"] <= self.settings.maximum_tracks)
            ),
            "EM/LC": taus["ptIntermediateAxisEM_over_LC"] < self.settings.maximum_ratio,
            "particle flow/combined": taus["ptPanTauCellBased_over_ptCombined"] < self.settings.maximum_ratio,
            "LC/combined": taus["ptIntermediateAxis_over_ptCombined"] < self.settings.maximum_ratio,
        }
        if known:
            cuts["true visible"] = taus["truthPtVis"] >= self.settings.minimum_true_pt
        passed = np.ones(len(taus["eta"]), dtype=bool)
        for name, cut in cuts.items():
            passed &= cut
            cut_flow[name] = int(passed.sum())
        return taus, passed, cut_flow
