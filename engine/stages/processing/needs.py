"""Compute the memory that processing needs at most, before it starts."""

from lineshape.engine.execution import memory
from lineshape.engine.execution.memory import Need, Term
from lineshape.engine.job.discovery import Catalogue

#: Copies of a chunk's entries that a worker holds at most: baskets, as read, selected and written (measured: 3 to 6).
WORKING = 8
#: Bytes of a chunk and its shard in this process, and of a task submitted to the scheduler: generous estimates.
CHUNK_BYTES = 2000
TASK_BYTES = 100_000


def needs(catalogue: Catalogue, worker_limit: float | None, in_flight: int) -> list[Need]:
    """Return the memory that processing needs at most, in a worker and in the command.

    worker_limit: bytes that a worker may use. in_flight: number of tasks submitted to the scheduler.
    """
    largest = max(catalogue.chunks, key=lambda chunk: (chunk.stop - chunk.start) * chunk.file.entry_bytes)
    entries, size = largest.stop - largest.start, largest.file.entry_bytes
    worker = Need(
        "a worker",
        (
            Term("Python and libraries", memory.PROCESSING_BASE),
            Term(
                f"a chunk: {entries:,} entries of {size:,.0f} bytes as read, as selected and as written",
                WORKING * entries * size,
            ),
        ),
        worker_limit,
        "Lower 'chunk_entries' in the job file, or give workers more memory (cluster.memory, or fewer cluster.workers)",
    )
    files, chunks = len(catalogue.records), len(catalogue.chunks)
    columns = len(catalogue.records[0].branches)
    client = Need(
        "this command, with a local scheduler,",
        (
            Term("Python and libraries", memory.CLIENT_BASE),
            Term(f"the catalogue: {files:,} files of {columns} columns", files * (1500 + 150 * columns)),
            Term(f"{chunks:,} chunks and their shards in the manifest", chunks * CHUNK_BYTES),
            Term(f"{in_flight:,} tasks in flight", in_flight * TASK_BYTES),
        ),
        memory.client_limit(),
        "Raise 'chunk_entries' in the job file, so that there are fewer chunks, or process samples one by one",
    )
    return [worker, client]
