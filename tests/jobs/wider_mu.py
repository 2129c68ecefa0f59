"""The processor of the tau energy scale after a change of a control histogram's range."""

from dataclasses import replace
from typing import ClassVar

from lineshape.processors.tau_energy_scale import TauEnergyScale


class WiderMu(TauEnergyScale):
    """mu up to 500."""

    outputs: ClassVar = TauEnergyScale.outputs | {"mu": replace(TauEnergyScale.outputs["mu"], high=500.0)}
