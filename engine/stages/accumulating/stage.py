"""Accumulate: make the missing parts, add them up dataset by dataset, and save the sums."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineshape.engine.accumulators.addition import added
from lineshape.engine.accumulators.behaviors import give_behavior
from lineshape.engine.accumulators.part import AccumulatorPart, Metrics, entries_in, sizes_in
from lineshape.engine.core.errors import RunError, calling
from lineshape.engine.core.files import sweep
from lineshape.engine.execution import memory
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure, hopeless
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.partial_sums import by_height
from lineshape.engine.feature_store.store import Quarantined
from lineshape.engine.input.catalogue import Chunk, FileRequest, versions
from lineshape.engine.input.sources import expand
from lineshape.engine.input.tasks import outcomes
from lineshape.engine.job.discovery import Catalogue, look_into_files
from lineshape.engine.results.contents import file_name
from lineshape.engine.stages.accumulating.make_parts import AccumulatorMaker
from lineshape.engine.stages.accumulating.merging import PartGroup, need_of, sum_of
from lineshape.engine.stages.accumulating.plan import Accumulation, identity_of, part_path
from lineshape.engine.stages.accumulating.saving import Saver


@dataclass(frozen=True)
class Accumulated:
    """The sums of what a processor returned.

    sums: file of each dataset's. entries: of all chunks, in files that could be opened; processed: of those that are in
    the sums. files, chunks: their numbers; made: chunks that were not there before. quarantined: what is missing.
    """

    plan: Accumulation
    folder: Path
    sums: Mapping[str, Path]
    entries: int
    processed: int
    files: int
    chunks: int
    made: int
    quarantined: tuple[Quarantined, ...]
    notes: tuple[str, ...]

    def part(self, dataset: str) -> AccumulatorPart:
        """Return the sum of a dataset."""
        return AccumulatorPart.load(self.sums[dataset], self.plan.accepted)

    def whole(self, processor: Any) -> tuple[Any, Metrics]:
        """Return the sum of all datasets, after the processor's postprocess, and the metrics.

        processor: the object that was given, as one that is unpickled here would change its class in a script.

        Raises RequestError where it does not fit into memory.
        """
        sizes = [sizes_in(path) for path in self.sums.values()]
        need = need_of("", sizes, memory.client_limit(), "this command")
        memory.check([need])
        value, metrics = None, Metrics()
        for number, dataset in enumerate(self.sums):
            part = self.part(dataset)
            metrics.add(part.metrics)
            value = added(value, part.value) if number else part.value
        give_behavior(value, self.plan.behavior())
        if self.plan.postprocesses:
            with calling(f"{self.plan.name}.postprocess"):
                changed = processor.postprocess(value)
            value = value if changed is None else changed
        return value, metrics


def accumulate(plan: Accumulation, folder: Path, workers: Workers, bars: Bars) -> Accumulated:
    """Call the processor on all chunks that it was not called on before, and add up what it returned.

    folder: of the accumulation; parts of several datasets and versions of the code may be in it side by side.

    Raises RequestError where no file of a dataset can be used, RunError where every chunk failed.
    """
    catalogue = _catalogue(plan, folder, workers, bars)
    chunks = plan.first(catalogue.chunks)
    failures: dict[Chunk, Failure] = {}
    made = 0
    for _ in range(2):
        number, failures = _make(plan, folder, chunks, workers, bars)
        made += number
        sums, torn = _add_up(plan, folder, [chunk for chunk in chunks if chunk not in failures], workers, bars)
        if not torn:
            break
    if torn:
        raise RunError(f"{len(torn)} parts were cut short twice in a row, first {torn[0]}: is the disk failing?")
    if not sums:
        reasons = dict.fromkeys(failure.reason for failure in failures.values())
        raise RunError("every chunk failed:\n" + "\n".join(list(reasons)[:5]))
    processed = _accounted(chunks, failures, sums)
    notes = [*catalogue.notes, *_save(plan, folder, sums, workers, bars)]
    _remove_others(plan, folder, sums)
    sweep(folder)
    quarantined = [_quarantined(chunk, failure) for chunk, failure in failures.items()]
    entries = sum(chunk.stop - chunk.start for chunk in chunks)
    return Accumulated(
        plan,
        folder,
        sums,
        entries,
        processed,
        len({(chunk.file.sample, chunk.file.path) for chunk in chunks}),
        len(chunks),
        made,
        (*catalogue.quarantined, *quarantined),
        tuple(notes),
    )


def _catalogue(plan: Accumulation, folder: Path, workers: Workers, bars: Bars) -> Catalogue:
    """Return the catalogue, with chunks in the order in which files were named."""
    listings = {
        (dataset, tree): expand(patterns)
        for dataset, of in plan.datasets.items()
        for tree, patterns in of.files.items()
    }
    now = versions([source.path for each in listings.values() for source in each.sources])
    requests = [
        FileRequest(dataset, source, tree, {}, now[source.path])
        for (dataset, tree), each in listings.items()
        for source in each.sources
    ]
    place = {(each.sample, each.source.path): number for number, each in enumerate(requests)}
    notes = [note for each in listings.values() for note in each.notes]
    found = look_into_files(requests, notes, folder, workers, bars, plan.chunks_of, whole=False)
    found.chunks.sort(key=lambda chunk: (place[chunk.file.sample, chunk.file.path], chunk.start))
    return found


def _make(
    plan: Accumulation, folder: Path, chunks: Sequence[Chunk], workers: Workers, bars: Bars
) -> tuple[int, dict[Chunk, Failure]]:
    """Make missing parts; return the number of those made, and the failures; raise RunError early where all fail."""
    paths = {chunk: part_path(folder, identity_of(plan, chunk)) for chunk in chunks}
    todo = [chunk for chunk, path in paths.items() if not path.exists()]
    bar = bars.add("processing", len(chunks))
    done = len(chunks) - len(todo)
    bar.advance(done)
    failures: dict[Chunk, Failure] = {}
    for chunk, outcome in outcomes(workers, AccumulatorMaker(plan, folder), todo):
        bar.advance()
        if outcome is None:
            done += 1
            continue
        failures[chunk] = outcome
        if hopeless([*failures.values()], done):
            raise RunError(f"stopped early, as each of the first {len(failures)} chunks failed: {outcome.reason}")
    # A task that failed may have made some of its parts before that.
    failures = {chunk: failures[chunk] for chunk in chunks if chunk in failures and not paths[chunk].exists()}
    return len(todo) - len(failures), failures


def _add_up(
    plan: Accumulation, folder: Path, chunks: Sequence[Chunk], workers: Workers, bars: Bars
) -> tuple[dict[str, Path], list[str]]:
    """Return the file of each dataset's sum, and parts that were cut short, which are removed."""
    parts: dict[str, list[Path]] = {}
    for chunk in chunks:
        parts.setdefault(chunk.file.sample, []).append(part_path(folder, identity_of(plan, chunk)))
    limit = memory.worker_limit(workers)
    sums = {dataset: sum_of(folder, dataset, of, limit, plan.accepted) for dataset, of in parts.items()}
    levels = by_height(sums.values())
    bar = bars.add("adding up", sum(map(len, levels)))
    for level in levels:
        torn: list[str] = []
        for group, outcome in Executor(workers, PartGroup.__call__).run(level):
            bar.advance()
            if isinstance(outcome, Failure):
                reason = outcome.reason.removeprefix(f"dataset {group.dataset}: ")
                raise RunError(f"dataset {group.dataset}: its sum could not be made: {reason}")
            torn += outcome
        if torn:
            return {}, torn
    return {dataset: each.path for dataset, each in sums.items()}, []


