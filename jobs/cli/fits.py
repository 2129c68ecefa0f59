"""Provide the commands that hand results over to a fit."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lineshape.jobs.cli.tables import show_table, warn

app = typer.Typer()


@app.command()
def templates(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a study under runs/.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder; templates/ of the run folder by default.")
    ] = None,
) -> None:
    """Write templates with their variations for a fit: a pyhf workspace, ROOT histograms, cabinetry's configuration."""
    from lineshape.jobs.templates import write_templates

    for each in write_templates(run, output):
        made = each.templates
        for note in made.notes:
            warn(note)
        lines = []
        for channel in made.channels:
            names = [*channel.samples]
            yields = ", ".join(f"{name} {channel.samples[name].yields.sum():,.5g}" for name in names)
            observed = "–" if channel.observed is None else f"{channel.observed.sum():,.0f}"
            parameters = {name for sample in channel.samples.values() for name in sample.variations}
            bins = len(channel.edges) - 1
            lines.append(
                [channel.name, str(bins), yields, observed, str(len(parameters)), f"{channel.significance:.3g}"]
            )
        headings = ["region", "bins", "expected", "observed", "variations", "expected Z"]
        show_table(f"{each.measure} of {each.model}: Z = {made.significance:.3g}, statistics alone", headings, lines)
        for path in each.files:
            Console().print(f"  {path}", soft_wrap=True, highlight=False)
