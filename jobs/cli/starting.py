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
    file: Annotated[Path | None, typer.Option("--from", metavar="FILE", help="A ROOT file to look into.")] = None,
    signal: Annotated[
        Path | None, typer.Option("--signal", metavar="FILE", help="A file of signal, to be told from --background.")
    ] = None,
    background: Annotated[
        Path | None, typer.Option("--background", metavar="FILE", help="A file of background.")
    ] = None,
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
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight", metavar="BRANCH", help="A factor of how much a row counts; may be given several times."
        ),
    ] = None,
) -> None:
    """Write a first processor and job file, which run as they are: NAME.py and NAME.yaml.

    They learn a branch of a file (--from FILE --target BRANCH), or to tell two files apart (--signal FILE --background
    FILE).
    """
    from lineshape.jobs.starting.drafting import draft, draft_of_two
    from lineshape.jobs.starting.file_survey import survey

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise RequestError(f"NAME '{name}': expected lower-case letters, digits and underscores, as in my_study")
    written = [Path(f"{name}.py"), Path(f"{name}.yaml")]
    for path in written:
        if path.exists():
            raise RequestError(f"{path} is there already, and is not overwritten: choose another NAME")
    looked_into = _files(file, signal, background, target)
    class_name = "".join(part.capitalize() for part in name.split("_") if part)
    with Console(stderr=True).status(f"looking into {' and '.join(map(str, looked_into))}"):
        found = [survey(path, tree) for path in looked_into]
        texts = [*zip(map(str, looked_into), found, strict=True)]
        if len(found) == 2:
            made = draft_of_two(name, class_name, texts[0], texts[1], event, weight or [])
        else:
            made = draft(name, class_name, *texts[0], target, event, weight or [])
    for path, text in zip(written, (made.processor, made.job), strict=True):
        path.write_text(text, encoding="utf-8")
    console = Console()
    for each in found:
        console.print(
            f"{each.path}, tree {each.tree}: {each.entries:,} entries, {len(each.branches):,} branches of numbers",
            soft_wrap=True,
            highlight=False,
        )
    for remark in made.remarks:
        warn(remark)
    following = f"    export PYTHONPATH=$PWD && lineshape run {written[1]}"
    console.print(f"\nWritten: {written[0]}, {written[1]}. Next:\n\n{following}", soft_wrap=True, highlight=False)


def _files(file: Path | None, signal: Path | None, background: Path | None, target: str | None) -> list[Path]:
    """Return the file to look into, or those of signal and background; raises RequestError for any other choice."""
    given = {"--from": file, "--signal": signal, "--background": background}
    options = [option for option, path in given.items() if path]
    if options not in (["--from"], ["--signal", "--background"]):
        found = " and ".join(options) or "none of them"
        raise RequestError(f"expected --from FILE, or --signal FILE and --background FILE, found {found}")
    if target and not file:
        raise RequestError("--target: with --signal and --background the sample is what is learnt; leave it out")
    for option, path in given.items():
        if path and not path.is_file():
            raise RequestError(f"{option} {path}: no such file")
    return [path for path in given.values() if path]
