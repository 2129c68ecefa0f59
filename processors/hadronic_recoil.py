"""Select W and Z events for their hadronic recoil: u, its parts, jets, vertices, leading objects, and the true boson.

u is the vector sum of pT of all particle-flow objects but those of the decay muons; without losses it is −pT(W). The
targets are the boson's own px and py.

Source: the 36 inputs are those of the talk on the hadronic recoil for the W mass with deep neural networks at ATLAS.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import awkward as ak
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core.columns import Column
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import flat
from lineshape.engine.input.study import Selection, Study
from lineshape.processors.event_objects import EventObjects, Floats, collection
from lineshape.processors.physlite import PILE_UP_VERTEX, PRIMARY_VERTEX, event_info

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_CHARGED, _NEUTRAL = "JetETMissChargedParticleFlowObjectsAuxDyn.", "JetETMissNeutralParticleFlowObjectsAuxDyn."
_JETS, _MUONS, _BOSON = "AntiKt4EMPFlowJetsAuxDyn.", "MuonsAuxDyn.", "TruthBosonAuxDyn."
_BOSONS: Final = (23, 24)
_MOMENTA: Final = frozenset({"Pt", "PtEM", "Px", "Py"})
#: Number of leading charged and neutral objects, and lowest pT of jets, GeV.
_LEADING: Final = 5
_JET_PT: Final = 20.0


class RecoilCuts(Settings):
    """Cuts and units of the hadronic recoil."""

    unit: float = 0.001
    """GeV for each unit of the file's momenta; the default is MeV."""
    leptons: Literal[1, 2] = 1
    """Number of decay muons that an event must have: 1 for a W, 2 for a Z."""
    minimum_pt: float = 25.0
    """Lowest pT of the decay muons, GeV."""
    maximum_eta: float = 2.4
    """Highest |η| of the decay muons."""
    cone: Annotated[float, Field(gt=0)] = 0.2
    """ΔR to a decay muon below which a particle-flow object is the muon's, and not of the recoil."""
    jet_cone: Annotated[float, Field(gt=0)] = 0.4
    """ΔR to a decay muon below which a jet is the muon's, and is left out."""
    objects: Annotated[int, Field(ge=0)] = 128
    """Largest number of particle-flow objects of each event in the jagged columns, the hardest first; 0 = no jagged
    columns.
    """


def _vector(name: str, label: str, reach: float) -> dict[str, Column]:
    """Return columns of both components of a transverse vector; {} in name and label is the axis."""
    return {name.format(axis): Column(label.format(axis), "GeV", -reach, reach) for axis in ("x", "y")}


def _leading(kind: str, number: int, reach: float) -> dict[str, Column]:
    """Return columns of momenta of leading objects: charged1Px, charged1Py, charged2Px and so on."""
    parts = [_vector(f"{kind}{i}P{{}}", f"{kind.capitalize()} {i} $p_{{}}$", reach) for i in range(1, number + 1)]
    return {name: column for part in parts for name, column in part.items()}


INPUTS: Final[Mapping[str, Column]] = {
    **_vector("u{}", "$u_{}$", 150),
    **_vector("u{}Charged", "$u_{}$, charged", 100),
    **_vector("u{}Neutral", "$u_{}$, neutral", 150),
    "sumET": Column(r"$\Sigma E_T$", "GeV", 0, 1000),
    "sumETCharged": Column(r"$\Sigma E_T$, charged", "GeV", 0, 250),
    "sumETNeutralEM": Column(r"$\Sigma E_T$, neutral, EM scale", "GeV", 0, 800),
    **_leading("jet", 2, 150),
    "nPV": Column(r"$N_{PV}$", "", -0.5, 69.5, 70),
    "nCharged": Column("Charged objects", "", -0.5, 199.5),
    "nNeutral": Column("Neutral objects", "", -0.5, 399.5),
    **_leading("charged", _LEADING, 40),
    **_leading("neutral", _LEADING, 50),
}


