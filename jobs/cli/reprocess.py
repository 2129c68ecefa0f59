"""Print the results of `lineshape reprocess` and `lineshape ledger`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import BusyError, LineshapeError, RequestError
from lineshape.engine.core.output import write_line
from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.core.signals import INTERRUPTED
from lineshape.engine.reprocessing.reprocess import IncompleteReprocessingError, roll_back

Record = dict[str, Any]


def one_line(job: str, do: Callable[[], Record]) -> None:
    """Call a function and print its result as one line of JSON, whatever it is; other output goes to standard error.

    job: as given on the command line, printed where no record names the study. Whatever `do` raises is raised again.
    """
    with _standard_output_kept() as say:
        try:
            say(summary(do(), 0))
        except IncompleteReprocessingError as error:
            say(summary(error.record | {"status": "incomplete", "text": str(error)}, error.status))
            raise
        except LineshapeError as error:
            status = "busy" if isinstance(error, BusyError) else "refused" if error.status == 2 else "failed"
            say(summary({"job": job, "status": status, "text": str(error)}, error.status))
            raise
        except Exception as error:
            say(summary({"job": job, "status": "failed", "text": str(error)}, 1))
            raise
        except (KeyboardInterrupt, SystemExit) as stop:
            code = stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, int) else INTERRUPTED
            say(summary({"job": job, "status": "interrupted", "text": "the next run goes on from here"}, code))
            raise


def summary(record: Record, status: int) -> Record:
    """Return the fields of a record that a scheduler needs, with the exit status."""
    keys = ("run", "study", "job", "status", "text", "seconds", "files", "data", "version", "champion")
    told: Record = {
        key: record[key] for key in (*keys, "problem", "comparison", "decision", "drift", "would") if key in record
    }
    if "files" in told:
        told["files"] = {kind: len(files) for kind, files in record["files"].items()}
    return {"exit": status, **told}


@contextmanager
def _standard_output_kept() -> Iterator[Callable[[Record], None]]:
    """Reserve standard output for one line; other output of this process and its children goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)

    def say(line: Record) -> None:
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
    records = ledger.runs(folder.ledger)
    if as_json:
        sys.stdout.write(json.dumps(records, indent=1) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "finished (UTC)", "seconds", "files", "objects", "champion", "what"):
        right = heading in {"run", "seconds", "objects"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "what")
    for record in records:
        table.add_row(*cells(record))
    Console().print(table)


def cells(record: Record) -> list[str]:
    """Return the cells of a run's line in the table."""
    marks = {"new": "+", "changed": "~", "repaired": "*", "broken": "!", "repeated": "=", "vanished": "−"}
    files = " ".join(f"{marks[kind]}{len(files)}" for kind, files in record.get("files", {}).items())
    rows = record.get("data", {}).get("rows")
    what = record["text"] if record["status"] != "failed" else f"failed: {record['text'].splitlines()[0]}"
    return [
        str(record["run"]),
        record["finished"][:16].replace("T", " "),
        f"{record['seconds']:.0f}",
        files or "–",
        f"{rows:,}" if rows is not None else "–",
        record.get("champion") or "–",
        what + ("; the run before was killed" if "after" in record else ""),
    ]


def rollback(name: str, version: str | None) -> None:
    """Make an earlier version champion, and print the result."""
    record = roll_back(ReprocessingFolder.find(name), version)
    Console().print(f"champion: {record['champion']} ({record['text']})", highlight=False)


def words(said: list[str]) -> tuple[str, str, str | None]:
    """Parse the words behind `lineshape ledger`: `FOLDER` (returned as `show`) or `rollback FOLDER [VERSION]`."""
    back = len(said) > 1 and said[0] == "rollback"
    rest = said[1:] if back else said
    if not rest or len(rest) > (2 if back else 1):
        raise RequestError(f"ledger {' '.join(said)}: expected FOLDER, or rollback FOLDER [VERSION]")
    return ("rollback" if back else "show"), rest[0], rest[1] if len(rest) > 1 else None
