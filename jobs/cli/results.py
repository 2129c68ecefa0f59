"""Provide the commands that look at what is there: studies, runs and their models."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.jobs.cli.tables import show_claims, show_table, show_tables, warn

app = typer.Typer()


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
    for remark in dict.fromkeys(remark for each in found for remark in each.remarks):
        console.print(f"[yellow]![/yellow] {escape(remark)}", soft_wrap=True, highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("output", style="bold")
    for heading in ("largest relative difference", f"rows with more than {TOLERANCE:.0e}"):
        table.add_column(heading, justify="right")
    for each in found:
        of = f"{each.path.name}: " if len(found) > 1 else ""
        for name, difference in each.parity.differences.items():
            table.add_row(f"{of}{name}", f"{difference:.1e}", f"{each.parity.rounded[name]:,}")
    rows = found[0].parity.rows
    console.print(f"Read back on {rows:,} rows, extreme and missing values among them:", highlight=False)
    console.print(table)
    if any(number for each in found for number in each.parity.rounded.values()):
        console.print("In these rows float32 itself is off by as much.")
    console.print()
    for each in found:
        console.print(f"Written: {each.path.resolve()}", soft_wrap=True, highlight=False)


@app.command("check")
def check_claims(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a study under runs/.")],
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="JOB", help="Take the claims of this job; those of the run by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the claims and what was found as JSON.")] = False,
) -> None:
    """Compare a run's figures with the claims of its job file; exit status 1 where one is not met."""
    from lineshape.jobs import api

    result = api.open_result(run)
    if job:
        result = replace(result, job=api.load(job))
    found = result.check()
    if not found:
        asked = job or result.job.study
        raise RequestError(f"{asked} makes no claims: expected a section 'claims' (see 'lineshape schema'), found none")
    if as_json:
        print(json.dumps([asdict(claim) for claim in found], indent=1, ensure_ascii=False))
    else:
        show_claims(found)
    if not all(claim.holds for claim in found):
        raise typer.Exit(1)


@app.command("compare")
def compare_runs(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN …", help="Run folders, or studies under runs/.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PAGE", help="Write a page with plots, such as both.html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures, those in bins too, as JSON.")] = False,
) -> None:
    """Show the figures of runs side by side; on the same objects with the uncertainty of their ratio or difference."""
    from lineshape.jobs.comparing import compare

    found = compare(runs)
    for run in found.runs:
        if run.problem:
            warn(f"{run.name} is compared by its figures alone: {run.problem}")
    if as_json:
        print(json.dumps(found.to_dicts(), indent=1, ensure_ascii=False))
    else:
        for table in found.tables():
            show_table(table.title, table.headings, table.lines)
    if output:
        found.write(output)
        Console(stderr=as_json).print(f"\nPage: {output.resolve()}", soft_wrap=True, highlight=False)


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
        print(json.dumps([asdict(row) for row in api.open_result(run).rows], indent=1))
        return
    for number in records.damaged(folder.ledger):
        warn(f"{folder.ledger}, line {number}, is no record of a stage: it was damaged, and is left out")
    last = {record.stage: record for record in records.stages(folder.ledger)}
    if folder.summary.is_file() and "reporting" not in last:
        warn(f"{folder.ledger} does not tell of the report that is there: it lost lines")
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "finished", "seconds", "result"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    searches = [name for name in last if name.startswith("search ")]
    variations = [name for name in last if name.startswith("variation ")]
    for name in ("simulation", "processing", "training", *searches, "histogramming", *variations, "reporting"):
        record = last.get(name)
        cells = [record.finished, f"{record.seconds:.1f}", record.result.text] if record else ["–", "", "not run"]
        table.add_row(name, *cells)
    Console().print(table)
    if folder.summary.is_file():
        show_tables(api.open_result(run))
