"""The processor of the tau energy scale after a change that lost a column."""

from typing import ClassVar

from lineshape.engine.processor import Selected
from lineshape.processors.tau_energy_scale import TauEnergyScale


class WithoutMu(TauEnergyScale):
    """No mu any more."""

    makes: ClassVar = {name: column for name, column in TauEnergyScale.makes.items() if name != "mu"}

    def process(self, events: object) -> Selected:
        """As before, but for mu."""
        found = super().process(events)
        found.columns.pop("mu")
        found.histograms.pop("mu", None)
        return found
