"""Provide the command that starts a study: a look into a file, and a processor and job file that run as they are."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.cli.tables import warn

app = typer.Typer()


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the study, and of its two files.")],
    file: Annotated[Path, typer.Option("--from", metavar="FILE", help="A ROOT file to look into.")],
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="BRANCH", help="What to learn: a label of 0 and 1, or a quantity above zero."),
    ] = None,
    tree: Annotated[
        str | None, typer.Option("--tree", help="The tree; that which holds the events by default.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="BRANCH", help="The event's number; found by its name by default."),
    ] = None,
) -> None:
    """Write a first processor and job file for a ROOT file, which run as they are: NAME.py and NAME.yaml."""
    from lineshape.jobs.starting.drafting import draft
    from lineshape.jobs.starting.file_survey import survey

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise RequestError(f"NAME '{name}': expected lower-case letters, digits and underscores, as in my_study")
    written = [Path(f"{name}.py"), Path(f"{name}.yaml")]
    for path in written:
        if path.exists():
            raise RequestError(f"{path} is there already, and is not overwritten: choose another NAME")
    if not file.is_file():
        raise RequestError(f"--from {file}: no such file")
    with Console(stderr=True).status(f"looking into {file}"):
        found = survey(file, tree)
        class_name = "".join(part.capitalize() for part in name.split("_") if part)
        made = draft(name, class_name, str(file), found, target, event)
    for path, text in zip(written, (made.processor, made.job), strict=True):
        path.write_text(text, encoding="utf-8")
    console = Console()
    console.print(
        f"{file}, tree {found.tree}: {found.entries:,} entries, {len(found.branches):,} branches of numbers",
        soft_wrap=True,
        highlight=False,
    )
    for remark in made.remarks:
        warn(remark)
    following = f"    export PYTHONPATH=$PWD && lineshape run {written[1]}"
    console.print(f"\nWritten: {written[0]}, {written[1]}. Next:\n\n{following}", soft_wrap=True, highlight=False)
