"""Define the options that commands share, and read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.cli.accumulators import accumulates

JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="A study (see 'lineshape studies'), a job file or a run folder.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The run folder; runs/STUDY by default.")]
Samples = Annotated[
    list[str] | None,
    typer.Option(
        "--sample", "-s", metavar="NAME=FILES", help="Your own files: a path, URL, glob or folder; repeatable."
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a value of the job file, as in models.brt.depth=8; repeatable."
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Workers of a local cluster; one a core by default.")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Print the address of Dask's dashboard, on loopback.")]
ClusterName = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="CLUSTER",
        help="Where to run: a kind of cluster (local, slurm, htcondor …), the address or file of a scheduler, "
        "'module:Class' of a facility, or a YAML file with the section 'cluster:'.",
    ),
]


@contextmanager
def opened(
    job: str,
    output: Path | None,
    sample: list[str] | None,
    changes: dict[str, Any],
    dashboard: bool,
    again: bool = False,
) -> Iterator[Any]:
    """Open a run for one stage.

    dashboard: whether the address of Dask's dashboard is shown. again: for a stage after the first, on the samples that
    the run was processed with. Where these lack more of the input than the job tolerates, its result lacks it, too:
    IncompleteRunError is raised once the stage is done.
    """
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.execution.progress import Screen
    from lineshape.engine.reprocessing import output_folders as places
    from lineshape.jobs import api

    loaded = load(job, sample, changes)
    folder, screen = places.output_of(loaded, output, job), Screen(dashboard=dashboard)
    with stopping.ending_in_order(), api.opened(loaded, folder, screen=screen, again=again) as run:
        yield run
        if again:
            run.check_complete()


def load(job: str, sample: list[str] | None, changes: dict[str, Any]) -> Any:
    """Return the job of a command, with its samples and changed values; raises RequestError where they are wrong."""
    from lineshape.jobs import job_files

    if accumulates(job):
        raise RequestError(
            f"{job}: its processor returns accumulators of its own, which 'lineshape run' adds up and saves; there are "
            "no other stages of such a job"
        )
    return job_files.load(job, samples_of(sample), changes)


def samples_of(sample: list[str] | None) -> dict[str, list[str]]:
    """Return the files of each sample."""
    samples: dict[str, list[str]] = {}
    for item in sample or []:
        name, files = _pair(item, "--sample", "ntuples=/data/*.root")
        samples.setdefault(name, []).append(files)
    return samples


def changes_of(set_: list[str] | None, workers: int | None, cluster: str | None) -> dict[str, Any]:
    """Return values that replace those of the job file, by dotted key; those of --set override the others."""
    from lineshape.engine.job.job_file import read_value
    from lineshape.jobs.cli.cluster_option import section

    changes: dict[str, Any] = {"cluster": section(cluster)} if cluster else {}
    if workers:
        changes["cluster.workers"] = workers
    for item in set_ or []:
        key, value = _pair(item, "--set", "models.brt.depth=8")
        changes[key] = read_value(value, f"--set {item}")
    return changes


def _pair(item: str, option: str, example: str) -> tuple[str, str]:
    name, found, value = item.partition("=")
    if not (name and found and value):
        raise RequestError(f"{option} {item}: expected NAME=VALUE, as in {option} {example}")
    return name, value
