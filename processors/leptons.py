"""Select leptons of tau decays, prompt and fake ones: the common part of the studies of muons and of electrons.

Source: "Studies on the Separation of Prompt and Tau Muons with the ATLAS Detector using Machine Learning Methods" (D.
Ortmann, 2022) for the features; athena's MCTruthClassifier for the origin.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import per_object
from lineshape.engine.input.study import Selection, Study
from lineshape.processors.physlite import event_info, matched, primary_vertex

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

Floats = NDArray[np.float64]

PROMPT: Final = 0
TAU: Final = 1
FAKE: Final = 2
#: MCTruthClassifier's number for the origin of a lepton of a tau decay. For taus of bosons, files of ATLAS hold the
#: boson's number instead; such leptons are found by their direction, that of the tau's visible decay products.
_FROM_TAU: Final = 9
#: MCTruthClassifier's type of taus that no hadron made.
_ISOLATED_TAU: Final = 10
_TAU_CONE: Final = 0.05

_TRUE_TAU: Final = {
    "trueTauEta": "TruthTausAuxDyn.eta_vis",
    "trueTauPhi": "TruthTausAuxDyn.phi_vis",
    "trueTauHadronic": "TruthTausAuxDyn.IsHadronicTau",
    "trueTauType": "TruthTausAuxDyn.classifierParticleType",
}

_TRACK: Final = ("d0", "z0", "vz", "theta", "qOverP", "qOverPVariance")


class LeptonCuts(Settings):
    """Cuts and units of leptons."""

    unit: float = 0.001
    """GeV for each unit of the file's momenta and masses; the default is MeV."""
    minimum_pt: float = 10.0
    """Lowest pT of leptons, GeV."""
    maximum_eta: float = 2.5
    """Highest |η| of leptons."""


def branches(leptons: str, tracks: str) -> dict[str, str | tuple[str | None, ...]]:
    """Return the branches that leptons of every flavour need; both arguments are containers, with a final dot."""
    return {
        "event": event_info("eventNumber"),
        "mu": (*event_info("averageInteractionsPerCrossing"), None),
        "stauMass": (*event_info("stauMass"), None),
        "neutralinoMass": (*event_info("neutralinoMass"), None),
        "vertexZ": "PrimaryVerticesAuxDyn.z",
        "vertexType": "PrimaryVerticesAuxDyn.vertexType",
        **{name: leptons + name for name in ("pt", "eta", "phi", "charge")},
        "topoetcone20": (leptons + "topoetcone20", None),
        "topoetcone30": (leptons + "topoetcone30", None),
        "truthType": (leptons + "truthType", None),
        "truthOrigin": (leptons + "truthOrigin", None),
        **{name: (branch, None) for name, branch in _TRUE_TAU.items()},
        **{name: tracks + name for name in _TRACK[:-1]},
        # Release 21 keeps the lower triangle of the covariance; of either, the variance of q/p is the last.
        "qOverPVariance": (
            tracks + "qOverPVariance",
            tracks + "definingParametersCovMatrixDiag",
            tracks + "definingParametersCovMatrix",
        ),
    }


def origin_of(kind: Floats, source: Floats, isolated: int, at_a_tau: NDArray[np.bool_]) -> Floats:
    """Return PROMPT, TAU or FAKE, from the type and the origin that MCTruthClassifier gives, (n,) each.

    isolated: the type of leptons from bosons, tops, supersymmetry, and from taus of theirs; a lepton of a tau that
    itself comes from a hadron is of another type, and fake, as are those that have no truth. at_a_tau: whether it is
    where a true tau left its lepton.
    """
    return np.select([kind != isolated, (source == _FROM_TAU) | at_a_tau], [FAKE, TAU], PROMPT).astype(np.float64)


def at_true_taus(events: "NanoEvents") -> ak.Array:
    """Return whether each lepton lies where a true tau, not from a hadron, decayed into a lepton; (events, var)."""
    if not set(events.fields) >= set(_TRUE_TAU):
        return ak.zeros_like(events["pt"], dtype=bool)
    leptonic = (events["trueTauHadronic"] != 1) & (events["trueTauType"] == _ISOLATED_TAU)
    eta, phi = events["trueTauEta"][leptonic], events["trueTauPhi"][leptonic]
    return ~ak.is_none(matched(events["eta"], events["phi"], eta, phi, _TAU_CONE), axis=1)


