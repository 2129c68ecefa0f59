"""Apply a tau energy scale that was exported as ONNX to a ROOT file, with uproot, awkward, NumPy and onnxruntime alone.

python apply_onnx.py mdn.onnx taus.root calibrated.root

The file says itself which columns it takes, in which units (GeV, mm): `session.get_modelmeta().custom_metadata_map`.
"""

import sys

import awkward as ak
import numpy as np
import onnxruntime
import uproot

TAU = "TauJetsAuxDyn."
GEV = 0.001  # of the file's MeV
#: Columns that are a branch, and what it is multiplied by.
BRANCHES = {
    "nTracks": ("nTracks", 1),
    "eta": ("etaPanTauCellBased", 1),
    "ptIntermediateAxis": ("ptIntermediateAxis", GEV),
    "ptIntermediateAxisEM": ("ptIntermediateAxisEM", GEV),
    "ptTauEnergyScale": ("ptTauEnergyScale", GEV),
    "ptPanTauCellBased": ("ptPanTauCellBased", GEV),
    "ptCombined": ("ptCombined", GEV),
    "ClustersMeanCenterLambda": ("ClustersMeanCenterLambda", 1),
    "ClustersMeanFirstEngDens": ("ClustersMeanFirstEngDens", 1),
    "ClustersMeanSecondLambda": ("ClustersMeanSecondLambda", 1),
    "ClustersMeanPresamplerFrac": ("ClustersMeanPresamplerFrac", 1),
    "ClustersMeanEMProbability": ("ClustersMeanEMProbability", 1),
    "PFOEngRelDiff": ("PFOEngRelDiff", 1),
    "NNDecayModeProb_1p0n": ("NNDecayModeProb_1p0n", 1),
    "NNDecayModeProb_1p1n": ("NNDecayModeProb_1p1n", 1),
    "NNDecayModeProb_1pXn": ("NNDecayModeProb_1pXn", 1),
    "NNDecayModeProb_3p0n": ("NNDecayModeProb_3p0n", 1),
    "NNDecayModeProb_3pXn": ("NNDecayModeProb_3pXn", 1),
    "PanTau_1p0n_1p1n": ("PanTau_BDTValue_1p0n_vs_1p1n", 1),
    "PanTau_1p1n_1pXn": ("PanTau_BDTValue_1p1n_vs_1pXn", 1),
    "PanTau_3p0n_3pXn": ("PanTau_BDTValue_3p0n_vs_3pXn", 1),
}
#: Columns of the event, and what they are multiplied by.
OF_EVENT = {
    "mu": ("EventInfoAuxDyn.averageInteractionsPerCrossing", 1),
    "nVtxPU": ("EventInfoAuxDyn.nVtxPU", 1),
    "rho": ("Kt4LCTopoOriginEventShapeAuxDyn.Density", GEV),
}
#: Columns that are one over another.
RATIOS = {
    "ptIntermediateAxisEM_over_LC": ("ptIntermediateAxisEM", "ptIntermediateAxis"),
    "ptIntermediateAxis_over_ptCombined": ("ptIntermediateAxis", "ptCombined"),
    "ptPanTauCellBased_over_ptCombined": ("ptPanTauCellBased", "ptCombined"),
}


def main(model: str, source: str, target: str) -> None:
    """Write a tree `taus` with a list of values for each event."""
    session = onnxruntime.InferenceSession(model)
    tree = uproot.open(source)["CollectionTree"]
    counts = ak.num(tree[TAU + "ptCombined"].array())

    def column(name: str) -> np.ndarray:
        """One value a tau, float32."""
        if name in RATIOS:
            above, below = RATIOS[name]
            with np.errstate(divide="ignore", invalid="ignore"):
                return column(above) / column(below)
        if name in OF_EVENT:
            branch, factor = OF_EVENT[name]
            values = np.repeat(ak.to_numpy(ak.flatten(tree[branch].array(), axis=None)), counts)
        else:
            branch, factor = BRANCHES[name]
            values = ak.to_numpy(ak.flatten(tree[TAU + branch].array()))
        return (values * factor).astype(np.float32)

    inputs = {each.name: column(each.name) for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs), strict=True))
    flat = {name: values for name, values in outputs.items() if values.ndim == 1}
    with uproot.recreate(target) as file:
        file["taus"] = {name: ak.unflatten(values, counts) for name, values in flat.items()}
    print(f"{len(inputs)} columns of {counts.to_numpy().sum()} taus to {', '.join(flat)} in {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
