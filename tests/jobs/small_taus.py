"""The tau energy scale with few columns, and its measure without plots: a report of them is drawn in no time."""

import time
from collections.abc import Mapping
from typing import ClassVar

from coffea.nanoevents.methods.base import NanoEvents

from lineshape.engine.input.study import Selection
from lineshape.engine.measures.kinds.response import Response
from lineshape.engine.measures.measure import Measured
from lineshape.engine.measures.plots import Plot
from lineshape.processors.tau_energy_scale import TauEnergyScale

FEATURES = ("mu", "ptCombined")
#: What the cuts look at, the features and the truth.
_READ = (
    "event",
    "mu",
    "rho",
    "nTracks",
    "eta",
    "ptIntermediateAxis",
    "ptIntermediateAxisEM",
    "ptTauEnergyScale",
    "ptPanTauCellBased",
    "ptCombined",
    "truthPtVis",
)


class SmallTaus(TauEnergyScale):
    """Two features and the truth."""

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {name: TauEnergyScale.inputs[name] for name in _READ}
    outputs: ClassVar = {name: TauEnergyScale.outputs[name] for name in (*FEATURES, "truthPtVis")}


class SlowTaus(SmallTaus):
    """The same, slowly, so that a test can do something meanwhile."""

    def select(self, events: NanoEvents) -> Selection:
        """Wait, and select."""
        time.sleep(0.2)
        return super().select(events)


class ResponseFigures(Response):
    """Figures of the response alone."""

    def plots(self, measured: Measured) -> list[Plot]:
        """None."""
        return []
