"""The command line in this process, without a cluster or on one that is there: a traceback is an error of the test."""

import contextlib
import io
import sys

from distributed import Client

from lineshape.jobs.cli import main as cli


def on(client: Client) -> tuple[str, str]:
    """The option for a cluster that is there, whose workers have imported what they need."""
    assert client.scheduler is not None
    return "--cluster", client.scheduler.address


def here(*words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    out, err = io.StringIO(), io.StringIO()
    argv, sys.argv = sys.argv, ["lineshape", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
        code: object = 0
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = argv
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()
