"""Join the parts of a file to its output, on a worker."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lineshape.engine.core.errors import DataError, RunError
from lineshape.engine.core.files import replacing
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.root_files import open_file
from lineshape.engine.stages.applying.make_parts import copied, copy_reader, processor_of, scorer_of
from lineshape.engine.stages.applying.parts import PartColumn, read_part, read_part_info
from lineshape.engine.stages.applying.plan import ApplyPlan, ScoreFile
from lineshape.engine.stages.applying.writers import FileContent, read_about, write

#: Range [start, stop) of a file's entries.
Range = tuple[int, int]


@dataclass(frozen=True)
class Joined:
    """The result of joining a file's parts.

    written: whether the output is there; where it is not, no part tells what scores are of. rows: number of objects, or
    entries, with scores. collection: column that has the objects, empty where scores are of entries. collections: those
    that the scores may be of.
    """

    written: bool
    rows: int = 0
    collection: str = ""
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Joiner:
    """Function that joins the parts of an output.

    chunks: ranges of entries of each output, by name. collection: what scores are of where no part of a file tells;
    None to leave such a file.
    """

    plan: ApplyPlan
    chunks: Mapping[str, Sequence[Range]]
    collection: str | None = None

    def __call__(self, output: ScoreFile) -> Joined:
        """Write the output; raises DataError where a part is damaged, RunError where entries are lost."""
        plan, ranges = self.plan, self.chunks[output.name]
        infos = [read_part_info(output.part(plan, *each)) for each in ranges]
        collection = next((info.collection for info in infos if info.collection is not None), self.collection)
        if collection is None:
            return Joined(False, collections=tuple(dict.fromkeys(name for info in infos for name in info.may_be)))
        rows = sum(info.rows for info in infos)
        metadata = scorer_of(plan).metadata(processor_of(plan).outputs)
        about = {
            "input": output.file.path,
            "uuid": output.file.uuid,
            "entries": output.file.entries,
            "tree": output.tree(plan),
            "identity": output.identity(plan),
            "study": plan.study,
            "models": dict(plan.digests),
            "branches": metadata,
            "rows": rows,
            "collection": collection,
        }
        units = {name: each["unit"] for name, each in metadata.items()}
        content = FileContent(output.tree(plan), self._tables(output, collection), list(metadata), units, about)
        with replacing(plan.to / output.name) as temporary:
            write(plan.wanted.format, temporary, content)
            written = read_about(plan.wanted.format, temporary)
            if written is None or written[1] != output.file.entries:
                raise RunError(
                    f"{output.name} has {written[1] if written else 'no'} entries when read back, and its input "
                    f"{output.file.entries:,}: run the same command again"
                )
        return Joined(True, rows, collection)

    def _tables(self, output: ScoreFile, collection: str) -> Iterator[dict[str, PartColumn]]:
        """Yield the columns of the output, part by part; of an input without entries, empty ones."""
        plan, branches = self.plan, scorer_of(self.plan).branches
        for start, stop in self.chunks[output.name]:
            part = read_part(output.part(plan, start, stop))
            if part.collection is not None and bool(part.collection) != bool(collection):
                raise DataError(
                    f"{output.file.path}: rows are of entries in some chunks and of objects in others, which no branch "
                    "can hold: expected a processor that makes rows of one sort"
                )
            whole = part.with_collection(collection, branches, stop - start)
            yield {**whole.scores, **whole.copies}
        if not self.chunks[output.name]:
            none = np.zeros(0)
            values: PartColumn = Jagged(np.zeros(1, dtype=np.int64), none) if collection else none
            yield {**dict.fromkeys(branches, values), **self._copies_of_nothing(output)}

    def _copies_of_nothing(self, output: ScoreFile) -> dict[str, PartColumn]:
        if not self.plan.wanted.copies:
            return {}
        with open_file(output.file.path) as file:
            reader = copy_reader(file, output.file, self.plan.wanted.copies)
            return copied(reader, Chunk(output.file, 0, 0)) if reader else {}
