"""Run the command line: `lineshape run tau_energy_scale`."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from lineshape.engine.clusters.site import fault_of_settings
from lineshape.engine.core import output as streams
from lineshape.engine.core.errors import LineshapeError, code_line, is_users
from lineshape.jobs.cli import applying, fits, planning, reference, results, scheduled, stages, starting

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From ROOT files to calibrated, tagged and measured particles, on a Dask cluster.",
)

for part in (stages, applying, starting, planning, results, fits, reference, scheduled):
    app.add_typer(part.app)

#: Exit status after Ctrl-C.
INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit: a user's mistake prints a message, not a traceback.

    A reader that closes the output does not change the exit status.
    """
    streams.forgive()
    status = _status()
    try:
        sys.stdout.flush()
    except OSError as error:
        status = _told(f"{error.filename}: {error.strerror}", 1)
    sys.exit(status)


def _status() -> int:
    """Run the requested command and return the exit status."""
    try:
        app()
    except LineshapeError as error:
        return _told(str(error), error.status)
    except OSError as error:
        return _told(f"{error.filename or ''}: {error.strerror or error}", 1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            Console(stderr=True).print("interrupted: run the same command again to go on from here")
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except Exception as error:
        if fault := fault_of_settings(error):
            return _told(fault, 1)
        if not is_users(error):
            raise  # a fault of this program itself
        return _told(code_line(error), 1)
    return 0


def _told(text: str, status: int) -> int:
    """Print an error message and return the exit status."""
    Console(stderr=True).print(f"[red]error:[/red] {escape(text)}", soft_wrap=True, highlight=False)
    return status


if __name__ == "__main__":
    main()
