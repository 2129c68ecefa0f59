"""Vary events by a function of the user's."""

from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from lineshape.engine.core.errors import ProcessorError
from lineshape.engine.core.kinds import load
from lineshape.engine.core.settings import Names
from lineshape.engine.core.source_code import source_of
from lineshape.engine.input.events import with_columns
from lineshape.engine.variations.variation import Direction, Variation

if TYPE_CHECKING:
    import numpy as np


class FunctionVariation(Variation):
    """A function of events and a direction, called before the processor.

    It is called as function(events, direction, chance, **settings), with "up" or "down" and a random generator that
    gives both directions of a chunk the same numbers, and returns the columns that it changes, by name, or events.
    """

    function: str = Field(pattern=r"^.+:.+$")
    """The function, as their_module:their_function."""
    columns: Names = []
    """Columns that it reads beside those that the processor does."""
    settings: dict[str, Any] = {}
    """Further arguments, by name."""

    changes_events: ClassVar[bool] = True

    def reads(self) -> list[str]:
        """Return the columns that it reads."""
        return self.columns

    def changed(self, events: Any, direction: Direction, chance: "np.random.Generator") -> Any:
        """Return the events with the columns that the function returns, or those that it returns."""
        found = self._loaded()(events, direction, chance, **self.settings)
        if isinstance(found, Mapping):
            return with_columns(events, found)
        if found is None or not hasattr(found, "layout") or len(found) != len(events):
            what = f"{len(found):,} events for {len(events):,}" if hasattr(found, "layout") else repr(found)[:60]
            raise ProcessorError(
                f"{self.function} returned {what}: expected columns by name, or events, as many as it was given"
            )
        return found

    def source(self) -> list[str]:
        """Return the code of the function's module."""
        found = self._loaded()
        return [source_of(found) if isinstance(found, type | FunctionType) else repr(found)]

    def _loaded(self) -> Any:
        return load(self.function, "install its package, or put its folder on PYTHONPATH")
