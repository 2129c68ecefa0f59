"""Group chunks into tasks of one file each, and run them so that one bad chunk takes no other with it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.workers import Workers
from lineshape.engine.input.catalogue import Chunk

#: Entries, and chunks, that one task takes at most: a second or two of work on one file, which is opened once for it.
TASK_ENTRIES = 400_000
TASK_CHUNKS = 64
#: Entries that a task takes at least, so that its work outweighs opening the file.
LEAST_ENTRIES = 20_000

#: Function that does the work of chunks of one file on a worker, and returns for each its failure, or None.
Work = Callable[[Sequence[Chunk]], list[Failure | None]]


def outcomes(workers: Workers, work: Work, todo: Sequence[Chunk]) -> Iterator[tuple[Chunk, Failure | None]]:
    """Yield for each chunk its failure, or None.

    If a task fails as a whole, each of its chunks is tried alone, so that one bad chunk takes no other with it.
    """
    if not todo:
        return
    tasks = tasks_of(todo, workers.number)
    alone: list[tuple[Chunk, ...]] = []
    for task, outcome in Executor(workers, work).run(tasks):
        if isinstance(outcome, Failure) and len(task) > 1:
            alone += [(chunk,) for chunk in task]
        else:
            yield from _each(task, outcome)
    for task, outcome in Executor(workers, work).run(alone):
        yield from _each(task, outcome)


def tasks_of(todo: Sequence[Chunk], workers: int) -> list[tuple[Chunk, ...]]:
    """Group chunks into tasks of one file each: large tasks first, then smaller ones, so that all workers end together.

    (Guided self-scheduling: Polychronopoulos and Kuck, IEEE Trans. Comput. C-36 (1987) 1425.)
    """
    entries = max(1.0, sum(chunk.stop - chunk.start for chunk in todo) / len(todo))
    most, least = min(TASK_CHUNKS, TASK_ENTRIES / entries), LEAST_ENTRIES / entries
    tasks: list[tuple[Chunk, ...]] = []
    left = len(todo)
    for _, of_file in groupby(todo, key=lambda chunk: (chunk.file.sample, chunk.file.path, chunk.file.tree)):
        chunks = list(of_file)
        while chunks:
            size = max(1, int(min(most, max(least, left / (4 * workers)))))
            tasks.append(tuple(chunks[:size]))
            left -= len(tasks[-1])
            chunks = chunks[size:]
    return tasks


def _each(task: Sequence[Chunk], outcome: list[Failure | None] | Failure) -> Iterator[tuple[Chunk, Failure | None]]:
    found = [outcome] * len(task) if isinstance(outcome, Failure) else outcome
    yield from zip(task, found, strict=True)
