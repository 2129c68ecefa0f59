"""Print the results of `lineshape reprocess` and `lineshape ledger`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import BusyError, LineshapeError, RequestError
from lineshape.engine.core.output import write_line
from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.core.signals import INTERRUPTED
from lineshape.engine.reprocessing.dry_run import DryRun
from lineshape.engine.reprocessing.reprocess import IncompleteReprocessingError, roll_back
from lineshape.engine.reprocessing.run_record import RunRecord, read_runs

#: Keys of a record that a scheduler needs, in the order in which they are printed.
_KEYS: Final = (
    *("run", "study", "status", "text", "seconds", "files", "data", "version", "champion"),
    *("problem", "comparison", "unmet", "decision", "drift", "would"),
)


def one_line(job: str, do: Callable[[], RunRecord | DryRun]) -> None:
    """Call a function and print its result as one line of JSON, whatever it is; other output goes to standard error.

    job: as given on the command line, printed where no record names the study. Whatever `do` raises is raised again.
    """
    with _standard_output_kept() as say:

        def say_without_record(status: str, text: str, code: int) -> None:
            say({"exit": code, "job": job, "status": status, "text": text})

        try:
            say(summary(do(), 0))
        except IncompleteReprocessingError as error:
            say(summary(replace(error.record, status="incomplete", text=str(error)), error.status))
            raise
        except LineshapeError as error:
            status = "busy" if isinstance(error, BusyError) else "refused" if error.status == 2 else "failed"
            say_without_record(status, str(error), error.status)
            raise
        except Exception as error:
            say_without_record("failed", str(error), 1)
            raise
        except (KeyboardInterrupt, SystemExit) as stop:
            code = stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, int) else INTERRUPTED
            say_without_record("interrupted", "the next run goes on from here", code)
            raise


def summary(record: RunRecord | DryRun, status: int) -> dict[str, Any]:
    """Return the parts of a record that a scheduler needs, files by their number, with the exit status."""
    values = record.to_dict()
    if isinstance(record, RunRecord) and record.files is not None:
        values["files"] = {kind: len(files) for kind, files in record.files.items()}
    return {"exit": status, **{key: values[key] for key in _KEYS if key in values}}


@contextmanager
def _standard_output_kept() -> Iterator[Callable[[dict[str, Any]], None]]:
    """Reserve standard output for one line; other output of this process and its children goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)

    def say(line: dict[str, Any]) -> None:
        write_line(kept, json.dumps(line))

    try:
        yield say
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def show_ledger(name: str, as_json: bool) -> None:
    """Print the history of a reprocessing folder, one line a run."""
    folder = ReprocessingFolder.find(name)
    records = read_runs(folder.ledger)
    if as_json:
        # As they were written, with what a later version of this program added.
        sys.stdout.write(json.dumps(ledger.read(folder.ledger), indent=1) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "finished (UTC)", "seconds", "files", "objects", "champion", "what"):
        right = heading in {"run", "seconds", "objects"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "what")
    for record in records:
        table.add_row(*cells(record))
    Console().print(table)


def cells(record: RunRecord) -> list[str]:
    """Return the cells of a run's line in the table."""
    marks = {"new": "+", "changed": "~", "repaired": "*", "broken": "!", "repeated": "=", "vanished": "−"}
    files = " ".join(f"{marks.get(kind, kind)}{len(files)}" for kind, files in (record.files or {}).items())
    what = record.text if record.status != "failed" else f"failed: {record.text.splitlines()[0]}"
    return [
        str(record.run),
        record.finished[:16].replace("T", " "),
        f"{record.seconds:.0f}",
        files or "–",
        f"{record.data.rows:,}" if record.data else "–",
        record.champion or "–",
        what + ("; the run before was killed" if record.after else ""),
    ]


def rollback(name: str, version: str | None) -> None:
    """Make an earlier version champion, and print the result."""
    record = roll_back(ReprocessingFolder.find(name), version)
    Console().print(f"champion: {record.champion} ({record.text})", highlight=False)


def words(said: list[str]) -> tuple[str, str, str | None]:
    """Parse the words behind `lineshape ledger`: `FOLDER` (returned as `show`) or `rollback FOLDER [VERSION]`."""
    back = len(said) > 1 and said[0] == "rollback"
    rest = said[1:] if back else said
    if not rest or len(rest) > (2 if back else 1):
        raise RequestError(f"ledger {' '.join(said)}: expected FOLDER, or rollback FOLDER [VERSION]")
    return ("rollback" if back else "show"), rest[0], rest[1] if len(rest) > 1 else None
