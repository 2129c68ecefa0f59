"""Process one chunk: check what was read, apply the processor, and check what it returns."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import DataError, ProcessorError, code_line
from lineshape.engine.execution.failures import Cause, Failure, classify
from lineshape.engine.feature_store.event_numbers import exact
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.events import flat, numbers
from lineshape.engine.input.processor import Selected, Selects
from lineshape.engine.input.root_files import may_pass, open_file
from lineshape.engine.input.schemas import is_of_reading
from lineshape.engine.job.derived import Deriving
from lineshape.engine.job.varied import Varying

if TYPE_CHECKING:
    import uproot


def each(
    chunks: Sequence[Chunk], prepare: "Callable[[uproot.ReadOnlyDirectory], Callable[[Chunk], None]]"
) -> list[Failure | None]:
    """Do the work of chunks of one file, which is opened once; return for each its failure, or None.

    prepare: returns, for the open file, the function that does the work of a chunk.

    Raises transient errors (a server that does not answer) and those that concern all chunks (a full disk); a retry
    must continue from there.
    """
    try:
        with open_file(chunks[0].file.path) as file:
            work = prepare(file)
            return [_outcome(work, chunk) for chunk in chunks]
    except DataError as error:
        return [classify(error)] * len(chunks)


def _outcome(work: Callable[[Chunk], None], chunk: Chunk) -> Failure | None:
    try:
        work(chunk)
    except Exception as error:
        failure = classify(error)
        if failure.cause in {Cause.CORRUPT, Cause.PROCESSOR}:
            return failure
        raise
    return None


def finite(events: Any, chunk: Chunk, nonfinite: str) -> NDArray[np.bool_]:
    """Return which events have finite values alone, reading all columns now.

    nonfinite: "drop", or "refuse" to raise DataError where there are others.

    Raises DataError where the file is damaged, OSError where a retry may help.
    """
    good = np.ones(len(events), dtype=bool)
    for name in events.fields:
        # First all values at once: most columns have none that is not finite, and need no check entry by entry.
        if np.isfinite(read_column(events, name, chunk)).all():
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
    return good


def event_numbers(events: Any, chunk: Chunk) -> NDArray[np.uint64] | None:
    """Return the column `event`, None where it is not read; raises DataError without one exact number for each event.

    Its values are those of the branch that holds it.
    """
    if "event" not in events.fields:
        return None
    values, counts = flat(events, "event")
    what = f"{chunk.file.path}: branch {chunk.file.branches['event']}, column event"
    if counts is not None and (counts != 1).any():
        raise DataError(f"{what}: expected one number an event, found lists: name its branch in 'branches:'")
    return exact(values, what)


def select(processor: Selects, events: Any) -> Selected:
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


def called(process: Callable[[Any], Any], events: Any, chunk: Chunk) -> Any:
    """Return what a processor returns of events in a schema; errors of reading, which it only asks for, are the file's.

    Raises what `select` does, and DataError where the file is damaged.
    """
    try:
        return process(events)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        if is_of_reading(error):
            raise of_reading(chunk, error) from error
        if classify(error).cause is Cause.TRANSIENT:
            raise
        raise ProcessorError(code_line(error)) from error


def of_reading(chunk: Chunk, error: Exception) -> Exception:
    """Return the error of a file that cannot be read: a transient one as it is, any other as a DataError."""
    if isinstance(error, DataError | MemoryError) or classify(error).cause is Cause.TRANSIENT:
        return error
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(
        f"{chunk.file.path}: cannot be read, so that it may be damaged or cut short: "
        f"{type(error).__name__}: {reason[:200]}"
    )


def check_columns(selected: Selected, processor: Selects) -> NDArray[np.uint64]:
    """Return the event numbers; raises ProcessorError where the columns break the processor's contract."""
    what = name_of(processor)
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


def name_of(processor: Selects) -> str:
    """Return the module and class of a processor, without derived columns and variations."""
    while isinstance(processor, Deriving | Varying):
        processor = processor.processor
    own = type(processor)
    return f"{own.__module__}.{own.__qualname__}"


def read_column(events: Any, name: str, chunk: Chunk) -> NDArray[Any]:
    """Read a column's values now, and return them in unspecified order.

    Raises DataError where the file is damaged, OSError where a retry may help.
    """
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
