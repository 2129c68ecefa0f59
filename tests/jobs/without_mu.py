"""The processor of the tau energy scale after a change that lost a column."""

from typing import ClassVar

from lineshape.processors.tau_energy_scale import TauEnergyScale


class WithoutMu(TauEnergyScale):
    """No mu any more."""

    outputs: ClassVar = {name: column for name, column in TauEnergyScale.outputs.items() if name != "mu"}
