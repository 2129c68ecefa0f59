"""Distinguish electrons of tau decays from prompt and fake ones, in PHYSLITE of releases 21 to 23.

Source: the outlook of "Studies on the Separation of Prompt and Tau Muons with the ATLAS Detector using Machine Learning
Methods" (D. Ortmann, 2022).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.processors.leptons import Floats, LeptonCuts, LeptonStudy, branches
from lineshape.processors.physlite import GSF_TRACKS, linked

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_ELECTRONS, _TRACKS = "AnalysisElectronsAuxDyn.", "GSFTrackParticlesAuxDyn."
#: MCTruthClassifier's type of a background electron, and origin of one from a converted photon.
_BACKGROUND, _CONVERSION = 4, 5


class TauElectrons(LeptonStudy):
    """Electrons of the Medium likelihood, with momenta by the track and by the calorimeter."""

    Settings: ClassVar[type[LeptonCuts]] = LeptonCuts
    isolated: ClassVar[int] = 2

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        **branches(_ELECTRONS, _TRACKS),
        "identified": _ELECTRONS + "DFCommonElectronsLHMedium",
        "trackLinks": _ELECTRONS + "trackParticleLinks",
        "motherType": (_ELECTRONS + "firstEgMotherTruthType", None),
        "motherOrigin": (_ELECTRONS + "firstEgMotherTruthOrigin", None),
    }

    outputs: ClassVar[Mapping[str, Column]] = {
        **LeptonStudy.outputs,
        # Bremsstrahlung makes an electron's track far worse than a muon's.
        "relativePtError": Column(r"$\sigma(q/p)/|q/p|$", "", 0, 1),
        "rhoPrime": Column(r"$\rho'$", "", -1, 2),
    }

    def tracks_of(self, events: "NanoEvents", tracks: ak.Array) -> ak.Array:
        """Return the first of the tracks that an electron links to, which is its best."""
        link = ak.firsts(events["trackLinks"], axis=2)
        return linked(tracks, link["m_persKey"], link["m_persIndex"], GSF_TRACKS)

    def momenta(self, leptons: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        """Return momenta by the track and by the calorimeter, which alone gives an electron its pT."""
        theta, curvature = (leptons[name].astype(np.float64) for name in ("theta", "qOverP"))
        with np.errstate(divide="ignore"):
            return np.sin(theta) / np.abs(curvature), leptons["pt"].astype(np.float64)

    def truth(self, leptons: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        """Return type and origin; of one from a photon that another electron radiated, those of that electron.

        Such an electron is how the detector saw the other one, and not fake. For all others the mother is not used:
        release 22 has none for electrons from Z.
        """
        kind, source = super().truth(leptons)
        if not {"motherType", "motherOrigin"} <= set(leptons):
            return kind, source
        converted = (kind == _BACKGROUND) & (source == _CONVERSION)
        return np.where(converted, leptons["motherType"], kind), np.where(converted, leptons["motherOrigin"], source)

    def identified(self, leptons: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return which electrons pass the working point."""
        found: NDArray[np.bool_] = leptons["identified"] == 1
        return found
