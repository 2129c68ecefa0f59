"""Compute the memory that applying bundles needs at most, before it starts."""

from collections.abc import Sequence

from lineshape.engine.execution import memory
from lineshape.engine.execution.memory import Need, Term
from lineshape.engine.input.catalogue import Chunk

#: Copies of a chunk's entries that a worker holds at most: baskets, as read, selected and as features.
WORKING = 8
#: Bytes that predictions take for an object, of which an entry is taken to have a few.
ENTRY_BYTES = 3000
#: Bytes of a chunk in this process, and of a task submitted to the scheduler: generous estimates.
CHUNK_BYTES = 2000
TASK_BYTES = 100_000


def needs(chunks: Sequence[Chunk], worker_limit: float | None, in_flight: int) -> list[Need]:
    """Return the memory that applying needs at most, in a worker and in the command.

    worker_limit: bytes that a worker may use. in_flight: number of tasks submitted to the scheduler.
    """
    largest = max(chunks, key=lambda chunk: (chunk.stop - chunk.start) * (chunk.file.entry_bytes + ENTRY_BYTES))
    entries, size = largest.stop - largest.start, largest.file.entry_bytes
    worker = Need(
        "a worker",
        (
            Term("Python and libraries, torch and XGBoost among them", memory.PREDICTING_BASE),
            Term(
                f"a chunk: {entries:,} entries of {size:,.0f} bytes as read and as selected", WORKING * entries * size
            ),
            Term("what the models say of them", entries * ENTRY_BYTES),
        ),
        worker_limit,
        "Lower 'chunk_entries' in the job file, or give workers more memory (cluster.memory, or fewer cluster.workers)",
    )
    client = Need(
        "this command, with a local scheduler,",
        (
            Term("Python and libraries", memory.CLIENT_BASE),
            Term(f"{len(chunks):,} chunks", len(chunks) * CHUNK_BYTES),
            Term(f"{in_flight:,} tasks in flight", in_flight * TASK_BYTES),
        ),
        memory.client_limit(),
        "Raise 'chunk_entries' in the job file, so that there are fewer chunks, or apply to samples one by one",
    )
    return [worker, client]
