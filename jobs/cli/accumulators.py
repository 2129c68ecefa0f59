"""Call processors of coffea's from the command line."""

from pathlib import Path
from typing import Any

from rich.console import Console

from lineshape.engine.core.errors import RequestError


def accumulates(job: str) -> bool:
    """Return whether a job is a file whose processor returns accumulators."""
    from lineshape.jobs.accumulating import is_accumulating

    path = Path(job)
    return path.suffix in {".yaml", ".yml"} and path.is_file() and is_accumulating(path)


def accumulate(
    job: str,
    output: Path | None,
    sample: list[str] | None,
    changes: dict[str, Any],
    dashboard: bool,
    of_fileset: tuple[str, str, str | None] | None = None,
) -> None:
    """Call a processor, and print where what it returned is.

    job: a job file, or a fileset. of_fileset: processor, schema and tree for a fileset.
    """
    from lineshape.engine.core import signals as stopping
    from lineshape.engine.execution.progress import Screen
    from lineshape.jobs import accumulating

    if sample:
        raise RequestError("--sample: the files stand in the job file or the fileset; change them there")
    if of_fileset:
        loaded = accumulating.job_of_fileset(Path(job), *of_fileset, changes)
    else:
        loaded = accumulating.load_accumulating(Path(job), changes)
    with stopping.ending_in_order():
        found = accumulating.accumulate(loaded, output, screen=Screen(dashboard=dashboard))
    console = Console()
    console.print(f"\nResults: {found.folder / 'datasets'}", soft_wrap=True, highlight=False)
    for dataset in found.sums:
        console.print(f"  {dataset}", highlight=False)
