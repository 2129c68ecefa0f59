"""Interfaces that the engine requires of a processor, its fingerprint, and control histograms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.source_code import source_of
from lineshape.engine.input.tracing import tracer

if TYPE_CHECKING:
    import awkward as ak
    import hist
    from coffea.nanoevents.methods.base import NanoEvents

#: Part of every fingerprint: raise it when the layout of shards changes.
SHARD_LAYOUT = 4


@dataclass(frozen=True)
class Selected:
    """A processor's result for a chunk.

    columns: arrays of one length, flat or jagged; `event` (unsigned, the event number) must be among them.
    cut_flow: number of objects left after each cut, in order; the first is what was read.
    histograms: control histograms of what was selected.
    """

    columns: "dict[str, ak.Array]"
    cut_flow: dict[str, int]
    histograms: "dict[str, hist.Hist[Any]]"


class Selects(Protocol):
    """Interface of anything that makes columns from events: a processor, or one with derived columns."""

    @property
    def inputs(self) -> Mapping[str, str | tuple[str | None, ...]]:
        """Default branch, or alternatives, of each column that is read (see `StudyProcessor`)."""
        ...

    @property
    def outputs(self) -> Mapping[str, Column]:
        """Metadata of the columns that are made (see `StudyProcessor`)."""
        ...

    def process(self, events: "NanoEvents") -> Selected:
        """Select objects and build features."""
        ...


class StudyProcessor(Protocol):
    """Interface of a coffea `ProcessorABC` with the declarations that the engine reads.

    Settings: class of its settings in the job file. inputs: for each column that it reads, the branch that holds it by
    default, or alternatives of which the first that exists is used; None as the last: the column may be missing, and is
    then not a field of the events. outputs: metadata of the columns that it returns.
    """

    Settings: ClassVar[type[Settings]]
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]]
    outputs: ClassVar[Mapping[str, Column]]

    def process(self, events: "NanoEvents") -> Selected:
        """Select objects and build features."""
        ...


def fingerprint(processor: StudyProcessor, settings: Settings, nonfinite: str, derived: str = "") -> str:
    """Return a digest of a processor's source, settings and treatment of NaN: a change of any makes new shards.

    derived: digest of the sources of derived columns, empty where there are none.
    """
    content = [SHARD_LAYOUT, source_of(type(processor)), settings.model_dump(mode="json"), nonfinite]
    return digest(*content, *([derived] if derived else []))


def flattened(columns: "Mapping[str, ak.Array]", outputs: Mapping[str, Column]) -> "dict[str, ak.Array]":
    """Return columns without behaviors: of records the fields that `outputs` names; NaN where a value is missing."""
    import awkward as ak
    import numpy as np

    found: dict[str, ak.Array] = {}
    for name, values in columns.items():
        named = {name: values}
        if fields := ak.fields(values):
            named = {f"{name}_{field}": values[field] for field in fields if f"{name}_{field}" in outputs}
        for column, plain in named.items():
            bare = ak.without_parameters(ak.materialize(plain), behavior={})
            found[column] = ak.to_packed(ak.fill_none(bare, np.nan) if "?" in str(bare.type) else bare)
    return found


def control_histograms(
    columns: "Mapping[str, ak.Array]", column_metadata: Mapping[str, Column]
) -> "dict[str, hist.Hist[Any]]":
    """Return a histogram of each column, binned as in its metadata: jagged ones flattened, missing values left out.

    There are none where a processor is traced, of which nobody looks at them.
    """
    import awkward as ak
    import hist
    import numpy as np

    histograms: dict[str, hist.Hist[Any]] = {}
    if tracer():
        return histograms
    for name, metadata in column_metadata.items():
        if name in columns:
            column = columns[name]
            values = ak.to_numpy(column if column.layout.is_numpy else ak.flatten(column, axis=None))
            finite = np.isfinite(values)
            histogram = hist.Hist(metadata.axis(), storage=hist.storage.Int64())
            histograms[name] = histogram.fill(values if finite.all() else values[finite])
    return histograms
