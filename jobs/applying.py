"""Apply trained models to files, from Python and for the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineshape.engine.core.errors import IncompleteRunError, RequestError, listing, nearest
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.job.job import Job
from lineshape.engine.job.processor_builder import fingerprint_of
from lineshape.engine.learning.bundles import FILE, Bundle, read_index
from lineshape.jobs.job_files import load

if TYPE_CHECKING:
    from distributed import Client

    from lineshape.engine.stages.applying.stage import Applied

Samples = Mapping[str, list[str]]
#: Folder in that of the outputs for what is remembered between attempts.
STATE: Final = ".lineshape"


def apply(
    sources: str | Path | Sequence[str | Path],
    samples: Samples,
    to: str | Path,
    models: Sequence[str] | None = None,
    copy: Sequence[str] = (),
    format: str = "ttree",  # noqa: A002 - as the command's option
    tree: str = "",
    job: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> "Applied":
    """Write what models say of the objects of files into files with the same entries; finished work is not repeated.

    sources: a run folder, a study under runs/, or the folder of a bundle, or several. samples: files by sample. to:
    folder of the outputs. models: names; by default all that were trained. copy: branches of the input to copy. format:
    ttree, rntuple or parquet. tree: name of the tree in outputs; by default that of the input. job: a job, in place of
    that of the runs. changes: other values of the job, by dotted key. client: a Dask client; by default the job's own
    cluster is started.

    Raises what `run` does; files of which a part cannot be used have no output.
    """
    from lineshape.engine.stages.applying.existing import INDEX
    from lineshape.engine.stages.applying.plan import ENDINGS, Wanted
    from lineshape.jobs.api import opened

    output_format = next((known for known in ENDINGS if known == format), None)
    if output_format is None:
        raise RequestError(f"--format {format}: expected one of {', '.join(ENDINGS)}{nearest(format, ENDINGS)}")
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    folder = Path(to).absolute()
    _require_folder(folder)
    chosen = choose(listed, samples, changes, models, job)
    files = {name: list(sample.files) for name, sample in chosen.job.samples.items()}
    wanted = Wanted(output_format, tree, tuple(dict.fromkeys(copy)))
    with opened(chosen.job, folder / STATE, client, screen) as run:
        applied = run.apply(chosen.bundles, folder, wanted, files)
    if applied.quarantined and applied.lost > chosen.job.tolerate:
        number = len(applied.quarantined)
        raise IncompleteRunError(
            f"{f'{number} files' if number > 1 else '1 file'} without an output, about {applied.lost:.2%} of the "
            f"entries, more than 'tolerate: {chosen.job.tolerate}' allows; all others are in {folder}, and "
            f"{folder / INDEX} lists both"
        )
    return applied


def _require_folder(to: Path) -> None:
    """Raise RequestError where outputs cannot be written to a folder."""
    if (to / "job.json").is_file():
        raise RequestError(f"--to {to}: it is a run folder; name another folder")
    for part in (to, *to.parents):
        if part.exists() and not part.is_dir():
            raise RequestError(f"--to {to}: expected a folder in {part}, found a file")


@dataclass(frozen=True)
class ChosenModels:
    """Bundles by the name of their branches, and the job whose processor makes their columns."""

    job: Job
    bundles: dict[str, Bundle]


@dataclass(frozen=True)
class _ModelSource:
    """Bundles of one run, or one bundle, by name; name: of the source. run: its run folder, None where it has none."""

    name: str
    bundles: dict[str, Bundle]
    run: Path | None


def choose(
    sources: Sequence[str | Path],
    samples: Samples,
    changes: Mapping[str, Any] | None = None,
    models: Sequence[str] | None = None,
    job: str | Path | None = None,
) -> ChosenModels:
    """Return the models of runs and bundles.

    sources: run folders, studies under runs/, or folders of bundles. samples: files by sample. changes: other values of
    the job, by dotted key. models: names; by default all that were trained. job: a job, in place of that of the runs.

    Raises RequestError where there is no such run, bundle or model, or the runs differ in what makes their columns.
    """
    if not samples:
        raise RequestError(
            "there are no files to apply models to: expected --sample NAME=FILES, as in --sample data='/data/*.root'"
        )
    found = [_source(source) for source in sources]
    if not found:
        raise RequestError("nothing to apply: expected run folders, or folders of bundles")
    return ChosenModels(_job(found, samples, changes, job), _named(found, models))


def _source(source: str | Path) -> _ModelSource:
    path = Path(source)
    if (path / FILE).is_file():
        bundle, run = Bundle.load(path.absolute()), path.absolute().parent.parent
        return _ModelSource(run.name, {bundle.name: bundle}, run if RunFolder(run).job.is_file() else None)
    folder = RunFolder.find(source)
    index = read_index(folder)
    bundles = {name: Bundle.load(folder.models.absolute() / name) for name in index.bundles}
    return _ModelSource(folder.path.absolute().name, bundles, folder.path)


def _job(
    sources: Sequence[_ModelSource], samples: Samples, changes: Mapping[str, Any] | None, job: str | Path | None
) -> Job:
    """Return the job that all sources share, as far as their columns are concerned."""
    if job is not None:
        return load(job, samples, changes)
    loaded: dict[Path, Job] = {}
    for source in sources:
        if source.run is None:
            raise RequestError(
                f"bundle {listing(source.bundles)} is in no run folder, and does not tell how its columns are made: "
                "name the job that it was trained by with --job"
            )
        loaded.setdefault(source.run, load(source.run, samples, changes))
    (first, one), *others = loaded.items()
    for run, other in others:
        if fingerprint_of(other) != fingerprint_of(one) or other.branches != one.branches:
            raise RequestError(
                f"{first} and {run} have different processors, settings, branches or derived columns: expected models "
                "on the same columns; apply them one after the other, to other folders"
            )
    return one


def _named(sources: Sequence[_ModelSource], models: Sequence[str] | None) -> dict[str, Bundle]:
    """Return the chosen bundles by name; one of the same name as another's is called by its run, too: RUN_NAME."""
    known = list(dict.fromkeys(name for source in sources for name in source.bundles))
    for name in models or ():
        if name not in known:
            raise RequestError(f"no model '{name}': expected one of {', '.join(known) or 'none'}{nearest(name, known)}")
    every = {bundle.folder: (source, bundle) for source in sources for bundle in source.bundles.values()}
    chosen = [
        (source, bundle)
        for source, bundle in every.values()
        if (bundle.name in models if models else bundle.built.is_learnt)
    ]
    if not chosen:
        raise RequestError(f"no model was trained: choose one of {', '.join(known) or 'none'} with --model")
    names = [bundle.name for _, bundle in chosen]
    found: dict[str, Bundle] = {}
    for source, bundle in chosen:
        name = bundle.name if names.count(bundle.name) == 1 else f"{source.name}_{bundle.name}"
        if name in found:
            raise RequestError(
                f"two bundles would have branches called {name}: {found[name].folder} and {bundle.folder}; apply them "
                "one after the other, to other folders"
            )
        found[name] = bundle
    return found