class HadronicRecoil(Study):
    """One row an event with exactly as many muons as the boson has."""

    Settings: ClassVar[type[RecoilCuts]] = RecoilCuts
    settings: RecoilCuts

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        "event": event_info("eventNumber"),
        "mu": (*event_info("averageInteractionsPerCrossing"), None),
        "vertexType": "PrimaryVerticesAuxDyn.vertexType",
        **{f"charged{name}": _CHARGED + name.lower() for name in ("Pt", "Eta", "Phi", "Charge")},
        **{f"neutral{name}": _NEUTRAL + name.lower() for name in ("Pt", "Eta", "Phi")},
        "neutralPtEM": _NEUTRAL + "ptEM",
        **{f"jet{name}": _JETS + name.lower() for name in ("Pt", "Eta", "Phi")},
        **{f"muon{name}": _MUONS + name.lower() for name in ("Pt", "Eta", "Phi")},
        **{f"boson{name}": (_BOSON + branch, None) for name, branch in (("Px", "px"), ("Py", "py"), ("Pdg", "pdgId"))},
    }

    outputs: ClassVar[Mapping[str, Column]] = {
        **INPUTS,
        **_vector("p{}True", "True boson $p_{}$", 150),
        "ptTrue": Column("True boson $p_T$", "GeV", 0, 150),
        "mu": Column(r"$\mu$", "", 0, 80),
        **_vector("objectP{}", "Object $p_{}$", 20),
        "objectEta": Column(r"Object $\eta$", "", -5, 5),
        "objectCharge": Column("Object charge", "", -1.5, 1.5, 3),
        "objectPt": Column("Object $p_T$", "GeV", 0, 20),
    }

    def select(self, events: "NanoEvents") -> Selection:
        """Select events and build the columns, GeV; where a file has no true boson its momentum is NaN."""
        muons = self._collection(events, "muon", ("Pt", "Eta", "Phi"))
        good = muons.keep(
            (muons["Pt"] >= self.settings.minimum_pt) & (np.abs(muons["Eta"]) <= self.settings.maximum_eta)
        )
        right = good.counts == self.settings.leptons
        vertices = collection(events, "vertex", ["Type"])
        vertices = vertices.keep(np.isin(vertices["Type"], (PRIMARY_VERTEX, PILE_UP_VERTEX)))
        passed = right & (vertices.keep(vertices["Type"] == PRIMARY_VERTEX).counts > 0)
        number = self.settings.leptons
        lepton = "muon" if number == 1 else "muons"
        cut_flow = {"read": len(passed), f"{number} {lepton}": int(right.sum()), "primary vertex": int(passed.sum())}

        muons = good.of(passed)
        charged, neutral = (
            self._collection(events, name, parts).of(passed).away(muons, self.settings.cone)
            for name, parts in (("charged", ("Pt", "Eta", "Phi", "Charge")), ("neutral", ("Pt", "Eta", "Phi", "PtEM")))
        )
        jets = self._collection(events, "jet", ("Pt", "Eta", "Phi")).of(passed).away(muons, self.settings.jet_cone)
        columns: dict[str, NDArray[Any]] = {"event": flat(events, "event")[0][passed].astype(np.uint64)}
        columns |= _inputs(charged, neutral, jets.keep(jets["Pt"] >= _JET_PT))
        columns["nPV"] = vertices.of(passed).counts
        columns |= self._truth(events, passed)
        mu = flat(events, "mu")[0] if "mu" in events.fields else np.full(len(passed), np.nan)
        columns["mu"] = mu[passed].astype(np.float64)
        found = {name: ak.Array(values) for name, values in columns.items()} | self._lists(charged, neutral)
        return found, cut_flow

    def _collection(self, events: "NanoEvents", kind: str, parts: Sequence[str]) -> EventObjects:
        """Return objects of a kind with their momenta in GeV."""
        found = collection(events, kind, parts)
        return found.scaled(_MOMENTA, self.settings.unit)

    def _truth(self, events: "NanoEvents", passed: NDArray[np.bool_]) -> dict[str, Floats]:
        """Return the momentum of the true boson; of several, which are one after radiation, the last."""
        px, py = np.full((2, len(passed)), np.nan)
        if {"bosonPx", "bosonPy", "bosonPdg"} <= set(events.fields):
            bosons = self._collection(events, "boson", ("Px", "Py", "Pdg"))
            bosons = bosons.keep(np.isin(np.abs(bosons["Pdg"]), _BOSONS))
            px[bosons.event], py[bosons.event] = bosons["Px"], bosons["Py"]
        return {"pxTrue": px[passed], "pyTrue": py[passed], "ptTrue": np.hypot(px, py)[passed]}

    def _lists(self, charged: EventObjects, neutral: EventObjects) -> dict[str, ak.Array]:
        """Return the hardest objects of each event, in falling order."""
        if not self.settings.objects:
            return {}
        both = {name: np.concatenate([charged[name], neutral[name]]) for name in ("Pt", "Px", "Py", "Eta")}
        both["Charge"] = np.concatenate([charged["Charge"], np.zeros(len(neutral.event))])
        objects = EventObjects(np.concatenate([charged.event, neutral.event]), charged.length, both)
        hardest = objects.hardest(self.settings.objects)
        return {
            f"object{name}": ak.unflatten(ak.Array(values.astype(np.float32)), hardest.counts)
            for name, values in hardest.columns.items()
        }


def _inputs(charged: EventObjects, neutral: EventObjects, jets: EventObjects) -> dict[str, NDArray[Any]]:
    """Return all inputs except the number of vertices."""
    parts = {
        f"u{axis}{kind}": of.total(f"P{axis}")
        for kind, of in (("Charged", charged), ("Neutral", neutral))
        for axis in "xy"
    }
    return {
        **{f"u{axis}": parts[f"u{axis}Charged"] + parts[f"u{axis}Neutral"] for axis in "xy"},
        **parts,
        "sumET": charged.total("Pt") + neutral.total("Pt"),
        "sumETCharged": charged.total("Pt"),
        "sumETNeutralEM": neutral.total("PtEM"),
        **_named("jet", jets.leading(("Px", "Py"), 2)),
        "nCharged": charged.counts,
        "nNeutral": neutral.counts,
        **_named("charged", charged.leading(("Px", "Py"), _LEADING)),
        **_named("neutral", neutral.leading(("Px", "Py"), _LEADING)),
    }


def _named(kind: str, leading: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return columns charged1Px and so on, from (events, number) tables by component."""
    return {f"{kind}{i + 1}{part}": table[:, i] for part, table in leading.items() for i in range(table.shape[1])}
