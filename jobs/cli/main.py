"""Provide the command line: `lineshape run tau_energy_scale`, and a command for each stage alone."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineshape.engine.clusters.site import fault_of_settings
from lineshape.engine.core import output as streams
from lineshape.engine.core.errors import (
    ClusterError,
    IncompleteRunError,
    LineshapeError,
    RequestError,
    code_line,
    is_users,
)
from lineshape.engine.core.run_folder import RunFolder

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From ROOT files to calibrated, tagged and measured particles, on a Dask cluster.",
)

#: Exit status after Ctrl-C.
INTERRUPTED = 130

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
ClusterName = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="CLUSTER",
        help="Where to run: a kind of cluster (local, slurm, htcondor …), the address or file of a scheduler, "
        "'module:Class' of a facility, or a YAML file with the section 'cluster:'.",
    ),
]


@app.command()
def run(
    job: JobName,
    output: Output = None,
    sample: Samples = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
) -> None:
    """Run all stages; finished work is not repeated."""
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.reprocessing import output_folders as places
    from lineshape.jobs import api

    loaded = _load(job, sample, _changes(set_, workers, cluster))
    folder = places.output_of(loaded, output, job)
    try:
        with stopping.ending_in_order():
            result = api.run(loaded, folder)
        _show(result)
    except IncompleteRunError:
        _show(api.open_result(folder))
        raise


@app.command()
def simulate(
    job: JobName, output: Output = None, set_: Changes = None, workers: Workers = None, cluster: ClusterName = None
) -> None:
    """Make the ROOT files of the samples that are simulated."""
    from lineshape.jobs.simulate.orders import simulator

    with _opened(job, output, None, _changes(set_, workers, cluster)) as opened:
        files = opened.simulate(simulator(opened.job))
    for name in files:
        Console().print(f"{name}: {opened.folder.simulated / name}", highlight=False)


@app.command()
def process(
    job: JobName,
    output: Output = None,
    sample: Samples = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
) -> None:
    """Process ROOT files into feature shards (samples to be simulated are made first)."""
    from lineshape.jobs.simulate.orders import simulator

    with _opened(job, output, sample, _changes(set_, workers, cluster)) as opened:
        opened.process(opened.simulate(simulator(opened.job)))
        opened.check_complete()


@app.command()
def train(
    job: JobName,
    output: Output = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Only this model; repeatable.")] = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
) -> None:
    """Train bundles on the feature shards."""
    with _opened(job, output, None, _changes(set_, workers, cluster), again=True) as opened:
        opened.train(model)


@app.command()
def search(
    job: JobName,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the job with a 'search' in the job file.")],
    output: Output = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
) -> None:
    r"""Try settings of a model that the job file leaves open, by validation loss (needs lineshape\[search])."""
    with _opened(job, output, None, _changes(set_, workers, cluster), again=True) as opened:
        opened.search(model)


@app.command()
def histogram(
    job: JobName, output: Output = None, set_: Changes = None, workers: Workers = None, cluster: ClusterName = None
) -> None:
    """Apply bundles to the test split and fill performance histograms."""
    with _opened(job, output, None, _changes(set_, workers, cluster), again=True) as opened:
        opened.histogram()


@app.command()
def report(
    job: JobName, output: Output = None, set_: Changes = None, workers: Workers = None, cluster: ClusterName = None
) -> None:
    """Write figures, plots and the page from performance histograms."""
    from lineshape.jobs.api import Result

    with _opened(job, output, None, _changes(set_, workers, cluster), again=True) as opened:
        rows = opened.report()
    _show(Result(opened.job, opened.folder.path, rows))


@app.command()
def preflight(
    job: JobName, output: Output = None, sample: Samples = None, set_: Changes = None, cluster: ClusterName = None
) -> None:
    """Try one worker of each sort on the cluster, and report problems."""
    from lineshape.engine.clusters import preflight as trial
    from lineshape.engine.reprocessing.output_folders import output_of
    from lineshape.engine.run import open_run

    loaded = _load(job, sample, _changes(set_, None, cluster))
    folder = output_of(loaded, output, job)
    files = {name: spec.files for name, spec in loaded.samples.items() if spec.files}
    console = Console(stderr=True)
    with open_run(loaded, folder, one=True) as opened, console.status("starts") as status:
        checks = trial.preflight(opened.workers, folder, files, lambda text: status.update(escape(text)))
    for check in checks:
        mark = "[green]✓[/green]" if check.good else "[red]✗[/red]"
        console.print(f"{mark} [bold]{check.name}[/bold] {escape(check.text)}", soft_wrap=True, highlight=False)
    if bad := [check for check in checks if not check.good]:
        raise ClusterError(f"{len(bad)} of {len(checks)} things are not as a run needs them")


@app.command()
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a study under runs/.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of the run.")],
    to: Annotated[
        str | None, typer.Option("--to", help="onnx or lwtnn for networks, onnx-trees or xgboost-json for trees.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; under export/ in the run folder by default.")
    ] = None,
) -> None:
    r"""Write a model as a file of other software, checked on 10,000 rows (needs lineshape\[export])."""
    from lineshape.engine.export.exporting import export as write
    from lineshape.engine.export.exporting import formats
    from lineshape.engine.export.parity import TOLERANCE

    if not to:
        raise RequestError(f"--to is missing: expected one of {', '.join(formats())}")
    with Console(stderr=True).status(f"model {model} is written and read back"):
        found = write(RunFolder.find(run), model, to, output)
    console = Console()
    for remark in found.remarks:
        console.print(f"[yellow]![/yellow] {escape(remark)}", soft_wrap=True, highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("output", style="bold")
    for heading in ("largest relative difference", f"rows with more than {TOLERANCE:.0e}"):
        table.add_column(heading, justify="right")
    for name, difference in found.parity.differences.items():
        table.add_row(name, f"{difference:.1e}", f"{found.parity.rounded[name]:,}")
    console.print(f"Read back on {found.parity.rows:,} rows, extreme and missing values among them:", highlight=False)
    console.print(table)
    if any(found.parity.rounded.values()):
        console.print("In these rows float32 itself is off by as much.")
    console.print(f"\nWritten: {found.path.resolve()}", soft_wrap=True, highlight=False)


@app.command()
def studies() -> None:
    """List the studies that come with the package."""
    from lineshape.jobs import api

    table = Table(box=None, pad_edge=False)
    table.add_column("study", style="bold")
    table.add_column("title")
    for name, title in api.studies().items():
        table.add_row(name, title)
    Console().print(table)


@app.command()
def status(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a study under runs/.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON (summary.json).")] = False,
) -> None:
    """Show what a run has done so far, and its figures."""
    from lineshape.engine.core import ledger as records
    from lineshape.jobs import api

    folder = RunFolder.find(run)
    if as_json:
        print(json.dumps(api.open_result(run).rows, indent=1))
        return
    for number in records.spoilt(folder.ledger):
        _warn(f"{folder.ledger}, line {number}, is no record of a stage: it was damaged, and is left out")
    last = {record["stage"]: record for record in records.stages(folder.ledger)}
    if folder.summary.is_file() and "reporting" not in last:
        _warn(f"{folder.ledger} does not tell of the report that is there: it lost lines")
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "finished", "seconds", "result"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    searches = [name for name in last if name.startswith("search ")]
    for name in ("simulation", "processing", "training", *searches, "histogramming", "reporting"):
        record = last.get(name)
        cells = (
            [record["finished"], f"{record['seconds']:.1f}", record["result"]["text"]]
            if record
            else ["–", "", "not run"]
        )
        table.add_row(name, *cells)
    Console().print(table)
    if folder.summary.is_file():
        _show(api.open_result(run))


@app.command()
def reprocess(
    job: JobName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The reprocessing folder; reprocessing/STUDY by default.")
    ] = None,
    sample: Samples = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
) -> None:
    """Do one run of scheduled reprocessing, called by a timer: new files, a challenger, the better model stays."""
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.reprocessing import dry_run as foresight
    from lineshape.engine.reprocessing import reprocess as reprocessing
    from lineshape.jobs.cli import reprocess as reprocess_cli
    from lineshape.jobs.simulate.orders import simulator

    def do() -> dict[str, Any]:
        loaded = _load(job, sample, _changes(set_, workers, cluster))
        if dry_run:
            return foresight.describe(loaded, output)
        return reprocessing.reprocess(loaded, simulator(loaded), output)

    with stopping.ending_in_order():
        reprocess_cli.one_line(job, do)


@app.command()
def ledger(
    said: Annotated[
        list[str],
        typer.Argument(
            metavar="[rollback] FOLDER [VERSION]", help="A reprocessing folder, or a study under reprocessing/."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print every record as JSON.")] = False,
) -> None:
    """Show what scheduled reprocessing did, run by run; 'rollback' makes an earlier version champion."""
    from lineshape.jobs.cli import reprocess as reprocess_cli

    what, name, version = reprocess_cli.words(said)
    if what == "rollback":
        reprocess_cli.rollback(name, version)
    else:
        reprocess_cli.show_ledger(name, as_json)


@contextmanager
def _opened(
    job: str, output: Path | None, sample: list[str] | None, changes: dict[str, Any], again: bool = False
) -> Iterator[Any]:
    """Open a run for one stage.

    again: for a stage after the first, on the samples that the run was processed with.
    """
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.reprocessing import output_folders as places
    from lineshape.jobs import api

    loaded = _load(job, sample, changes)
    with stopping.ending_in_order(), api.opened(loaded, places.output_of(loaded, output, job), again=again) as run:
        yield run


def _load(job: str, sample: list[str] | None, changes: dict[str, Any]) -> Any:
    from lineshape.jobs import job_files

    samples: dict[str, list[str]] = {}
    for item in sample or []:
        name, files = _pair(item, "--sample", "ntuples=/data/*.root")
        samples.setdefault(name, []).append(files)
    return job_files.load(job, samples, changes)


def _changes(set_: list[str] | None, workers: int | None, cluster: str | None) -> dict[str, Any]:
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


def _show(result: Any) -> None:
    """Print the headline tables, as many of their columns as fit, and the report's path."""
    console = Console()
    for title, whole in result.tables():
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
        widths = accumulate(max(map(len, cells)) + 1 for cells in zip(*whole, strict=True))
        columns = sum(width <= console.width + 1 for width in widths)
        headings, *lines = [line[:columns] for line in whole]
        for i, heading in enumerate(headings):
            table.add_column(heading, justify="right" if i else "left", no_wrap=True)
        for line in lines:
            table.add_row(*line)
        console.print()
        console.print(table)
    console.print(f"\nReport: {result.page.resolve()}", soft_wrap=True, highlight=False)


def main() -> None:
    """Run the command line and exit: a user's mistake prints a message, not a traceback.

    A reader that closes the output does not change the exit status.
    """
    streams.forgive()
    status = _status()
    try:
        sys.stdout.flush()
    except OSError as error:
        status = _told(f"{error.filename}: {error.strerror}", 1)
    sys.exit(status)


def _status() -> int:
    """Run the requested command and return the exit status."""
    try:
        app()
    except LineshapeError as error:
        return _told(str(error), error.status)
    except OSError as error:
        return _told(f"{error.filename or ''}: {error.strerror or error}", 1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            Console(stderr=True).print("interrupted: run the same command again to go on from here")
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except Exception as error:
        if fault := fault_of_settings(error):
            return _told(fault, 1)
        if not is_users(error):
            raise  # a fault of this program itself
        return _told(code_line(error), 1)
    return 0


def _warn(text: str) -> None:
    Console(stderr=True).print(f"[yellow]![/yellow] {escape(text)}", soft_wrap=True, highlight=False)


def _told(text: str, status: int) -> int:
    """Print an error message and return the exit status."""
    Console(stderr=True).print(f"[red]error:[/red] {escape(text)}", soft_wrap=True, highlight=False)
    return status


if __name__ == "__main__":
    main()
