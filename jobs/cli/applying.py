"""Provide the command that writes what models say of the objects of files back into files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lineshape.jobs.cli.options import Changes, ClusterName, Dashboard, Samples, Workers, changes_of, samples_of

app = typer.Typer()


@app.command()
def apply(
    sources: Annotated[
        list[str], typer.Argument(metavar="RUN|BUNDLE …", help="Run folders, studies under runs/, or bundles.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder of the outputs, one for each file.")],
    sample: Samples = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="Only this model; repeatable. All trained by default.")
    ] = None,
    copy: Annotated[
        list[str] | None, typer.Option("--copy", metavar="BRANCH", help="Copy a branch of the input; repeatable.")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="ttree, rntuple or parquet.")] = "ttree",
    tree: Annotated[str, typer.Option("--tree-out", help="Name of the tree; that of the input by default.")] = "",
    job: Annotated[
        str | None, typer.Option("--job", metavar="JOB", help="The job that a bundle outside its run was trained by.")
    ] = None,
    set_: Changes = None,
    workers: Workers = None,
    cluster: ClusterName = None,
    dashboard: Dashboard = False,
) -> None:
    """Write scores, estimates and their widths into files with the same entries, as friends of the inputs."""
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.execution.progress import Screen
    from lineshape.jobs import applying

    samples, changes = samples_of(sample), changes_of(set_, workers, cluster)
    with stopping.ending_in_order():
        applied = applying.apply(
            list(sources),
            samples,
            to,
            model,
            copy or (),
            format,
            tree,
            job,
            changes,
            screen=Screen(dashboard=dashboard),
        )
    for file in applied.files:
        Console().print(str(file.output), highlight=False, soft_wrap=True)
