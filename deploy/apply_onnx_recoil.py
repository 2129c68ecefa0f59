"""Apply a hadronic recoil that was exported as ONNX to a ROOT file, with uproot, awkward, NumPy and onnxruntime alone.

python apply_onnx_recoil.py dense.onnx events.root recoil.root

It applies models of single values (all of the study but `objects`, which needs lists); apply_onnx.py must be beside it.
Events without the right muons, or without a primary vertex, get NaN.
"""

import awkward as ak
import numpy as np
import uproot
from apply_onnx import apply, read

LEPTONS = 1  # 2 for Z → μμ
GEV = 0.001  # of the file's MeV
#: Prefix of each collection's branches, and the quantities read of it.
COLLECTIONS = {
    "charged": ("JetETMissChargedParticleFlowObjectsAuxDyn.", ("pt", "eta", "phi")),
    "neutral": ("JetETMissNeutralParticleFlowObjectsAuxDyn.", ("pt", "eta", "phi", "ptEM")),
    "jet": ("AntiKt4EMPFlowJetsAuxDyn.", ("pt", "eta", "phi")),
    "muon": ("MuonsAuxDyn.", ("pt", "eta", "phi")),
}
VERTEX = "PrimaryVerticesAuxDyn.vertexType"
#: Number of hardest objects of each kind whose momenta are columns; all columns.
LEADING = {"jet": 2, "charged": 5, "neutral": 5}
COLUMNS = [
    *(f"u{axis}{part}" for part in ("", "Charged", "Neutral") for axis in "xy"),
    *("sumET", "sumETCharged", "sumETNeutralEM", "nPV", "nCharged", "nNeutral"),
    *(f"{kind}{i + 1}P{axis}" for kind, number in LEADING.items() for i in range(number) for axis in "xy"),
]


def main() -> None:
    """Write a tree `events` with one value of each component for each event."""
    apply("events", COLUMNS, columns_of_events, __doc__)


def columns_of_events(tree: uproot.TTree, names: list[str]) -> tuple[dict[str, np.ndarray], None]:
    """Return one value an event for each name."""
    branches = [prefix + part for prefix, parts in COLLECTIONS.values() for part in parts]
    arrays = read(tree, [VERTEX, *branches])
    muons = objects(arrays, "muon")
    muons = muons[(muons.pt >= 25) & (np.abs(muons.eta) <= 2.4)]
    vertices = arrays[VERTEX]
    good = ak.to_numpy((ak.num(muons) == LEPTONS) & ak.any(vertices == 1, axis=1))

    muons, vertices = muons[good], vertices[good]
    charged = away(objects(arrays, "charged")[good], muons, 0.2)
    neutral = away(objects(arrays, "neutral")[good], muons, 0.2)
    jets = away(objects(arrays, "jet")[good], muons, 0.4)
    found = {
        "uxCharged": ak.sum(charged.px, axis=1),
        "uyCharged": ak.sum(charged.py, axis=1),
        "uxNeutral": ak.sum(neutral.px, axis=1),
        "uyNeutral": ak.sum(neutral.py, axis=1),
        "sumETCharged": ak.sum(charged.pt, axis=1),
        "sumETNeutralEM": ak.sum(neutral.ptEM, axis=1),
        "nPV": ak.sum((vertices == 1) | (vertices == 3), axis=1),  # the primary one and those of pile-up
        "nCharged": ak.num(charged),
        "nNeutral": ak.num(neutral),
    }
    found |= {f"u{axis}": found[f"u{axis}Charged"] + found[f"u{axis}Neutral"] for axis in "xy"}
    found["sumET"] = found["sumETCharged"] + ak.sum(neutral.pt, axis=1)
    for kind, of in {"jet": jets[jets.pt >= 20], "charged": charged, "neutral": neutral}.items():
        found |= leading(kind, of, LEADING[kind])

    columns = {name: np.full(len(good), np.nan, dtype=np.float32) for name in names}
    for name, column in columns.items():
        column[good] = ak.to_numpy(found[name])
    return columns, None


def objects(arrays: dict[str, ak.Array], kind: str) -> ak.Array:
    """Return a collection as records, momenta in GeV."""
    prefix, parts = COLLECTIONS[kind]
    values = {part: ak.values_astype(arrays[prefix + part], np.float64) for part in parts}
    values |= {part: values[part] * GEV for part in parts if part.startswith("pt")}
    values |= {"px": values["pt"] * np.cos(values["phi"]), "py": values["pt"] * np.sin(values["phi"])}
    return ak.zip(values)


def away(found: ak.Array, muons: ak.Array, cone: float) -> ak.Array:
    """Return objects at least this far in ΔR from all muons."""
    each, muon = ak.unzip(ak.cartesian([found, muons], nested=True))
    turn = (each.phi - muon.phi + np.pi) % (2 * np.pi) - np.pi
    return found[ak.all(np.hypot(each.eta - muon.eta, turn) >= cone, axis=-1)]


def leading(kind: str, found: ak.Array, number: int) -> dict[str, ak.Array]:
    """Return momenta of the hardest objects, 0 where there are fewer."""
    hardest = found[ak.argsort(found.pt, ascending=False)]
    columns = {}
    for axis in "xy":
        values = ak.fill_none(ak.pad_none(hardest[f"p{axis}"], number), 0)
        columns |= {f"{kind}{i + 1}P{axis}": values[:, i] for i in range(number)}
    return columns


if __name__ == "__main__":
    main()
