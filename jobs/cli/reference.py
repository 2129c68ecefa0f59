"""Provide the commands that say what a job file may hold."""

import json
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from lineshape.engine.core.errors import RequestError, nearest

if TYPE_CHECKING:
    from lineshape.jobs.kinds import Kind

app = typer.Typer()


@app.command()
def kinds(
    name: Annotated[str | None, typer.Argument(metavar="[KIND]", help="A kind, whose settings are listed.")] = None,
) -> None:
    """List the kinds of models, losses, measures … that a job file may name, or the settings of one."""
    from lineshape.jobs.kinds import all_kinds

    console = Console()
    with Console(stderr=True).status("kinds are looked up"):
        known = all_kinds()
    if name is None:
        widest = max(len(kind.name) for kind in known)
        for role, members in groupby(known, lambda kind: kind.role):
            console.print(f"[bold]{role}[/bold]")
            for kind in members:
                _line(console, f"  {kind.name:{widest}}  {kind.line}")
        console.print("\nSettings of one: lineshape kinds KIND", highlight=False)
        return
    found = [kind for kind in known if kind.name == name]
    if not found:
        names = [kind.name for kind in known]
        raise RequestError(f"no kind '{name}'{nearest(name, names)}; 'lineshape kinds' lists them")
    for kind in found:
        _describe(kind, console)


@app.command()
def schema() -> None:
    """Print the JSON schema of job files, by which editors complete and check them."""
    from lineshape.jobs.schema import schema as make

    print(json.dumps(make(), indent=1, ensure_ascii=False))


def _line(console: Console, text: str) -> None:
    """Print a line, cut where a terminal ends."""
    if console.is_terminal:
        console.print(escape(text), highlight=False, no_wrap=True, overflow="ellipsis")
    else:
        print(text)


def _describe(kind: "Kind", console: Console) -> None:
    """Print what a kind is, its settings, and an example."""
    console.print(f"[bold]{kind.name}[/bold] ({kind.role}, at {kind.place})\n", highlight=False)
    console.print(f"{escape(kind.about)}\n", highlight=False)
    for row in kind.rows():
        default = f" = {row.default}" if row.default else ", required"
        console.print(f"[bold]{row.name}[/bold]  [dim]{escape(row.type + default)}[/dim]", highlight=False)
        console.print(Padding(escape(row.about), (0, 0, 0, 4)), highlight=False)
    if example := kind.example():
        console.print(f"\n{escape(example)}", highlight=False, soft_wrap=True)
