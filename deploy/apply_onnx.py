"""Apply a tau energy scale that was exported as ONNX to a ROOT file, with uproot, awkward, NumPy and onnxruntime alone.

python apply_onnx.py mdn.onnx taus.root calibrated.root

The file says itself which columns it takes, in which units (GeV, mm): `session.get_modelmeta().custom_metadata_map`.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import awkward as ak
import numpy as np
import onnxruntime
import uproot

TAU = "TauJetsAuxDyn."
GEV = 0.001  # of the file's MeV
#: Columns that are a branch of taus: its name, and a factor.
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
#: Columns of the event: branch and factor.
OF_EVENT = {
    "mu": ("EventInfoAuxDyn.averageInteractionsPerCrossing", 1),
    "nVtxPU": ("EventInfoAuxDyn.nVtxPU", 1),
    "rho": ("Kt4LCTopoOriginEventShapeAuxDyn.Density", GEV),
}
#: Columns that are the ratio of two others.
RATIOS = {
    "ptIntermediateAxisEM_over_LC": ("ptIntermediateAxisEM", "ptIntermediateAxis"),
    "ptIntermediateAxis_over_ptCombined": ("ptIntermediateAxis", "ptCombined"),
    "ptPanTauCellBased_over_ptCombined": ("ptPanTauCellBased", "ptCombined"),
}


def main() -> None:
    """Write a tree `taus` with a list of values for each event."""
    apply("taus", [*BRANCHES, *OF_EVENT, *RATIOS], columns_of_taus, __doc__)


def columns_of_taus(tree: uproot.TTree, names: list[str]) -> tuple[dict[str, np.ndarray], ak.Array]:
    """Return one value a tau for each name, and the number of taus in each event."""
    parts = {part for name in names for part in RATIOS.get(name, [name])}
    found = {
        name: OF_EVENT[name] if name in OF_EVENT else (TAU + BRANCHES[name][0], BRANCHES[name][1]) for name in parts
    }
    arrays = read(tree, {TAU + "ptCombined", *(branch for branch, _ in found.values())})
    counts = ak.num(arrays[TAU + "ptCombined"])
    columns = {}
    for name, (branch, factor) in found.items():
        values = ak.to_numpy(ak.flatten(arrays[branch], axis=None)) * factor
        columns[name] = (np.repeat(values, counts) if name in OF_EVENT else values).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns |= {name: columns[above] / columns[below] for name, (above, below) in RATIOS.items() if name in names}
    return {name: columns[name] for name in names}, counts


def read(tree: uproot.TTree, branches: Iterable[str]) -> dict[str, ak.Array]:
    """Read branches by name; exit with a message that lists missing ones."""
    there = set(tree.keys())
    missing = sorted(set(branches) - there)
    if missing:
        folders = {name.rpartition(".")[0] for name in missing}
        beside = sorted(name for name in there if name.rpartition(".")[0] in folders) or sorted(there)
        sys.exit(f"no branch {', '.join(missing)}\nthere are {', '.join(beside[:40])}{' …' * (len(beside) > 40)}")
    return {branch: tree[branch].array() for branch in branches}


def apply(
    name: str,
    known: list[str],
    build: Callable[[uproot.TTree, list[str]], tuple[dict[str, np.ndarray], ak.Array | None]],
    usage: str | None,
) -> None:
    """Write a tree of this name with a model's predictions; command-line arguments are model, input and output file.

    known: inputs that `build` can make from the file's tree. build: returns them with the number of values in each
    event, or None where there is one.
    """
    if len(sys.argv) != 4:
        sys.exit(f"usage:\n\n{usage}")
    model, source, target = sys.argv[1:]
    for path in (model, source):
        if not Path(path).is_file():
            sys.exit(f"no file {path}")
    session = onnxruntime.InferenceSession(model)
    events = session.get_modelmeta().custom_metadata_map.get("events", "all")
    if events != "all":
        sys.exit(
            f"{model} is for the events of one fold alone ({events}), and was trained on others; expected a model of "
            "all events: train one without folds, or write scores by 'lineshape apply', which knows each event's fold"
        )
    names = [each.name for each in session.get_inputs()]
    unknown = [each for each in names if each not in known]
    if unknown:
        sys.exit(f"{model} takes {', '.join(unknown)}, which this program cannot make; it makes {', '.join(known)}")
    with uproot.open(source) as file:
        if "CollectionTree" not in file:
            sys.exit(f"no tree CollectionTree in {source}: there are {', '.join(file.keys())}")
        inputs, counts = build(file["CollectionTree"], names)
    outputs = [each.name for each in session.get_outputs() if len(each.shape) == 1]
    values = dict(zip(outputs, session.run(outputs, inputs), strict=True))
    if counts is not None:
        values = {output: ak.unflatten(each, counts) for output, each in values.items()}
    with uproot.recreate(target) as file:
        tree = file.mktree(name, dict.fromkeys(outputs, "float32" if counts is None else "var * float32"))
        tree.extend(values)
    objects = len(next(iter(inputs.values())))
    print(f"{len(inputs)} columns of {objects} {name} to {', '.join(outputs)} in {target}")


if __name__ == "__main__":
    main()
