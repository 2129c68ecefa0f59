"""Call the processor on chunks of a file, on a worker, and keep what it returns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from lineshape.engine.accumulators.part import AccumulatorPart, Metrics
from lineshape.engine.core.errors import ProcessorError
from lineshape.engine.execution.failures import Failure
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.schemas import SchemaReader, metadata_of
from lineshape.engine.job.chunks import called, each, of_reading
from lineshape.engine.stages.accumulating.plan import Accumulation, identity_of, part_path, processor_of


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
            events = reader.events(chunk, metadata_of(chunk) | dict(self.plan.datasets[chunk.file.sample].metadata))
        except Exception as error:
            raise of_reading(chunk, error) from error
        processor = processor_of(self.plan)
        start = time.time()
        value = called(getattr(processor, "process", processor), events, chunk)
        seconds = time.time() - start
        if value is None:
            raise ProcessorError(f"{self.plan.name}: process returned nothing: expected an accumulator")
        reader.end()
        bytes_read = file.file.source.num_requested_bytes - before
        metrics = Metrics(bytes_read, reader.columns, chunk.stop - chunk.start, seconds)
        AccumulatorPart(value, {identity: chunk.stop - chunk.start}, metrics).save(path, self.plan.accepted)
