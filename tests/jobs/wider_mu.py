"""The processor of the nights after a change of a control histogram's range."""

from dataclasses import replace
from typing import ClassVar

from tests.jobs.small_taus import SmallTaus


class WiderMu(SmallTaus):
    """mu up to 500."""

    outputs: ClassVar = SmallTaus.outputs | {"mu": replace(SmallTaus.outputs["mu"], high=500.0)}
