"""Call the processor on chunks of a file, on a worker, and keep what it returns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from lineshape.engine.accumulators.part import AccumulatorPart, Metrics
from lineshape.engine.core.errors import DataError, ProcessorError, code_line
from lineshape.engine.execution.failures import Cause, Failure, classify
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.schemas import SchemaReader, is_of_reading
from lineshape.engine.job.chunks import each
from lineshape.engine.stages.accumulating.plan import Accumulation, identity_of, part_path


@dataclass(frozen=True)
class AccumulatorMaker:
    """Maker of the parts of chunks. folder: of the accumulation."""

    plan: Accumulation
    folder: Path

    def __call__(self, chunks: Sequence[Chunk]) -> list[Failure | None]:
        """Make the parts of chunks of one file, which is opened once; return for each its failure, or None.

        Raises transient errors and those that concern all chunks; a retry continues from there.
        """

        def prepare(file: Any) -> Callable[[Chunk], None]:
            schema = cloudpickle.loads(self.plan.schema)
            options = self.plan.iteritems_options
            reader = SchemaReader(file, chunks[0].file, schema, self.plan.fingerprint, options)
            return lambda chunk: self._make(file, reader, chunk)

        return each(chunks, prepare)

    def _make(self, file: Any, reader: SchemaReader, chunk: Chunk) -> None:
        identity = identity_of(self.plan, chunk)
        path = part_path(self.folder, identity)
        if path.exists():
            return
        before = file.file.source.num_requested_bytes
        try:
            events = reader.events(chunk, self._metadata(chunk))
        except Exception as error:
            raise _of_reading(chunk, error) from error
        # A new one for each chunk, so that nothing that it keeps passes from one to another.
        processor = cloudpickle.loads(self.plan.processor)
        start = time.time()
        value = _process(processor, events, chunk)
        seconds = time.time() - start
        if value is None:
            raise ProcessorError(f"{self.plan.name}: process returned nothing: expected an accumulator")
        reader.end()
        bytes_read = file.file.source.num_requested_bytes - before
        metrics = Metrics(bytes_read, reader.columns, chunk.stop - chunk.start, seconds)
        AccumulatorPart(value, {identity: chunk.stop - chunk.start}, metrics).save(path, self.plan.accepted)

    def _metadata(self, chunk: Chunk) -> dict[str, Any]:
        """Return what coffea's Runner tells of a chunk."""
        return {
            "dataset": chunk.file.sample,
            "filename": chunk.file.path,
            "treename": chunk.file.tree,
            "entrystart": chunk.start,
            "entrystop": chunk.stop,
            "fileuuid": chunk.file.uuid,
            **self.plan.datasets[chunk.file.sample].metadata,
        }


def _process(processor: Any, events: Any, chunk: Chunk) -> Any:
    """Return what the processor returns; errors of reading, which it only asks for, are the file's."""
    try:
        return processor.process(events) if hasattr(processor, "process") else processor(events)
    except MemoryError:
        raise
    except Exception as error:
        if is_of_reading(error):
            raise _of_reading(chunk, error) from error
        if classify(error).cause is Cause.TRANSIENT:
            raise
        raise ProcessorError(code_line(error)) from error


def _of_reading(chunk: Chunk, error: Exception) -> Exception:
    """Return the error of a file that cannot be read: a transient one as it is, any other as a DataError."""
    if isinstance(error, DataError | MemoryError) or classify(error).cause is Cause.TRANSIENT:
        return error
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{chunk.file.path}: cannot be read: {type(error).__name__}: {reason[:200]}")
