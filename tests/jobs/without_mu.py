"""The processor of the nights after a change that lost a column."""

from typing import ClassVar

from tests.jobs.small_taus import SmallTaus


class WithoutMu(SmallTaus):
    """No mu any more."""

    outputs: ClassVar = {name: column for name, column in SmallTaus.outputs.items() if name != "mu"}
