"""Provide the command that says what a job costs before it runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lineshape.jobs.cli.options import Changes, ClusterName, JobName, Output, Samples, changes_of, load
from lineshape.jobs.cli.tables import show_table, warn

if TYPE_CHECKING:
    from lineshape.engine.planning.forecast import Estimate
    from lineshape.engine.planning.planning import Planned

app = typer.Typer()


@app.command()
def plan(
    job: JobName,
    output: Output = None,
    sample: Samples = None,
    set_: Changes = None,
    cluster: ClusterName = None,
    workers: Annotated[
        list[int] | None, typer.Option(min=1, help="Workers that the time is said for; several may be given.")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--like", help="An earlier run, which tells how long trainings are; the job's own.")
    ] = None,
    entries: Annotated[
        int | None, typer.Option(min=1000, help="Entries of the larger pilot; by default an eighth, within limits.")
    ] = None,
) -> None:
    """Forecast what a job costs: time against workers, disk, memory, from the same job in small on its cluster."""
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.reprocessing import output_folders as places
    from lineshape.jobs import api

    loaded = load(job, sample, changes_of(set_, None, cluster))
    with stopping.ending_in_order():
        found = api.plan(loaded, places.output_of(loaded, output, job), like=like, entries=entries)
    show(found, workers or [])


def show(found: "Planned", workers: Sequence[int]) -> None:
    """Print a forecast: the time of each stage by the number of workers, disk, memory, and what they rest on."""
    for note in found.notes:
        warn(note)
    forecast, console = found.forecast, Console()
    counts = list(dict.fromkeys(workers)) or [found.workers, 8 * found.workers]
    headings = ["stage", "work", *(f"{count} worker{'s' * (count > 1)}" for count in counts)]
    lines = [
        [stage.stage, lasting(stage.work), *(lasting(stage.wall(count)) for count in counts)]
        for stage in forecast.stages
    ]
    lines.append(["all", lasting(forecast.work), *(lasting(forecast.wall(count)) for count in counts)])
    if found.before is not None:
        headings.append("last run")
        for line in lines[:-1]:
            line.append(duration(found.before[line[0]]) if line[0] in found.before else "–")
        lines[-1].append(duration(sum(found.before.get(line[0], 0.0) for line in lines[:-1])))
    title = f"{found.entries:,} entries, from pilots of {found.pilot:,} on {found.workers} workers"
    console.print(f"\n[italic]{title}[/italic]", highlight=False)
    show_table("", headings, lines, words=1)
    console.print()
    for part, used in forecast.disk.items():
        console.print(f"{part:<11} {used.value / 1e9:,.3g} GB on disk", highlight=False)
    console.print(
        f"{'memory':<11} {forecast.memory / 2**30:,.2g} GiB of a worker at most in the pilots", highlight=False
    )
    for count in counts:
        slowest = forecast.bottleneck(count)
        share = slowest.wall(count).value / forecast.wall(count).value
        console.print(f"{'bottleneck':<11} {slowest.stage}, {share:.0%} of the time with {count}", highlight=False)
    open_ended = [
        each for stage in forecast.stages for each in stage.trainings if each.stops and each.model not in found.unknown
    ]
    if open_ended:
        names = ", ".join(f"{each.model} ({each.steps:,} steps)" for each in open_ended)
        warn(f"at most: these may stop earlier, and an earlier run (--like) would tell when: {names}")
    if found.unknown:
        warn(f"not in the forecast, as nothing is known of their pace: {', '.join(found.unknown)}")


def lasting(estimate: "Estimate") -> str:
    """Return a time with its uncertainty in a few letters, as in `12 ± 2 min`."""
    seconds, error = estimate.value, estimate.error
    unit, name = next(((size, name) for size, name in ((3600, "h"), (60, "min")) if seconds >= 1.5 * size), (1, "s"))
    value, about = seconds / unit, error / unit
    digits = 0 if value >= 10 or unit == 1 else 1
    return f"{value:,.{digits}f} ± {about:,.{digits}f} {name}"


def duration(seconds: float) -> str:
    """Return a time that was measured, as `lasting` does."""
    unit, name = next(((size, name) for size, name in ((3600, "h"), (60, "min")) if seconds >= 1.5 * size), (1, "s"))
    value = seconds / unit
    return f"{value:,.{0 if value >= 10 or unit == 1 else 1}f} {name}"
