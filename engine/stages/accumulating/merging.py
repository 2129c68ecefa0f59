"""Add up parts in the order of the catalogue, in a tree of partial sums on workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lineshape.engine.accumulators.part import AccumulatorPart, sizes_in
from lineshape.engine.accumulators.sizes import Sizes
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import DAMAGES, RunError
from lineshape.engine.execution import memory
from lineshape.engine.feature_store.partial_sums import Sum

#: A part that is added is held beside the sum, and once more while it is read.
_COPIES = 3


@dataclass(frozen=True)
class PartGroup:
    """Parts, or sums of some, of one dataset, that a worker adds up and saves at `path`.

    limit: bytes that a worker may use, None where that is not known.
    """

    path: Path
    parts: tuple[Path, ...]
    dataset: str
    limit: float | None
    accepted: tuple[str, ...]

    def __call__(self) -> tuple[str, ...]:
        """Add up and save the parts; where some are damaged, remove these and save nothing.

        Returns the file stems of the removed parts. Raises RequestError where the sum would not fit into memory,
        RunError where parts cannot be added.
        """
        torn, sizes = [], []
        for part in self.parts:
            try:
                sizes.append(sizes_in(part))
            except DAMAGES:
                part.unlink(missing_ok=True)
                torn.append(part.stem)
        if torn:
            return tuple(torn)
        memory.check([need_of(self.dataset, sizes, self.limit)])
        total = AccumulatorPart.load(self.parts[0], self.accepted)
        for part in self.parts[1:]:
            try:
                total.add(AccumulatorPart.load(part, self.accepted))
            except RunError as error:
                raise RunError(f"dataset {self.dataset}: {error}") from error
        total.save(self.path, self.accepted)
        return ()


def need_of(dataset: str, sizes: Sequence[Sizes], limit: float | None, process: str = "a worker") -> memory.Need:
    """Return the memory that adding up parts of these sizes needs, with the place that grows most."""
    growing: dict[str, float] = {}
    for each in sizes:
        for place, size in each.growing.items():
            growing[place] = growing.get(place, 0.0) + size
    worst = sorted(growing.items(), key=lambda item: -item[1])[:3]
    rest = sum(growing.values()) - sum(size for _, size in worst)
    terms = (
        memory.Term("Python and libraries", memory.PROCESSING_BASE),
        memory.Term("histograms and numbers, three times", _COPIES * max((each.fixed for each in sizes), default=0.0)),
        *(memory.Term(f"{place}, which grows with the number of chunks", size) for place, size in worst),
        *([memory.Term("others that grow", rest)] if rest else []),
    )
    advice = (
        f"dataset {dataset}: return histograms or counts in place of what grows, give workers more memory "
        "(cluster.memory, or fewer cluster.workers), or divide the dataset"
    )
    return memory.Need(process, terms, limit, advice)


def sum_of(
    folder: Path, dataset: str, parts: Sequence[Path], limit: float | None, accepted: Sequence[str]
) -> Sum[PartGroup]:
    """Return the steps to the sum of the parts of a dataset, in this order."""
    return Sum.of(folder / "sums", parts, partial(_group, dataset, limit, tuple(accepted)))


def _group(
    dataset: str, limit: float | None, accepted: tuple[str, ...], folder: Path, parts: Sequence[Path]
) -> PartGroup:
    return PartGroup(folder / f"{digest([part.stem for part in parts])}.part", tuple(parts), dataset, limit, accepted)
