"""Provide the commands of scheduled reprocessing."""

from pathlib import Path
from typing import Annotated

import typer

from lineshape.jobs.cli.options import Changes, ClusterName, JobName, Samples, Workers, changes_of, load

app = typer.Typer()


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
    from lineshape.engine.reprocessing.run_record import RunRecord
    from lineshape.jobs.cli import reprocess as reprocess_cli
    from lineshape.jobs.simulate.orders import simulator

    def do() -> RunRecord | foresight.DryRun:
        loaded = load(job, sample, changes_of(set_, workers, cluster))
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
