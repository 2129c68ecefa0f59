"""Turn chunks of a file into shards, on a worker."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineshape.engine.core.settings import Settings
from lineshape.engine.execution.failures import Failure
from lineshape.engine.feature_store.event_numbers import sample_of
from lineshape.engine.feature_store.shards import ShardInfo, shard_path, write_shard
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.events import ENTROPY, EventReader
from lineshape.engine.input.processor import Selected, Selects
from lineshape.engine.input.schemas import SchemaReader, metadata_of, schema_of
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.job.chunks import called, check_columns, each, event_numbers, finite, of_reading, select
from lineshape.engine.job.derived import Derived
from lineshape.engine.job.processor_builder import built_of
from lineshape.engine.job.varied import Varied


@dataclass(frozen=True)
class ShardPlan:
    """Everything a worker needs to make shards: the processor's kind and settings, the folder, and how to treat NaN.

    nonfinite: "refuse" or "drop" entries with NaN or infinite values. derived: columns beside the processor's own.
    varied: a variation of the events.
    """

    kind: str
    settings: Settings
    fingerprint: str
    folder: Path
    nonfinite: str
    derived: Mapping[str, Derived] = field(default_factory=dict)
    varied: Varied | None = None

    def path(self, chunk: Chunk) -> Path:
        """Return the path of the shard of a chunk."""
        return shard_path(self.folder, chunk.file.sample, chunk.identity(self.fingerprint))

    def __call__(self, chunks: Sequence[Chunk]) -> list[Failure | None]:
        """Make the shards of chunks of one file, which is opened once; return for each its failure, or None.

        Raises transient errors (a server that does not answer) and those that concern all chunks (a full disk); a retry
        continues from there, as a shard that exists is not made again.
        """

        def prepare(file: Any) -> Callable[[Chunk], None]:
            processor = built_of(PROCESSORS.find(self.kind)(self.settings), self.derived, self.varied)
            schema = schema_of(processor)
            if schema is not None:
                whole = SchemaReader(file, chunks[0].file, schema, self.fingerprint, {})
                return lambda chunk: None if self.path(chunk).exists() else self._of_schema(processor, whole, chunk)
            reader = EventReader(file, chunks[0].file)
            return lambda chunk: None if self.path(chunk).exists() else make_shard(self, processor, reader, chunk)

        return each(chunks, prepare)

    def _of_schema(self, processor: Selects, reader: SchemaReader, chunk: Chunk) -> None:
        """Apply the processor to whole events, and write the shard."""
        try:
            events = reader.events(chunk, metadata_of(chunk) | {"sample": chunk.file.sample, ENTROPY: chunk.entropy})
        except Exception as error:
            raise of_reading(chunk, error) from error
        selected = called(processor.process, events, chunk)
        reader.end()
        write(self, processor, selected, chunk, 0)


def make_shard(plan: ShardPlan, processor: Selects, reader: EventReader, chunk: Chunk) -> None:
    """Read a chunk, apply the processor, and write the shard."""
    events = reader.events(chunk)
    good = finite(events, chunk, plan.nonfinite)
    events = events if good.all() else events[good]
    event_numbers(events, chunk)
    write(plan, processor, select(processor, events), chunk, int((~good).sum()))


def write(plan: ShardPlan, processor: Selects, selected: Selected, chunk: Chunk, dropped: int) -> None:
    """Check what a processor selected of a chunk, and write the shard. dropped: entries that were left out before."""
    numbers_of = check_columns(selected, processor)
    info = ShardInfo(
        chunk.to_dict(), len(numbers_of), selected.cut_flow, selected.histograms, dropped, sample_of(numbers_of)
    )
    write_shard(plan.path(chunk), selected.columns, processor.outputs, info)
