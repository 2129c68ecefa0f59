"""Distinguish muons of tau decays from prompt and fake ones, in simulated files and in PHYSLITE of releases 21 to 23.

Source: "Studies on the Separation of Prompt and Tau Muons with the ATLAS Detector using Machine Learning Methods" (D.
Ortmann, 2022).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.processors.leptons import Floats, LeptonCuts, LeptonStudy, branches
from lineshape.processors.physlite import COMBINED_MUON_TRACKS, linked

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_MUONS, _TRACKS = "AnalysisMuonsAuxDyn.", "CombinedMuonTrackParticlesAuxDyn."
_LINK = f"{_MUONS}combinedTrackParticleLink/{_MUONS}combinedTrackParticleLink."
#: Bits of a muon's quality that hold its working point; higher ones describe its hits.
_WORKING_POINT = 7


class MuonCuts(LeptonCuts):
    """Cuts and units of muons."""

    maximum_quality: int = 1
    """Loosest working point of a muon that passes: 0 Tight, 1 Medium, 2 Loose, 3 VeryLoose."""


class TauMuons(LeptonStudy):
    """Muons with a combined track, with momenta by the inner detector and by the spectrometer."""

    Settings: ClassVar[type[MuonCuts]] = MuonCuts
    isolated: ClassVar[int] = 6

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        **branches(_MUONS, _TRACKS),
        "innerPt": _MUONS + "InnerDetectorPt",
        "outerPt": _MUONS + "MuonSpectrometerPt",
        "quality": _MUONS + "quality",
        # Without links, as in simulated files, tracks are in the muons' order, one each.
        "trackKey": (_LINK + "m_persKey", None),
        "trackIndex": (_LINK + "m_persIndex", None),
    }

    settings: MuonCuts

    def tracks_of(self, events: "NanoEvents", tracks: ak.Array) -> ak.Array:
        """Return the combined track of each muon."""
        if "trackIndex" not in events.fields:
            return tracks
        return linked(tracks, events["trackKey"], events["trackIndex"], COMBINED_MUON_TRACKS)

    def momenta(self, leptons: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        """Return momenta by the inner detector and by the muon spectrometer."""
        return leptons["innerPt"].astype(np.float64), leptons["outerPt"].astype(np.float64)

    def identified(self, leptons: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return which muons are of the required working point, or a tighter one."""
        return (leptons["quality"].astype(np.int64) & _WORKING_POINT) <= self.settings.maximum_quality
