"""What the tests of muons and of electrons share."""

from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from lineshape.engine.core.settings import Settings
from lineshape.engine.input.processor import Selected
from lineshape.engine.input.study import Study
from tests.conftest import TREE, select

_NAMES = {"r21": "physlite_r21_ttbar", "r22": "physlite_r22_zee", "r23": "physlite_r23_ttbar"}


def genuine(shared: Path, release: str) -> Path:
    """The genuine file of a release."""
    return shared / "real" / f"{_NAMES[release]}.root"


@cache
def of_genuine(processor: type[Study], settings: Settings, shared: Path, release: str) -> Selected:
    """What a processor makes of a genuine file, which has hundreds of branches to look at."""
    return select(processor(settings), genuine(shared, release))


def numpy_columns(selected: Selected) -> dict[str, NDArray[Any]]:
    return {name: ak.to_numpy(values) for name, values in selected.columns.items()}


def by_hand(path: Path, leptons: str, tracks: str, container: int) -> list[dict[str, float]]:
    """Each lepton's own pT and η and those of its track, and the track's features, object by object in plain Python.

    leptons, tracks: containers, with the dot at their end. container: the number that links name the tracks' by.
    """
    with uproot.open(path) as file:
        tree = file[TREE]
        there = tree.keys(recursive=True)

        def read(name: str) -> list[Any]:
            return ak.to_list(tree[name].array())  # type: ignore[no-any-return]

        if leptons.startswith("AnalysisMuons"):
            link = f"{leptons}combinedTrackParticleLink/{leptons}combinedTrackParticleLink."
            pairs = zip(read(link + "m_persKey"), read(link + "m_persIndex"), strict=True)
            links = [list(zip(*pair, strict=True)) for pair in pairs]
        else:
            records = read(leptons + "trackParticleLinks")
            links = [[(of[0]["m_persKey"], of[0]["m_persIndex"]) for of in event] for event in records]
        diagonal = tracks + "definingParametersCovMatrixDiag"
        place = 4 if diagonal in there else 14
        covariance = read(diagonal if diagonal in there else tracks + "definingParametersCovMatrix")
        track = {name: read(tracks + name) for name in ("d0", "z0", "vz", "theta", "qOverP")}
        own = {name: read(leptons + name) for name in ("pt", "eta")}
        vertices = list(zip(read("PrimaryVerticesAuxDyn.vertexType"), read("PrimaryVerticesAuxDyn.z"), strict=True))
    found = []
    for event, of_event in enumerate(links):
        (z,) = [z for kind, z in zip(*vertices[event], strict=True) if kind == 1]
        for number, (key, index) in enumerate(of_event):
            if key != container:
                continue
            d0, z0, vz, theta, curvature = (track[name][event][index] for name in track)
            found.append(
                {
                    "ownPt": own["pt"][event][number] / 1000,
                    "ownEta": own["eta"][event][number],
                    "trackPt": np.sin(theta) / abs(curvature) / 1000,
                    "trackEta": -np.log(np.tan(theta / 2)),
                    "number": number,
                    "index": index,
                    "absD0": abs(d0),
                    "absZ0SinTheta": abs(z0 * np.sin(theta)),
                    "absDeltaZ0": abs(z - z0 - vz),
                    "relativePtError": np.sqrt(covariance[event][index][place]) / abs(curvature),
                }
            )
    return found
