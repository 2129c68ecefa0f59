"""Call a processor of coffea's on datasets, from a job file or the command line, and save what it returns."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.errors import IncompleteRunError, Interrupted, RequestError, code_line
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.job.job_file import YamlSource
from lineshape.jobs.filesets import read_fileset
from lineshape.jobs.runner import plan_of

if TYPE_CHECKING:
    from distributed import Client

    from lineshape.engine.execution.progress import Screen
    from lineshape.engine.job.accumulator_job import AccumulatorJob
    from lineshape.engine.stages.accumulating.plan import Accumulation
    from lineshape.engine.stages.accumulating.stage import Accumulated


def is_accumulating(path: Path) -> bool:
    """Return whether a job file's processor returns accumulators; raises RequestError where it is no job file."""
    processor = YamlSource.read(path).values.get("processor")
    return isinstance(processor, dict) and "accumulator" in processor


def load_accumulating(path: Path, changes: Mapping[str, Any] | None = None) -> "AccumulatorJob":
    """Return the job of a job file, checked; changes: other values, by dotted key."""
    from lineshape.engine.job.accumulator_job import AccumulatorJob
    from lineshape.engine.job.loading import load_settings

    return load_settings(path, AccumulatorJob, changes, (_check,))


def job_of_fileset(
    fileset: Path, processor: str, schema: str, treename: str | None, changes: Mapping[str, Any] | None = None
) -> "AccumulatorJob":
    """Return the job that calls a processor on a fileset; raises RequestError where one of them is wrong."""
    from lineshape.engine.core.validation import validated
    from lineshape.engine.job.accumulator_job import AccumulatorJob

    samples: dict[str, Any] = {}
    for name, dataset in read_fileset(fileset, treename).items():
        if len(dataset.files) > 1:
            raise RequestError(f"dataset {name}: its files have several trees: give them as datasets of their own")
        ((tree, files),) = dataset.files.items()
        samples[name] = {"files": list(files), "tree": tree, "metadata": dict(dataset.metadata)}
    values: dict[str, Any] = {
        "study": processor.rpartition(":")[2],
        "processor": {"kind": processor, "accumulator": True, "schema": schema},
        "samples": samples,
    }
    for key, value in (changes or {}).items():
        place, (*within, last) = values, key.split(".")
        for part in within:
            place = place.setdefault(part, {})
        place[last] = value
    if isinstance(values.get("cluster"), dict):
        values["cluster"].setdefault("kind", "local")
    try:
        job = validated(AccumulatorJob, values)
        _check(job)
    except SettingsError as error:
        raise RequestError(str(error)) from error
    return job


def accumulate(
    job: "AccumulatorJob",
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: "Screen | None" = None,
) -> "Accumulated":
    """Call the job's processor on all chunks that it was not called on before, and save what it returned.

    output: the run folder, runs/<study> by default. client: a Dask client; by default the job's own cluster is started.

    Each dataset's sum is saved in datasets/ of the folder, and the whole, where the processor has a `postprocess`, as
    output.coffea, output.root and output.json.

    Raises IncompleteRunError where more of the input is quarantined than the job tolerates.
    """
    from lineshape.engine.running.accumulation_run import AccumulationRun
    from lineshape.engine.running.workers import open_workers

    processor = _processor(job)
    plan = _plan(job, processor)
    folder = Path(output or Path("runs") / job.study)
    try:
        with open_workers(folder, job.built_cluster(), screen, client) as (run_folder, workers, shown):
            run = AccumulationRun(run_folder, workers, shown)
            found = run.accumulate(plan)
            if plan.postprocesses:
                run.finish(found, processor)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: run the same again to go on from here") from None
    lost = 1 - found.processed / found.entries if found.entries else 0.0
    unknown = [item for item in found.quarantined if item.start < 0]
    if found.quarantined and (unknown or lost > job.tolerate):
        number = len(found.quarantined)
        raise IncompleteRunError(
            f"{f'{number} parts' if number > 1 else '1 part'} of the input cannot be used, first "
            f"{found.quarantined[0].line}; everything else is in {folder}. Mend them and run the same again"
        )
    return found


def _plan(job: "AccumulatorJob", processor: Any) -> "Accumulation":
    from lineshape.engine.stages.accumulating.plan import DatasetFiles

    datasets = {
        name: DatasetFiles({sample.tree: sample.files}, sample.metadata) for name, sample in job.samples.items()
    }
    return plan_of(
        datasets,
        processor,
        job.processor.schema_name,
        chunk_entries=job.chunk_entries,
        most_chunks=job.most_chunks,
        accepted=job.processor.pickle,
    )


def _check(job: "AccumulatorJob") -> None:
    """Raise SettingsError where the processor or the schema cannot be made."""
    from lineshape.engine.input.schemas import find_schema

    try:
        find_schema(job.processor.schema_name)
    except RequestError as error:
        raise SettingsError.at(("processor", "schema"), error) from error
    _processor(job)


def _processor(job: "AccumulatorJob") -> Any:
    """Return the processor; raises SettingsError where there is none, or it cannot be made."""
    module, _, name = job.processor.kind.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        text = f"no module '{error.name}': expected it beside the job, with PYTHONPATH=$PWD, or installed"
        raise SettingsError.at(("processor", "kind"), text) from error
    except AttributeError as error:
        raise SettingsError.at(("processor", "kind"), f"module {module} has no '{name}'") from error
    except Exception as error:
        raise SettingsError.at(("processor", "kind"), f"{module} cannot be imported: {code_line(error)}") from error
    if not isinstance(found, type):
        return found
    try:
        return found(**job.processor.settings)
    except Exception as error:
        text = f"{name} cannot be made of these settings: {code_line(error)}"
        raise SettingsError.at(("processor", "settings"), text) from error
