"""Simulate the samples that a job file asks for: amounts spread over files, each file a task on a worker."""

from itertools import pairwise
from pathlib import Path

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, RunError, listing, nearest
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.source_code import code_of_modules, source_of
from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.job.job import Job
from lineshape.engine.running.variations import Simulate
from lineshape.jobs.simulate.family import FAMILIES, Family
from lineshape.jobs.simulate.request import SimulationRequest, request_in
from lineshape.jobs.simulate.writing import FileOrder, write_file


def simulate(
    sample: str, spec: KindSpec, tree: str, folder: Path, workers: Workers, bars: Bars
) -> tuple[list[Path], int]:
    """Make the missing files of a simulated sample; their names hold a digest of all that they depend on.

    Returns the paths of all files, and the amount made now. Raises RequestError where a setting is wrong, RunError
    where the simulation failed.
    """
    family, order = read_order(sample, spec)
    identity = digest(spec.kind, family.model_dump(), order.model_dump(), tree, _code_of(family))
    edges = [order.amount * i // order.files for i in range(order.files + 1)]
    orders = [
        FileOrder(family, stop - start, order.seed, i, tree, folder / sample / f"{identity}_{i:04d}.root")
        for i, (start, stop) in enumerate(pairwise(edges))
    ]
    todo = [item for item in orders if not item.path.exists()]
    bar = bars.add(f"simulating {sample}", len(orders))
    bar.advance(len(orders) - len(todo))
    for _, outcome in Executor(workers, write_file).run(todo):
        if isinstance(outcome, Failure):
            raise RunError(f"simulation of {sample} failed: {outcome.reason}")
        bar.advance()
    return [item.path for item in orders], sum(item.amount for item in todo)


def _code_of(family: Family) -> str:
    """Return a digest of what the files depend on: the family, all that it imports, and how events are written."""
    return digest(source_of(type(family)), code_of_modules("lineshape.jobs.simulate.writing"))


def read_order(sample: str, spec: KindSpec) -> tuple[Family, SimulationRequest]:
    """Return the family with its settings, and the requested amount."""
    where = ("samples", sample, "simulate")
    try:
        kind = FAMILIES.find(spec.kind)
    except RequestError as error:
        raise SettingsError.at((*where, "kind"), error) from error
    keys = [kind.unit, *(name for name in SimulationRequest.model_fields if name != "amount")]
    known = {name: value for name, value in spec.settings.items() if name in keys}
    others = {name: value for name, value in spec.settings.items() if name not in keys}
    for name in others:
        if name not in kind.model_fields:
            known_names = [*keys, *kind.model_fields]
            hint = nearest(name, known_names) or f" (expected: {listing(known_names)})"
            if kind.unit not in known:
                hint = f"; how many there are of {spec.kind} goes by '{kind.unit}'"
            raise SettingsError.at((*where, name), f"unknown key '{name}'{hint}")
    family = FAMILIES.build(KindSpec(kind=spec.kind, **others), where)
    order = validated(request_in(kind.unit), known, where)
    if order.files > order.amount:
        raise SettingsError.at((*where, "files"), f"{order.files} files are too many for {order.amount} {kind.unit}")
    return family, order


def amounts_of(job: Job) -> dict[str, int]:
    """Return how much is simulated of each sample that has no files, in its family's unit."""
    wanted = {name: sample.simulate for name, sample in job.samples.items() if not sample.files and sample.simulate}
    return {name: read_order(name, spec)[1].amount for name, spec in wanted.items()}


def reduced(sample: str, spec: KindSpec, share: float) -> KindSpec:
    """Return the same simulation with a share of its amount, and as many files fewer, but two where there are as many.

    sample: what it is of, for messages.
    """
    family, order = read_order(sample, spec)
    amount = max(1, round(order.amount * share))
    files = min(amount, order.files, max(2, round(order.files * share)))
    return KindSpec(kind=spec.kind, **(spec.settings | {family.unit: amount, "files": files}))


def simulator(job: Job) -> Simulate:
    """Return the function that a run calls to get the files of a sample that has none of its own."""

    def make(sample: str, folder: Path, workers: Workers, bars: Bars) -> tuple[list[str], str]:
        spec = job.samples[sample].simulate
        if spec is None:
            raise RequestError(f"samples.{sample}: no files and nothing to simulate")
        paths, made = simulate(sample, spec, job.samples[sample].tree, folder, workers, bars)
        text = f"{sample}: {made:,} made now, {len(paths)} files" if made else f"{sample}: {len(paths)} files kept"
        return [str(path) for path in paths], text

    return make
