"""Print tables of results, and warnings."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from lineshape.engine.results.claims import CheckedClaim
    from lineshape.engine.results.look import FirstLook


def show_tables(result: Any) -> None:
    """Print the headline tables, as many of their columns as fit, how many claims hold, and the report's path."""
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
    if claims := result.check():
        console.print(f"\n{held(claims)}", highlight=False)
    for claim in claims:
        if not claim.holds:
            text = f"{claim.says}: required {claim.required}, found {claim.problem or claim.found}"
            console.print(f"[red]✗[/red] {escape(text)}", soft_wrap=True, highlight=False)
    console.print(f"\nReport: {result.page.resolve()}", soft_wrap=True, highlight=False)


def show_table(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], words: int = 2) -> None:
    """Print a table. words: number of the first columns that are words."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i >= words else "left", no_wrap=i >= words)
    for line in lines:
        table.add_row(*map(escape, line))
    console = Console()
    console.print()
    console.print(table)


def show_claims(claims: Sequence["CheckedClaim"]) -> None:
    """Print claims with what was required and found, and how many hold."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "claim", "required", "found"):
        table.add_column(heading, ratio=None if heading in {"", "required"} else 1)
    for claim in claims:
        mark = "[green]✓[/green]" if claim.holds else "[red]✗[/red]"
        source = f" [dim]({escape(claim.source)})[/dim]" if claim.source else ""
        table.add_row(mark, escape(claim.says) + source, claim.required, escape(claim.problem or claim.found))
    console = Console()
    console.print(table)
    console.print(f"\n{held(claims)}", highlight=False)


def show_look(look: "FirstLook") -> None:
    """Print the columns that separate the classes, or samples, most."""
    found = {name: [each for each in look.separations(name) if each] for name in look.bins}
    most = sorted((name for name in found if found[name]), key=lambda name: -max(each.value for each in found[name]))
    lines = [
        [name, *(f"{each.value:.4f} (by statistics {each.expected:.4f})" for each in found[name])] for name in most[:15]
    ]
    if lines:
        headings = ["column", *(f"{one} against {other}" for one, other in look.pairs())]
        show_table(f"Separation, 0 to 1: {len(lines)} of {len(look.bins)} columns", headings, lines)


def held(claims: Sequence["CheckedClaim"]) -> str:
    """Return how many claims hold, as a sentence."""
    number = sum(claim.holds for claim in claims)
    return f"{number} of {len(claims)} claims hold."


def warn(text: str) -> None:
    """Print a warning to standard error."""
    Console(stderr=True).print(f"[yellow]![/yellow] {escape(text)}", soft_wrap=True, highlight=False)
