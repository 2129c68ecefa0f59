"""Provide a command for all stages of a run, for each of them alone, and for a trial of the cluster."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lineshape.engine.core.errors import ClusterError, IncompleteRunError
from lineshape.jobs.cli.accumulators import accumulate, accumulates
from lineshape.jobs.cli.options import (
    Changes,
    ClusterName,
    Dashboard,
    JobName,
    Output,
    Samples,
    Workers,
    changes_of,
    load,
    opened,
)
from lineshape.jobs.cli.tables import show_look, show_tables

app = typer.Typer()


@app.command()
def run(
    job: JobName,
    output: Output = None,
    sample: Samples = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Run all stages; finished work is not repeated."""
    if accumulates(job):
        accumulate(job, output, sample, changes_of(set_, workers, cluster), dashboard)
        return
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.execution.progress import Screen
    from lineshape.engine.reprocessing import output_folders as places
    from lineshape.jobs import api

    loaded = load(job, sample, changes_of(set_, workers, cluster))
    folder = places.output_of(loaded, output, job)
    try:
        with stopping.ending_in_order():
            result = api.run(loaded, folder, screen=Screen(dashboard=dashboard))
        show_tables(result)
    except IncompleteRunError:
        show_tables(api.open_result(folder))
        raise


@app.command()
def simulate(
    job: JobName,
    output: Output = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Make the ROOT files of the samples that are simulated."""
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, None, changes_of(set_, workers, cluster), dashboard) as run:
        files = run.simulate(simulator(run.job))
    for name in files:
        Console().print(f"{name}: {run.folder.simulated / name}", highlight=False)


@app.command()
def process(
    job: JobName,
    output: Output = None,
    sample: Samples = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
    processor: Annotated[
        str | None,
        typer.Option("--processor", metavar="MODULE:CLASS", help="A coffea processor, for a fileset as JOB."),
    ] = None,
    schema: Annotated[
        str, typer.Option("--schema", help="Schema of its events: a class of coffea's, or module:Class.")
    ] = "NanoAODSchema",
    tree: Annotated[
        str | None, typer.Option("--tree", help="Tree of the fileset's files, where it does not name one.")
    ] = None,
) -> None:
    """Process ROOT files into feature shards (samples to be simulated are made first).

    With --processor, or a job file whose processor has 'accumulator: true', a coffea processor is called on all files,
    and what it returns is added up.
    """
    if processor or accumulates(job):
        changes = changes_of(set_, workers, cluster)
        accumulate(job, output, sample, changes, dashboard, (processor, schema, tree) if processor else None)
        return
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, sample, changes_of(set_, workers, cluster), dashboard) as run:
        run.process(run.simulate(simulator(run.job)))
        run.check_complete()


@app.command()
def look(
    job: JobName,
    output: Output = None,
    sample: Samples = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Look at every column by class and sample before training: separation, correlations, what is missing."""
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, sample, changes_of(set_, workers, cluster), dashboard) as run:
        run.process(run.simulate(simulator(run.job)))
        found = run.look()
        page = run.folder.look / "index.html"
    show_look(found)
    Console().print(f"\nPage: {page.resolve()}", soft_wrap=True, highlight=False)


@app.command()
def train(
    job: JobName,
    output: Output = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Only this model; repeatable.")] = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Train bundles on the feature shards."""
    with opened(job, output, None, changes_of(set_, workers, cluster), dashboard, again=True) as run:
        run.train(model)


@app.command()
def search(
    job: JobName,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the job with a 'search' in the job file.")],
    output: Output = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    r"""Try settings of a model that the job file leaves open, by validation loss (needs lineshape\[search])."""
    with opened(job, output, None, changes_of(set_, workers, cluster), dashboard, again=True) as run:
        run.search(model)


@app.command()
def histogram(
    job: JobName,
    output: Output = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Apply bundles to the test split and fill performance histograms."""
    with opened(job, output, None, changes_of(set_, workers, cluster), dashboard, again=True) as run:
        run.histogram()


@app.command()
def vary(
    job: JobName,
    output: Output = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Fill performance histograms of systematic variations, with shards of their own where events change."""
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, None, changes_of(set_, workers, cluster), dashboard, again=True) as run:
        run.vary(run.simulate(simulator(run.job)), simulator)
        run.check_complete()


@app.command()
def report(
    job: JobName,
    output: Output = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Write figures, plots and the page from performance histograms."""
    from lineshape.jobs.api import Result

    with opened(job, output, None, changes_of(set_, workers, cluster), dashboard, again=True) as run:
        show_tables(Result(run.job, run.folder.path, run.report()))


@app.command()
def preflight(
    job: JobName, output: Output = None, sample: Samples = None, set_: Changes = None, cluster: ClusterName = None
) -> None:
    """Try one worker of each sort on the cluster, and report problems."""
    from lineshape.engine.clusters import preflight as trial
    from lineshape.engine.reprocessing.output_folders import output_of
    from lineshape.engine.running.run import open_run

    loaded = load(job, sample, changes_of(set_, None, cluster))
    folder = output_of(loaded, output, job)
    files = {name: spec.files for name, spec in loaded.samples.items() if spec.files}
    console = Console(stderr=True)
    with open_run(loaded, folder, one=True) as run, console.status("starts") as status:
        checks = trial.preflight(run.workers, folder, files, lambda text: status.update(escape(text)))
    for check in checks:
        mark = "[green]✓[/green]" if check.good else "[red]✗[/red]"
        console.print(f"{mark} [bold]{check.name}[/bold] {escape(check.text)}", soft_wrap=True, highlight=False)
    if bad := [check for check in checks if not check.good]:
        raise ClusterError(f"{len(bad)} of {len(checks)} things are not as a run needs them")
