"""The base of a study's processor."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from coffea.processor import ProcessorABC

from lineshape.engine.core import settings as core
from lineshape.engine.core.columns import Column
from lineshape.engine.input.processor import Selected, control_histograms

if TYPE_CHECKING:
    import awkward as ak
    from coffea.nanoevents.methods.base import NanoEvents

#: Columns of what was selected, and the number of objects left after each cut, in order, from what was read.
Selection = tuple["dict[str, ak.Array]", dict[str, int]]


class Study(ProcessorABC, ABC):  # type: ignore[misc]
    """A coffea processor of which a study declares what it reads and makes, and selects.

    Settings: its settings in the job file. inputs: for each column that it reads, the branch that holds it by default,
    or several of which the first that is there counts; None at the end of them: the column may be missing, and is then
    not a field of the events. outputs: what the columns that it returns mean.
    """

    Settings: ClassVar[type[core.Settings]] = core.Settings
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]]
    outputs: ClassVar[Mapping[str, Column]]

    def __init__(self, settings: core.Settings) -> None:
        self.settings = settings

    @abstractmethod
    def select(self, events: "NanoEvents") -> Selection:
        """Return columns of one length, flat or jagged, with `event` among them, and the cut flow."""

    def process(self, events: "NanoEvents") -> Selected:
        """Select, and fill the control histogram of each column."""
        columns, cut_flow = self.select(events)
        return Selected(columns, cut_flow, control_histograms(columns, self.outputs))

    def postprocess(self, accumulator: Selected) -> Selected:
        """Return what was accumulated as it is: the engine adds shards up."""
        return accumulator
