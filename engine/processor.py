"""What the engine asks of a processor, and what it gives it: NanoEvents of named columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lineshape.engine.catalogue import Chunk
from lineshape.engine.columns import Column
from lineshape.engine.digests import digest, source_of
from lineshape.engine.errors import DataError
from lineshape.engine.settings import Settings

if TYPE_CHECKING:
    import awkward as ak
    import hist
    import numpy as np
    import uproot
    from coffea.nanoevents.methods.base import NanoEvents
    from numpy.typing import NDArray

#: Part of every fingerprint: raise it when the layout of shards changes.
SHARD_LAYOUT = 3

_ENTROPY = "entropy"


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


class StudyProcessor(Protocol):
    """A coffea `ProcessorABC` with the declarations that the engine reads.

    Settings: its settings in the job file. reads: for each column that it reads, the branch that holds it by default,
    or several of which the first that is there counts; None at the end of them: the column may be missing, and is then
    not a field of the events. makes: what the columns that it returns mean.
    """

    Settings: ClassVar[type[Settings]]
    reads: ClassVar[Mapping[str, str | tuple[str | None, ...]]]
    makes: ClassVar[Mapping[str, Column]]

    def process(self, events: "NanoEvents") -> Selected:
        """Select and build features."""
        ...


def fingerprint(processor: StudyProcessor, settings: Settings, nonfinite: str) -> str:
    """Digest of a processor's source and settings, and of what becomes of NaN: a change of any makes new shards."""
    return digest(SHARD_LAYOUT, source_of(type(processor)), settings.model_dump(mode="json"), nonfinite)


def events_of(file: "uproot.ReadOnlyDirectory", chunk: Chunk) -> "NanoEvents":
    """NanoEvents in virtual mode over an open file: the columns under the study's names, and no other branch."""
    from coffea.nanoevents import BaseSchema, NanoEventsFactory

    column_of = {branch: column for column, branch in chunk.file.branches.items() if branch}

    class Columns(BaseSchema):  # type: ignore[misc]
        def __init__(self, base_form: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            named = base_form | {"fields": [column_of[field] for field in base_form["fields"]]}
            super().__init__(named, *args, **kwargs)

    factory = NanoEventsFactory.from_root(
        file,
        treepath=chunk.file.tree,
        entry_start=chunk.start,
        entry_stop=chunk.stop,
        schemaclass=Columns,
        mode="virtual",
        metadata={"sample": chunk.file.sample, _ENTROPY: chunk.identity("")},
        iteritems_options={"filter_name": lambda name: name in column_of},
    )
    return factory.events()


def generator(events: "NanoEvents", seed: int) -> "np.random.Generator":
    """Random numbers of a chunk, from the seed and the chunk alone: the same on whatever worker, in whatever order.

    seed: one of the processor's settings, so that another seed makes new shards.
    """
    import numpy as np

    return np.random.default_rng(np.random.SeedSequence([seed, int(events.metadata[_ENTROPY], 16)]))


def control_histograms(
    columns: "Mapping[str, ak.Array]", meanings: Mapping[str, Column]
) -> "dict[str, hist.Hist[Any]]":
    """A histogram of each column, as its meaning says; jagged columns are flattened, missing values left out."""
    import awkward as ak
    import hist
    import numpy as np

    histograms = {}
    for name, meaning in meanings.items():
        if name in columns:
            values = ak.to_numpy(ak.flatten(columns[name], axis=None)).astype(float)
            histogram = hist.Hist(meaning.axis(name), storage=hist.storage.Int64())
            histograms[name] = histogram.fill(values[np.isfinite(values)])
    return histograms


def per_object(events: "NanoEvents", like: str) -> "dict[str, NDArray[Any]]":
    """One value an object for every column: jagged ones flattened, those by event repeated for each of its objects.

    like: a column that has one value an object.

    Raises DataError where it has not, or where another has a different number of them.
    """
    import awkward as ak

    objects = events[like]
    if objects.ndim != 2:
        raise DataError(
            f"column {like} has one value an event; expected one for each object: name its branch in 'branches:'"
        )
    counts = ak.num(objects)
    flat = {}
    for name in events.fields:
        values = events[name]
        if values.ndim == 1:
            values = ak.broadcast_arrays(values, objects)[0]
        elif values.ndim != 2 or not ak.all(ak.num(values) == counts):
            raise DataError(
                f"column {name} has not as many values an event as column {like}: name its branch in 'branches:'"
            )
        flat[name] = ak.to_numpy(ak.flatten(values))
    return flat
