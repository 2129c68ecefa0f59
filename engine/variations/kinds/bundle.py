"""Vary the model: the same question asked of another one."""

from collections.abc import Mapping
from typing import ClassVar

from lineshape.engine.core.settings import Name
from lineshape.engine.variations.variation import Direction, Variation


class BundleVariation(Variation):
    """Another bundle in the place of a model's, such as one that was trained on another generator's events."""

    model: Name
    """The model whose place is taken."""
    up: str
    """Another model of the job, by name, or the folder of a bundle, such as runs/STUDY/models/MODEL."""
    down: str | None = None
    """The same for the other direction."""

    #: Data are asked of the same model as simulation.
    of_data: ClassVar[bool] = True

    def bundles(self, direction: Direction) -> Mapping[str, str]:
        """Return the bundle that takes the model's place."""
        return {self.model: self.up if direction == "up" or self.down is None else self.down}
