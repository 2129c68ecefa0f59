"""Print tables of results, and warnings."""

from itertools import accumulate
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show_tables(result: Any) -> None:
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


def warn(text: str) -> None:
    """Print a warning to standard error."""
    Console(stderr=True).print(f"[yellow]![/yellow] {escape(text)}", soft_wrap=True, highlight=False)
