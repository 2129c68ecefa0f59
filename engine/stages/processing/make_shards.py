"""On a worker: chunks of a file become shards."""

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
from lineshape.engine.job.derived import Derived
from lineshape.engine.job.processor_builder import find_processor, with_derived


@dataclass(frozen=True)
class ShardPlan:
    """What a worker needs to make shards: processor's kind and settings, where they go, what to do with NaN.

    derived: columns beside the processor's own.
    """

    kind: str
    settings: Settings
    fingerprint: str
    folder: Path
    nonfinite: str
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def path(self, chunk: Chunk) -> Path:
        """Where the shard of a chunk is, or will be."""
        return shard_path(self.folder, chunk.file.sample, chunk.identity(self.fingerprint))

    def __call__(self, chunks: Sequence[Chunk]) -> list[Failure | None]:
        """Make the shards of chunks of one file, which is opened once; for each what went wrong, or None.

        Raises what may pass (a server that does not answer) or concerns all of them (a full disk); a repeat goes on
        from there, as a shard that exists is not made again.
        """
        record = chunks[0].file
        try:
            processor = with_derived(find_processor(self.kind)(self.settings), self.derived)
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
    """Read a chunk, let the processor select, and write the shard."""
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
    """Return what the processor selects; its own errors become a ProcessorError, of whatever type they are.

    Events are read by now: what their columns hold may be wrong (a DataError), but no file is to blame for anything
    else. Trouble of a file system that the processor reads its own files from may pass.
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
    """Events whose columns are all finite; raises DataError where others are to be refused."""
    good = np.ones(len(events), dtype=bool)
    for name in events.fields:
        # Of all values at once first: most columns have nothing to be found, and then no entry need be looked at.
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
    """A column's values, read now; raises DataError where the file is damaged, OSError where a retry may help."""
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
    """Raise DataError where the column `event` is there and does not hold a number an event, exactly."""
    if "event" in events.fields:
        values, counts = flat(events, "event")
        what = f"{chunk.file.path}: branch {chunk.file.branches['event']}, column event"
        if counts is not None and (counts != 1).any():
            raise DataError(f"{what}: expected one number an event, found lists: name its branch in 'branches:'")
        exact(values, what)


def _check_columns(selected: Selected, processor: Selects) -> NDArray[np.uint64]:
    """Return the event numbers; raises ProcessorError where the columns are not what a processor must return."""
    lengths = {name: len(values) for name, values in selected.columns.items()}
    if "event" not in lengths or len(set(lengths.values())) != 1:
        raise ProcessorError(f"a processor must return 'event' and columns of one length, and returned {lengths}")
    unknown = set(lengths) - set(processor.outputs) - {"event"}
    if unknown:
        raise ProcessorError(f"columns {sorted(unknown)} are not declared in the processor's 'outputs'")
    try:
        return exact(ak.to_numpy(selected.columns["event"]), "column event, as the processor returns it")
    except (DataError, ValueError) as error:
        raise ProcessorError(str(error)) from error
