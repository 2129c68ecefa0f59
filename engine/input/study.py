"""The base class of a study's processor."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lineshape.engine.core import settings as core
from lineshape.engine.core.columns import Column
from lineshape.engine.core.role import Role
from lineshape.engine.input.processor import Selected, control_histograms, flattened

if TYPE_CHECKING:
    import awkward as ak
    from coffea.nanoevents.methods.base import NanoEvents

#: Columns of what was selected, and the number of objects left after each cut, in order, from what was read.
Selection = tuple["dict[str, ak.Array]", dict[str, int]]


class Study(ABC):
    """A coffea processor for which a study declares inputs and outputs, and implements the selection.

    Settings: class of its settings in the job file. inputs: for each column that it reads, the branch that holds it by
    default, or alternatives of which the first that exists is used; None as the last: the column may be missing, and is
    then not a field of the events. schema: of coffea's, a class or its name, in place of inputs: events are then whole
    NanoEvents, with behaviors and cross-references, of which what is touched is read. outputs: metadata of the columns
    that it returns; of records, such as muons, the fields under names like muon_pt.

    It is registered as a coffea `ProcessorABC` wherever coffea is loaded, and does not load it: that takes longer than
    all else that a command does before it starts.
    """

    Settings: ClassVar[type[core.Settings]] = core.Settings
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]]
    schema: ClassVar[Any] = None
    outputs: ClassVar[Mapping[str, Column]]

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if cls.schema is not None and not hasattr(cls, "inputs"):
            cls.inputs = {}
        register()

    def __init__(self, settings: core.Settings) -> None:
        register()
        self.settings = settings

    @abstractmethod
    def select(self, events: "NanoEvents") -> Selection:
        """Return columns of one length, flat or jagged, with `event` among them, and the cut flow."""

    def process(self, events: "NanoEvents") -> Selected:
        """Select objects, and fill the control histogram of each column."""
        selected = self.select(events)
        if not (isinstance(selected, tuple) and len(selected) == 2):
            name = f"{type(self).__module__}.{type(self).__qualname__}.select"
            raise TypeError(
                f"{name} must return columns and cut flow, as in 'return columns, cut_flow', and returned "
                f"{'nothing' if selected is None else type(selected).__name__}"
            )
        columns, cut_flow = selected
        if self.schema is not None:
            columns = flattened(columns, self.outputs)
        return Selected(columns, cut_flow, control_histograms(columns, self.outputs))

    def postprocess(self, accumulator: Selected) -> Selected:
        """Return the accumulated result unchanged: the engine adds up shards itself."""
        return accumulator


class Processor(ABC):  # noqa: B024 - nobody derives from it: it asks of classes what they are
    """Any coffea processor: a `Study`, or another class that is derived from coffea's `ProcessorABC`."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        base = _coffeas()
        return issubclass(other, Study) or (base is not None and issubclass(other, base))


def register() -> None:
    """Make every study a coffea processor, where coffea is loaded."""
    if (base := _coffeas()) is not None:
        base.register(Study)


def _coffeas() -> Any:
    """Return coffea's base of processors; None where coffea is not loaded, and no class can be derived from it."""
    return getattr(sys.modules.get("coffea.processor"), "ProcessorABC", None)


#: Processors, by kind.
PROCESSORS: Final = Role[Any](
    "processor", "lineshape.processors", Processor, "processor", settings=lambda found: found.Settings
)
