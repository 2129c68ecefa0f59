"""Processors of coffea as its users write them, which know nothing of this package."""

from collections import defaultdict
from typing import Any

import awkward as ak
import correctionlib.schemav2 as schema
import hist
import numpy as np
from coffea import processor
from coffea.analysis_tools import PackedSelection, Weights


class Dimuons(processor.ProcessorABC):
    """The spectrum of muon pairs of opposite charge, by dataset."""

    def __init__(self, low: float = 3.0) -> None:
        self.low = low

    def process(self, events: Any) -> Any:
        muons = events.Muon[events.Muon.pt > self.low]
        pairs = muons[ak.num(muons) == 2]
        pairs = pairs[ak.sum(pairs.charge, axis=1) == 0]
        dataset = events.metadata["dataset"]
        mass = hist.Hist.new.StrCat([], growth=True, name="dataset").Reg(30, 0, 150, name="mass").Double()
        mass.fill(dataset=dataset, mass=(pairs[:, 0] + pairs[:, 1]).mass)
        told = {key: {str(value)} for key, value in events.metadata.items() if key != "fileuuid"}
        found = {"mass": mass, "entries": defaultdict(int, {dataset: len(events)}), "pairs": len(pairs)}
        return found | {"metadata": told}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator | {"seen": sorted(accumulator["entries"])}


class KeptMuons(processor.ProcessorABC):
    """Muons of all chunks, which are joined at the end, where they are vectors still."""

    def process(self, events: Any) -> Any:
        muons = events.Muon[ak.num(events.Muon) >= 2]
        return {
            "muons": [
                ak.zip({name: muons[name] for name in ("pt", "eta", "phi", "mass")}, with_name="PtEtaPhiMLorentzVector")
            ]
        }

    def postprocess(self, accumulator: Any) -> Any:
        pairs = [each[:, 0] + each[:, 1] for each in accumulator["muons"] if len(each)]
        return accumulator | {"mass": ak.to_list(ak.concatenate([each.mass for each in pairs]))}


class CleanedJets(processor.ProcessorABC):
    """Jets that are not the electron or muon that a cross-reference leads to."""

    def process(self, events: Any) -> Any:
        jets = events.Jet
        muon = jets.matched_muons[:, :, :1] if "muonIdxG" in jets.fields else jets.matched_muons
        clean = jets[~ak.any(muon.pt > 3, axis=-1)]
        return {
            events.metadata["dataset"]: {
                "pt": hist.Hist.new.Reg(40, 0, 400, name="pt").Weight().fill(ak.flatten(clean.pt)),
                "runs": {int(run) for run in np.unique(ak.to_numpy(events.run))},
                "leading": processor.column_accumulator(ak.to_numpy(ak.fill_none(ak.max(clean.pt, axis=1), np.nan))),
            }
        }


def correction() -> Any:
    """Scale factors of jets in bins of η."""
    factor = schema.Correction(
        name="sf",
        version=1,
        inputs=[schema.Variable(name="eta", type="real")],
        output=schema.Variable(name="weight", type="real"),
        data=schema.Binning(
            nodetype="binning",
            input="eta",
            edges=[-5.0, -1.5, 0.0, 1.5, 5.0],
            content=[0.9, 1.0, 1.1, 0.95],
            flow="clamp",
        ),
    )
    return factor.to_evaluator()


class ScaledJets(processor.ProcessorABC):
    """Leading jets with scale factors, up and down, and a cut flow of packed selections."""

    def process(self, events: Any) -> Any:
        leading = ak.firsts(events.Jet)
        eta = ak.to_numpy(ak.fill_none(leading.eta, 0.0))
        factor = correction().evaluate(eta)
        weights = Weights(len(events), storeIndividual=True)
        weights.add("jets", factor, factor * 1.1, factor * 0.9)
        selection = PackedSelection()
        selection.add("jet", ak.to_numpy(ak.num(events.Jet) > 0))
        selection.add("hard", ak.to_numpy(ak.fill_none(leading.pt > 30, False)))
        shown = hist.Hist.new.StrCat([], growth=True, name="variation").Reg(20, 0, 400, name="pt").Weight()
        chosen = selection.all("jet", "hard")
        for variation in (None, "jetsUp", "jetsDown"):
            weight = weights.weight(variation)[chosen]
            shown.fill(variation=variation or "nominal", pt=ak.to_numpy(leading.pt[chosen]), weight=weight)
        flow = {"all": len(events), "jet": int(selection.all("jet").sum()), "hard": int(chosen.sum())}
        return {"pt": shown, "flow": processor.defaultdict_accumulator(int, flow), "sums": weights.weightStatistics}


class Electrons(processor.ProcessorABC):
    """Columns for a training: PHYSLITE's electrons with what their tracks say, as jagged arrays."""

    def process(self, events: Any) -> Any:
        electrons = events.Electrons
        return {
            "pt": processor.column_accumulator(ak.to_packed(ak.drop_none(ak.without_parameters(electrons.pt)))),
            "eta": ak.flatten(electrons.eta).to_list(),
            "metadata": {events.metadata["treename"], events.metadata["dataset"]},
        }


class Towers(processor.ProcessorABC):
    """Delphes' jets."""

    def process(self, events: Any) -> Any:
        jets = events.Jet
        return {"n": len(events), "pt": hist.Hist.new.Var([0, 20, 50, 100, 500]).Int64().fill(ak.flatten(jets.PT))}


class Everything(processor.ProcessorABC):
    """A histogram of the first four numbers of each collection, whatever the schema, or why there is none."""

    def process(self, events: Any) -> Any:
        return {"n": len(events)} | {name: self.shown(events, name) for name in events.fields}

    def shown(self, events: Any, name: str) -> Any:
        shown = hist.Hist.new.StrCat([], growth=True, name="field").Reg(10, -100, 100, name="x").Double()
        try:
            values = events[name]
            for field, own in [(each, values[each]) for each in values.fields[:4]] or [("", values)]:
                shown.fill(field, ak.to_numpy(ak.drop_none(ak.flatten(own, axis=None))).astype(float))
        except (AssertionError, TypeError, ValueError, IndexError) as error:
            return {type(error).__name__}
        return shown
