"""Errors that a user sees: what was expected, what is there, and what to do next. None is shown with a traceback."""

import difflib
import errno
import pickle
import re
import struct
import sysconfig
import traceback
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile


class LineshapeError(Exception):
    """Base of all errors that are shown as a message alone.

    status: the exit status of the command line, 1 where the run failed or lost data, 2 where the request was wrong.
    """

    status = 1

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        return [f"\x1b[31merror:\x1b[0m {self}"]


class Interrupted(KeyboardInterrupt):
    """An interrupt, once everything that was at work is stopped; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class RequestError(LineshapeError):
    """What was asked for cannot be done: a wrong key, an unknown study, a file that is not there."""

    status = 2


class RunError(LineshapeError):
    """A run that could not go on, or that lost data."""


class IncompleteRunError(RunError):
    """A run that is done but for parts of its input, which are quarantined."""


class StorageError(RunError):
    """The run's own files could not be written (a full disk, a quota); the run stops, and what is done is kept."""


class ClusterError(RunError):
    """The cluster was lost, or has no workers; the run stops, and what is done is kept."""


class BusyError(LineshapeError):
    """Another run is going on: nothing was done, and the same request may be made later (EX_TEMPFAIL of sysexits.h)."""

    status = 75


class DataError(LineshapeError):
    """A file, or a part of one, whose content cannot be used; it is quarantined and the rest goes on."""


class ProcessorError(LineshapeError):
    """An error that a processor's own code raised; it says where."""


def code_line(error: BaseException) -> str:
    """Return an error's type and text and the line of code it comes from, the last that is no installed package's.

    For errors of a user's own code, which must be found without a traceback.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_installed(frame.filename)]
    last = (_of_users(own) or own or frames)[-1]
    return f"{plainly(error)} ({last.filename}, line {last.lineno})"


def is_users(error: BaseException) -> bool:
    """Return whether an error came out of a user's own code, which is neither this program's nor a package's."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(_of_users([frame for frame in frames if not _is_installed(frame.filename)]))


@contextmanager
def calling(what: str) -> Iterator[None]:
    """Where code is called that may be a user's: raises RunError that says what was called and on which line it failed.

    What the disk, the network or a lack of memory has to say is let through, as it may pass.
    """
    try:
        yield
    except (LineshapeError, OSError, MemoryError):
        raise
    except Exception as error:
        raise RunError(f"{what} raised {code_line(error)}") from error


def _is_installed(file: str) -> bool:
    """Whether a file is a package's or Python's own."""
    parts = Path(file).parts
    return bool({"site-packages", "dist-packages"} & set(parts)) or file.startswith(("<", sysconfig.get_path("stdlib")))


def _of_users(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Those that are not this program's."""
    program = [Path(__file__).parents[2] / part for part in ("engine", "jobs", "processors")]
    return [frame for frame in frames if not any(Path(frame.filename).is_relative_to(part) for part in program)]


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> str:
    """`; nearest: a, b` for a name that was not found, or nothing where no candidate is like it."""
    names = list(dict.fromkeys(candidates))
    matches = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    # A branch is often right but for its collection: EventInfo.mu for EventInfoAuxDyn.mu.
    matches += [other for other in names if other.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1]]
    unique = list(dict.fromkeys(matches))[:count]
    return f"; nearest: {', '.join(unique)}" if unique else ""


def listing(names: Iterable[str], most: int = 12) -> str:
    """A comma-separated list that says how many names it leaves out."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


#: What XGBoost says before what it has to say: when, and at which line of its own code.
_BEFORE = re.compile(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: (Check failed: )?")


def plainly(error: BaseException) -> str:
    """Return an exception's class and the first paragraph of what it says, without the stack that C++ adds to it."""
    text = _BEFORE.sub("", str(error).strip().split("\n\n")[0].partition("Stack trace:")[0])
    return f"{type(error).__name__}: {' '.join(text.split())}".removesuffix(": ")


#: What json, numpy, pyarrow, torch and xgboost (a ValueError) raise of a file that is cut short or is something else.
DAMAGES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MemoryError,
    pickle.UnpicklingError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def reading(file: Path, todo: str) -> Iterator[None]:
    """Where a file of the run's own is read: raises RunError that names it where it is damaged or gone.

    todo: what to do then, as 'run … again'.
    """
    try:
        if not file.is_file():
            raise ValueError("there is no such file")
        yield
    except (*DAMAGES, OSError) as error:
        # What the disk or the network has to say carries a number; torch seeks before a file's beginning.
        if isinstance(error, OSError) and error.errno and error.errno != errno.EINVAL:
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0].removeprefix("ValueError: ")
        raise RunError(f"{file} is damaged ({reason[:120].rstrip('. :')}): {todo}") from error


@contextmanager
def reading_bundle(file: Path) -> Iterator[None]:
    """Where a file of a bundle is read: raises RunError that names it, and what to do, where it is damaged or gone."""
    with reading(file, retraining(file.parent)):
        yield


def retraining(bundle: Path) -> str:
    """Return what to do with a bundle that is damaged."""
    return f"remove the folder {bundle} and train the model again by 'lineshape train … -m {bundle.name}'"