class LeptonStudy(Study):
    """Features and origin of leptons of one flavour; the flavour's class finds tracks, momenta and quality.

    isolated: MCTruthClassifier's type of leptons that no hadron made.
    """

    Settings: ClassVar[type[LeptonCuts]]
    settings: LeptonCuts
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]]
    isolated: ClassVar[int]

    outputs: ClassVar[Mapping[str, Column]] = {
        "absD0": Column(r"$|d_0|$", "mm", 0, 0.2),
        "absZ0SinTheta": Column(r"$|z_0 \sin\theta|$", "mm", 0, 150),
        "absDeltaZ0": Column(r"$|z_{PV}-z_0|$", "mm", 0, 1),
        "pt": Column(r"$p_T$", "GeV", 0, 200),
        "absEta": Column(r"$|\eta|$", "", 0, 2.5),
        "relativePtError": Column(r"$\sigma(q/p)/|q/p|$", "", 0, 0.1),
        "isolation": Column(r"$E_T^{cone20}/p_T$", "", -0.2, 1, 60),
        "isolation30": Column(r"$E_T^{cone30}/p_T$", "", -0.2, 1, 60),
        "rhoPrime": Column(r"$\rho'$", "", -0.5, 0.5),
        "eta": Column(r"$\eta$", "", -2.5, 2.5),
        "phi": Column(r"$\phi$", "", -3.2, 3.2),
        "charge": Column("Charge", "", -1.5, 1.5, 3),
        "mu": Column(r"$\mu$", "", 0, 80),
        "origin": Column("Prompt, tau, fake", "", -0.5, 2.5, 3),
        "isTau": Column("From a tau", "", -0.5, 1.5, 2),
        "stauMass": Column("Stau mass", "GeV", 0, 500),
        "neutralinoMass": Column("Neutralino mass", "GeV", 0, 250),
    }

    @abstractmethod
    def tracks_of(self, events: "NanoEvents", tracks: ak.Array) -> ak.Array:
        """Return the track of each lepton, or None; tracks are records, (events, var)."""

    @abstractmethod
    def momenta(self, leptons: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        """Return transverse momenta by the inner detector and by what is around it, in the file's unit.

        A lepton without one of them has a value that is not positive.
        """

    @abstractmethod
    def identified(self, leptons: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return which leptons pass the required working point."""

    def truth(self, leptons: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        """Return MCTruthClassifier's type and origin of each lepton, where the file has them."""
        return leptons["truthType"].astype(np.float64), leptons["truthOrigin"].astype(np.float64)

    def select(self, events: "NanoEvents") -> Selection:
        """Select leptons and build the features; flat columns, one value a lepton, NaN where a file lacks it."""
        leptons = per_object(self._table(events), like="pt")
        columns = self._features(leptons)
        inner, outer = self.momenta(leptons)
        cuts = {
            "primary vertex": np.isfinite(leptons["vertexZ"]),
            "track": np.isfinite(leptons["qOverP"]),
            "identified": self.identified(leptons),
            "both momenta": (inner > 0) & (outer > 0),
            f"pT ≥ {self.settings.minimum_pt:g} GeV": columns["pt"] >= self.settings.minimum_pt,
            f"|η| ≤ {self.settings.maximum_eta:g}": columns["absEta"] <= self.settings.maximum_eta,
        }
        passed = np.ones(len(columns["pt"]), dtype=bool)
        cut_flow = {"reconstructed": len(passed)}
        for name, cut in cuts.items():
            passed &= cut
            cut_flow[name] = int(passed.sum())
        arrays = {name: ak.Array(values[passed]) for name, values in columns.items()}
        return arrays, cut_flow

    def _table(self, events: "NanoEvents") -> ak.Array:
        """Return the columns of events and of their leptons, with those of each lepton's track."""
        variance = events["qOverPVariance"]
        if variance.ndim > 2:
            variance = ak.firsts(variance[..., ::-1], axis=2)
        tracks = self.tracks_of(events, ak.zip({name: events[name] for name in _TRACK[:-1]} | {_TRACK[-1]: variance}))
        of_others = {*_TRACK, *_TRUE_TAU, "vertexZ", "vertexType", "trackLinks"}
        return ak.zip(
            {name: events[name] for name in events.fields if name not in of_others}
            | {name: ak.fill_none(tracks[name], np.nan) for name in _TRACK}
            | {"vertexZ": primary_vertex(events["vertexZ"], events["vertexType"]), "atTrueTau": at_true_taus(events)},
            depth_limit=1,
        )

    def _features(self, leptons: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return all columns of all leptons, GeV and mm."""

        def of(name: str) -> Floats:
            return leptons[name].astype(np.float64) if name in leptons else np.full(len(leptons["pt"]), np.nan)

        inner, outer = self.momenta(leptons)
        labels = np.full(len(leptons["pt"]), np.nan)
        if {"truthType", "truthOrigin"} <= set(leptons):
            labels = origin_of(*self.truth(leptons), self.isolated, leptons["atTrueTau"])
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "event": leptons["event"].astype(np.uint64),
                "absD0": np.abs(of("d0")),
                "absZ0SinTheta": np.abs(of("z0") * np.sin(of("theta"))),
                "absDeltaZ0": np.abs(of("vertexZ") - (of("z0") + of("vz"))),
                "pt": of("pt") * self.settings.unit,
                "absEta": np.abs(of("eta")),
                "relativePtError": np.sqrt(of("qOverPVariance")) / np.abs(of("qOverP")),
                "isolation": of("topoetcone20") / of("pt"),
                "isolation30": of("topoetcone30") / of("pt"),
                "rhoPrime": (inner - outer) / of("pt"),
                **{name: of(name) for name in ("eta", "phi", "charge", "mu")},
                "origin": labels,
                "isTau": np.where(np.isnan(labels), np.nan, labels == TAU),
                **{name: of(name) * self.settings.unit for name in ("stauMass", "neutralinoMass")},
            }
