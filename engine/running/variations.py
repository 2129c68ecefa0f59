"""Make the histograms of a job's variations: what is other is made anew, everything else is the job's own."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.records import save_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.input.sources import Patterns
from lineshape.engine.job.job import Job
from lineshape.engine.job.varied import Varied, bundle_path
from lineshape.engine.job.varied_store import MADE, VariedStore, identity_of, own_folder, reads_files
from lineshape.engine.learning.bundles import Bundle

#: Makes the ROOT files of a sample that has none of its own: sample's name, folder, workers, bars → files, text.
Simulate = Callable[[str, Path, Workers, Bars], tuple[list[str], str]]
#: Returns the function that simulates the samples of a job.
SimulatorOf = Callable[[Job], Simulate]


def make_store(
    job: Job,
    folder: RunFolder,
    varied: Varied,
    files: Mapping[str, Patterns],
    simulator_of: SimulatorOf,
    workers: Workers,
    bars: Bars,
) -> VariedStore:
    """Make the shards of a variation, where it has any of its own, of the samples that it changes.

    files: of the job's samples. Raises what processing does.
    """
    from lineshape.engine.stages.processing.stage import process

    nominal = FeatureStore.load(folder.features)
    if reads_files(varied):
        changed, own, samples = varied.job(job), own_folder(folder, varied), varied.samples(job)
        taken = {name: files[name] for name in samples if name in files}
        known: Path | None = folder.features
        if varied.variation.changes_files:
            known = None
            other = varied.variation.replacement(varied.direction)
            taken = {name: files[other] if other else changed.samples[name].files for name in samples}
            for name in (name for name, of in taken.items() if not of):
                taken[name], _ = simulator_of(changed)(name, own.simulated, workers, bars)
        process(changed, own, workers, bars, taken, varied, known)
        save_record(own.path / MADE, {"identity": identity_of(job, varied)})
    return VariedStore.load(job, folder, nominal, varied)


def copy_bundles(varied: VariedStore, job: Job, folder: RunFolder) -> dict[str, Bundle]:
    """Copy the bundles that take the place of others into the variation's folder, and return the copies.

    Raises RequestError where there is no such bundle.
    """
    found = {}
    for model, named in varied.varied.variation.bundles(varied.varied.direction).items():
        source, own = bundle_path(named, folder.models, [*job.models]), varied.folder.models / model
        bundle = Bundle.load(source)
        if not own.is_dir() or Bundle.load(own).digest != bundle.digest:
            shutil.rmtree(own, ignore_errors=True)
            shutil.copytree(source, own, ignore=shutil.ignore_patterns("calibration", "checkpoint*"))
        found[model] = Bundle.load(own)
        if found[model].gives != Bundle.load(folder.models / model).gives:
            raise RequestError(
                f"variation {varied.varied.name}: bundle {source} does not predict what {model} does: "
                "expected the same quantity"
            )
    return found


def shards_in(folder: RunFolder, varied: Varied) -> int:
    """Return the number of shards that a variation has of its own."""
    own = own_folder(folder, varied).features
    return len([*own.glob("*/*.parquet")]) if reads_files(varied) else 0
