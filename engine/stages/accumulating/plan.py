"""Say what is accumulated: the processor, the schema that its events have, the datasets, and how they are divided."""

import copy
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cloudpickle

from lineshape.engine.core.digests import digest
from lineshape.engine.input.catalogue import Chunk, FileRecord


@dataclass(frozen=True)
class DatasetFiles:
    """Files of one dataset, the tree to read of each, and metadata that events get.

    files: patterns, by the name of their tree. mark: digest of the metadata.
    """

    files: Mapping[str, Sequence[str]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True)
class Accumulation:
    """A processor and the datasets that it is called on.

    name: for messages. processor: pickled by cloudpickle, as is the schema's class. fingerprint: digest of its code and
    state, of the schema, and of everything else that results depend on. postprocesses: whether the processor changes
    the sum once it is whole. accepted: types that are pickled, as module:Class. chunk_entries: entries of a chunk,
    about. most_chunks: of a dataset; None: all.
    """

    name: str
    processor: bytes
    schema: bytes
    fingerprint: str
    postprocesses: bool
    datasets: Mapping[str, DatasetFiles]
    chunk_entries: int
    most_chunks: int | None = None
    accepted: Sequence[str] = ()
    iteritems_options: Mapping[str, Any] = field(default_factory=dict)

    def behavior(self) -> Mapping[str, Any]:
        """Return the behaviors of the events' records, in the process that was given the schema."""
        _, schema = GIVEN[self.fingerprint]
        return schema.behavior() if hasattr(schema, "behavior") else {}

    def chunks_of(self, record: FileRecord) -> list[Chunk]:
        """Return a file's chunks, divided as coffea's Runner does; one without entries for a file that has none."""
        parts = max(round(record.entries / self.chunk_entries), 1)
        size = max(math.ceil(record.entries / parts), 1)
        edges = [*range(0, record.entries, size), record.entries] if record.entries else [0, 0]
        return [Chunk(record, start, stop) for start, stop in pairwise(edges)]

    def first(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Return the chunks that are processed: of each dataset the first, up to the number asked for."""
        if self.most_chunks is None:
            return list(chunks)
        kept: dict[str, int] = {}
        found = []
        for chunk in chunks:
            kept[chunk.file.sample] = kept.get(chunk.file.sample, 0) + 1
            if kept[chunk.file.sample] <= self.most_chunks:
                found.append(chunk)
        return found


#: Processors, and schemas, that this process was given, by the fingerprint of their plan. A worker that is a thread of
#: it takes a copy: one that is unpickled would change its class in a script, as cloudpickle gives a class that it knows
#: what it read.
GIVEN: Final[dict[str, tuple[Any, Any]]] = {}


def processor_of(plan: Accumulation) -> Any:
    """Return a new processor for each chunk, so that nothing that it keeps passes from one to another."""
    if plan.fingerprint in GIVEN:
        with suppress(Exception):  # what cannot be copied can be pickled, as was tried before
            return copy.deepcopy(GIVEN[plan.fingerprint][0])
    return cloudpickle.loads(plan.processor)


def part_path(folder: Path, identity: str) -> Path:
    """Return the path of the part of a chunk."""
    return folder / "parts" / identity[:2] / f"{identity}.part"


def identity_of(plan: Accumulation, chunk: Chunk) -> str:
    """Return the digest of what a chunk's part depends on: dataset and metadata, file, tree, range and processor."""
    mark = plan.datasets[chunk.file.sample].mark
    # Events say where their file is, and a processor may look.
    return digest(chunk.identity(plan.fingerprint), chunk.file.path, mark)
