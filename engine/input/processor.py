"""What the engine asks of a processor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.source_code import source_of

if TYPE_CHECKING:
    import awkward as ak
    import hist
    from coffea.nanoevents.methods.base import NanoEvents

#: Part of every fingerprint: raise it when the layout of shards changes.
SHARD_LAYOUT = 4


@dataclass(frozen=True)
class Selected:
    """What a processor makes of a chunk.

    columns: arrays of one length, flat or jagged; `event` (unsigned, the event number) must be among them.
    cut_flow: number of objects left after each cut, in order; the first is what was read.
    histograms: control histograms of what was selected.
    """

    columns: "dict[str, ak.Array]"
    cut_flow: dict[str, int]
    histograms: "dict[str, hist.Hist[Any]]"


class Selects(Protocol):
    """What makes columns of events: a processor, or one with further columns."""

    @property
    def inputs(self) -> Mapping[str, str | tuple[str | None, ...]]:
        """As of a processor."""
        ...

    @property
    def outputs(self) -> Mapping[str, Column]:
        """As of a processor."""
        ...

    def process(self, events: "NanoEvents") -> Selected:
        """Select and build features."""
        ...


class StudyProcessor(Protocol):
    """A coffea `ProcessorABC` with the declarations that the engine reads.

    Settings: its settings in the job file. inputs: for each column that it reads, the branch that holds it by default,
    or several of which the first that is there counts; None at the end of them: the column may be missing, and is then
    not a field of the events. outputs: what the columns that it returns mean.
    """

    Settings: ClassVar[type[Settings]]
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]]
    outputs: ClassVar[Mapping[str, Column]]

    def process(self, events: "NanoEvents") -> Selected:
        """Select and build features."""
        ...


def fingerprint(processor: StudyProcessor, settings: Settings, nonfinite: str, derived: str = "") -> str:
    """Digest of a processor's source and settings, and of what becomes of NaN: a change of any makes new shards.

    derived: digest of what further columns come from, empty where there are none.
    """
    content = [SHARD_LAYOUT, source_of(type(processor)), settings.model_dump(mode="json"), nonfinite]
    return digest(*content, *([derived] if derived else []))


def control_histograms(
    columns: "Mapping[str, ak.Array]", column_metadata: Mapping[str, Column]
) -> "dict[str, hist.Hist[Any]]":
    """A histogram of each column, as its metadata says; jagged columns are flattened, missing values left out."""
    import awkward as ak
    import hist
    import numpy as np

    histograms = {}
    for name, metadata in column_metadata.items():
        if name in columns:
            column = columns[name]
            values = ak.to_numpy(column if column.layout.is_numpy else ak.flatten(column, axis=None))
            finite = np.isfinite(values)
            histogram = hist.Hist(metadata.axis(), storage=hist.storage.Int64())
            histograms[name] = histogram.fill(values if finite.all() else values[finite])
    return histograms
