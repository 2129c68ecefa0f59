"""Turn chunks of a file into parts of its output, on a worker."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import DataError, RequestError, nearest
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.execution.failures import Failure
from lineshape.engine.feature_store.shards import as_stored
from lineshape.engine.input.catalogue import Chunk, FileRecord
from lineshape.engine.input.column_forms import type_of
from lineshape.engine.input.events import EventReader, flat
from lineshape.engine.input.processor import Selects
from lineshape.engine.input.root_files import find_tree
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.input.tracing import Places
from lineshape.engine.job.chunks import each, read_column
from lineshape.engine.job.processor_builder import built_of
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.stages.applying.parts import PartColumn, ScorePart, write_part
from lineshape.engine.stages.applying.plan import ApplyPlan, ScoreFile
from lineshape.engine.stages.applying.rows import TracedChunk, TracedRows
from lineshape.engine.stages.applying.scores import Scorer

#: Entries from which a single event number cannot be true.
_SEVERAL = 20
_SCORERS: dict[str, Scorer] = {}


def scorer_of(plan: ApplyPlan) -> Scorer:
    """Load the bundles once in a process; those of another plan are released.

    Raises RequestError where two branches would have the same name.
    """
    if plan.recipe not in _SCORERS:
        _SCORERS.clear()
        scorer = Scorer({name: Bundle.load(folder) for name, folder in plan.models.items()})
        if same := sorted({*scorer.branches} & {*plan.wanted.copies}):
            raise RequestError(f"--copy {same[0]}: a model has a branch of this name")
        _SCORERS[plan.recipe] = scorer
    return _SCORERS[plan.recipe]


def processor_of(plan: ApplyPlan) -> Selects:
    """Build the processor, with its derived columns."""
    return built_of(PROCESSORS.find(plan.kind)(plan.settings), plan.derived)


@dataclass(frozen=True)
class PartMaker:
    """Function that makes the parts of chunks of one file; see `each` for the errors it raises.

    names: of the output of each file, by its sample and path.
    """

    plan: ApplyPlan
    names: Mapping[tuple[str, str], str]

    def __call__(self, chunks: Sequence[Chunk]) -> list[Failure | None]:
        """Make the parts that do not exist yet; return for each chunk its failure, or None."""
        record = chunks[0].file
        output = ScoreFile(record, self.names[record.sample, record.path])

        def prepare(file: Any) -> Callable[[Chunk], None]:
            work = _FileWork(self.plan, processor_of(self.plan), file, record)

            def make(chunk: Chunk) -> None:
                path = output.part(self.plan, chunk.start, chunk.stop)
                if not path.exists():
                    write_part(path, work.part(chunk))

            return make

        return each(chunks, prepare)


class _FileWork:
    """The work on an open file: its first chunk shows whether the processor can be traced."""

    def __init__(self, plan: ApplyPlan, processor: Selects, file: Any, record: FileRecord) -> None:
        self._plan, self._processor, self._scorer = plan, processor, scorer_of(plan)
        self._reader = EventReader(file, record)
        self._copies = copy_reader(file, record, plan.wanted.copies)
        self._traceable = False

    def part(self, chunk: Chunk) -> ScorePart:
        """Return the part of a chunk."""
        traced = TracedChunk(self._processor, self._reader.events(chunk), chunk, self._plan.nonfinite)
        if not self._traceable:
            traced.require_usual()
            self._traceable = True
        rows = traced.rows()
        self._require_events(rows, chunk)
        copies = copied(self._copies, chunk) if self._copies else {}
        if not len(rows.places.entry):
            return ScorePart(0, None, {}, copies, rows.collections, traced.counts())
        return ScorePart(len(rows.places.entry), rows.places.collection, self._scores(rows, chunk), copies)

    def _require_events(self, rows: TracedRows, chunk: Chunk) -> None:
        """Raise DataError where all entries have one event number, by which folds would be told apart."""
        entries = np.unique(rows.places.entry)
        if "event" not in self._scorer.columns or len(entries) < _SEVERAL:
            return
        event = as_stored("event", rows.columns["event"])
        if len(np.unique(event)) == 1:
            raise DataError(
                f"{chunk.file.path}: branch {chunk.file.branches['event']} is {event[0]} in all entries, by which the "
                "model of each event's fold is found: name the branch that holds its number under 'branches:'"
            )

    def _scores(self, rows: TracedRows, chunk: Chunk) -> dict[str, PartColumn]:
        needed = [name for name in self._scorer.columns if name in rows.columns]
        table = {name: as_stored(name, rows.columns[name]) for name in [*needed, "event"]}
        values = self._scorer.values(table)
        return {name: aligned(rows.places, each, chunk.stop - chunk.start) for name, each in values.items()}


def aligned(places: Places, values: NDArray[np.float64], entries: int) -> PartColumn:
    """Return values of rows at their places, and NaN at all others: one an entry, or one for each of its objects."""
    if places.counts is None:
        found = np.full(entries, np.nan)
        found[places.entry] = values
        return found
    whole = Jagged.counted(places.counts, np.full(places.counts.sum(), np.nan))
    whole.content[whole.offsets[places.entry] + places.place] = values
    return whole


def copy_reader(file: Any, record: FileRecord, names: Sequence[str]) -> EventReader | None:
    """Return a reader of branches to copy, under their own names; None where there are none.

    Raises DataError where a branch is missing.
    """
    if not names:
        return None
    tree = find_tree(file, record.path, record.tree)
    there = tree.keys(recursive=True)
    for name in names:
        if name not in there:
            raise DataError(f"{record.path}: no branch {name} to copy in tree {record.tree}{nearest(name, there)}")
        if "string" in type_of(tree[name]):
            raise DataError(f"{record.path}: branch {name} is text: numbers, and lists of numbers, can be copied")
    return EventReader(file, replace(record, branches={name: name for name in names}))


def copied(reader: EventReader, chunk: Chunk) -> dict[str, PartColumn]:
    """Return the branches to copy; raises DataError where one has more than one level of lists."""
    branches: dict[str, str | None] = {name: name for name in reader.forms}
    chunk = replace(chunk, file=replace(chunk.file, branches=branches))
    events = reader.events(chunk)
    found: dict[str, PartColumn] = {}
    for name in events.fields:
        read_column(events, name, chunk)
        try:
            values, counts = flat(events, name)
        except DataError as error:
            raise DataError(f"{chunk.file.path}: branch {name} cannot be copied: {error}") from error
        found[name] = values if counts is None else Jagged.counted(counts, values)
    return found