def _accounted(chunks: Sequence[Chunk], failures: Mapping[Chunk, Failure], sums: Mapping[str, Path]) -> int:
    """Return the entries in the sums; raise RunError where they and those that failed are not those of all chunks."""
    lost, every = Counter[str](), Counter[str]()
    for chunk in chunks:
        every[chunk.file.sample] += chunk.stop - chunk.start
        lost[chunk.file.sample] += chunk.stop - chunk.start if chunk in failures else 0
    processed = {dataset: entries_in(path) for dataset, path in sums.items()}
    for dataset, number in every.items():
        found = processed.get(dataset, 0)
        if found + lost[dataset] != number:
            raise RunError(
                f"dataset {dataset}: entries are not accounted for: {number:,} in its files, {found:,} processed, "
                f"{lost[dataset]:,} quarantined; remove the folder of sums and run the same again"
            )
    return sum(processed.values())


def _save(plan: Accumulation, folder: Path, sums: Mapping[str, Path], workers: Workers, bars: Bars) -> list[str]:
    """Write each dataset's sum in the formats of other programs, on the workers, and return notes on what is left out.

    Raises RunError where a sum cannot be saved.
    """
    notes = []
    saver = Saver(folder / "datasets", tuple(plan.accepted))
    todo = [(dataset, path) for dataset, path in sums.items() if not saver.is_done(dataset, path)]
    bar = bars.add("saving", len(todo))
    for (dataset, _), outcome in Executor(workers, saver).run(todo):
        bar.advance()
        if isinstance(outcome, Failure):
            raise RunError(f"dataset {dataset} could not be saved: {outcome.reason}")
        notes += [f"dataset {dataset}: {note}" for note in outcome]
    return notes


def _remove_others(plan: Accumulation, folder: Path, sums: Mapping[str, Path]) -> None:
    """Remove files of datasets, and of a whole, that an earlier call saved and this one does not."""
    names = {file_name(dataset) for dataset in sums}
    for path in (folder / "datasets").glob("*"):
        if not any(path.name.startswith(f"{name}.") for name in names):
            path.unlink()
    if not plan.postprocesses:
        for ending in ("coffea", "root", "json"):
            (folder / f"output.{ending}").unlink(missing_ok=True)


def _quarantined(chunk: Chunk, failure: Failure) -> Quarantined:
    return Quarantined(chunk.file.sample, chunk.file.path, chunk.start, chunk.stop, failure.cause.value, failure.reason)
