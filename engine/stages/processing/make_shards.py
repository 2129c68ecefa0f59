"""Turn chunks of a file into shards, on a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import DataError, ProcessorError, code_line
from lineshape.engine.core.settings import Settings
from lineshape.engine.execution.failures import Cause, Failure, classify
from lineshape.engine.feature_store.event_numbers import exact, sample_of
from lineshape.engine.feature_store.shards import ShardInfo, shard_path, write_shard
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.events import EventReader, flat, numbers
from lineshape.engine.input.processor import Selected, Selects
from lineshape.engine.input.root_files import may_pass, open_file
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.job.derived import Derived, Deriving
from lineshape.engine.job.processor_builder import with_derived


@dataclass(frozen=True)
class ShardPlan:
    """Everything a worker needs to make shards: the processor's kind and settings, the folder, and how to treat NaN.

    nonfinite: "refuse" or "drop" entries with NaN or infinite values. derived: columns beside the processor's own.
    """

    kind: str
    settings: Settings
    fingerprint: str
    folder: Path
    nonfinite: str
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def path(self, chunk: Chunk) -> Path:
        """Return the path of the shard of a chunk."""
        return shard_path(self.folder, chunk.file.sample, chunk.identity(self.fingerprint))

    def __call__(self, chunks: Sequence[Chunk]) -> list[Failure | None]:
        """Make the shards of chunks of one file, which is opened once; return for each its failure, or None.

        Raises transient errors (a server that does not answer) and those that concern all chunks (a full disk); a retry
        continues from there, as a shard that exists is not made again.
        """
        record = chunks[0].file
        try:
            processor = with_derived(PROCESSORS.find(self.kind)(self.settings), self.derived)
            with open_file(record.path) as file:
                reader = EventReader(file, record)
                return [self._outcome(processor, reader, chunk) for chunk in chunks]
        except DataError as error:
            return [classify(error)] * len(chunks)

    def _outcome(self, processor: Selects, reader: EventReader, chunk: Chunk) -> Failure | None:
        if self.path(chunk).exists():
            return None
        try:
            make_shard(self, processor, reader, chunk)
        except Exception as error:
            failure = classify(error)
            if failure.cause in {Cause.CORRUPT, Cause.PROCESSOR}:
                return failure
            raise
        return None


def make_shard(plan: ShardPlan, processor: Selects, reader: EventReader, chunk: Chunk) -> None:
    """Read a chunk, apply the processor, and write the shard."""
    events = reader.events(chunk)
    events, dropped = _finite(events, chunk, plan.nonfinite)
    _check_event_numbers(events, chunk)
    selected = _select(processor, events)
    numbers_of = _check_columns(selected, processor)
    info = ShardInfo(
        chunk.to_dict(), len(numbers_of), selected.cut_flow, selected.histograms, dropped, sample_of(numbers_of)
    )
    write_shard(plan.path(chunk), selected.columns, processor.outputs, info)


def _select(processor: Selects, events: Any) -> Selected:
    """Return the processor's selection; its own errors become a ProcessorError, whatever their type.

    Events are read before: the content of their columns may be wrong (a DataError), but a file cannot cause any other
    error. Errors of a file system from which the processor reads files of its own may be transient.
    """
    try:
        return processor.process(events)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        if classify(error).cause is Cause.TRANSIENT:
            raise
        raise ProcessorError(code_line(error)) from error


def _finite(events: Any, chunk: Chunk, nonfinite: str) -> tuple[Any, int]:
    """Return the events whose columns are all finite, and the number of others; raises DataError to refuse them."""
    good = np.ones(len(events), dtype=bool)
    for name in events.fields:
        # First all values at once: most columns have none that is not finite, and need no check entry by entry.
        if np.isfinite(_read(events, name, chunk)).all():
            continue
        finite = np.isfinite(events[name])
        while finite.ndim > 1:
            finite = ak.all(finite, axis=-1)
        bad = ~ak.to_numpy(finite)
        if nonfinite == "refuse":
            branch = chunk.file.branches[name]
            raise DataError(
                f"{chunk.file.path}: branch {branch} holds NaN or infinite values in {bad.sum()} of {len(bad)} "
                f"entries, first in entry {chunk.start + int(np.flatnonzero(bad)[0])}; mend the file, "
                "or set 'nonfinite: drop' in the job file to leave such entries out"
            )
        good &= ~bad
    return (events, 0) if good.all() else (events[good], int((~good).sum()))


def _read(events: Any, name: str, chunk: Chunk) -> NDArray[Any]:
    """Read a column's values now; raises DataError where the file is damaged, OSError where a retry may help."""
    branch = f"{chunk.file.path}: branch {chunk.file.branches[name]}"
    try:
        with may_pass(chunk.file.path):
            return numbers(events, name)
    except DataError as error:
        raise DataError(f"{branch}: {error}") from error
    except Exception as error:
        if classify(error).cause is Cause.TRANSIENT:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{branch} is damaged or cut short: {reason[:200]}") from error


def _check_event_numbers(events: Any, chunk: Chunk) -> None:
    """Raise DataError where the column `event` exists but does not hold exactly one exact number an event."""
    if "event" in events.fields:
        values, counts = flat(events, "event")
        what = f"{chunk.file.path}: branch {chunk.file.branches['event']}, column event"
        if counts is not None and (counts != 1).any():
            raise DataError(f"{what}: expected one number an event, found lists: name its branch in 'branches:'")
        exact(values, what)


def _check_columns(selected: Selected, processor: Selects) -> NDArray[np.uint64]:
    """Return the event numbers; raises ProcessorError where the columns break the processor's contract."""
    own = type(processor.processor if isinstance(processor, Deriving) else processor)
    what = f"{own.__module__}.{own.__qualname__}"
    lengths = {name: len(values) for name, values in selected.columns.items()}
    if "event" not in lengths or len(set(lengths.values())) != 1:
        raise ProcessorError(f"{what} must return 'event' and columns of one length, and returned {lengths}")
    unknown = set(lengths) - set(processor.outputs) - {"event"}
    if unknown:
        raise ProcessorError(f"{what} returned columns {sorted(unknown)}, which its 'outputs' do not declare")
    try:
        return exact(ak.to_numpy(selected.columns["event"]), "column event, as the processor returns it")
    except (DataError, ValueError) as error:
        raise ProcessorError(str(error)) from error
