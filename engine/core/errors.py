"""Errors shown to users: what was expected, what was found, and what to do next; none is shown with a traceback."""

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
    """Base class of all errors that are shown as a message alone.

    status: exit status of the command line: 1 where the run failed or lost data, 2 where the request was wrong.
    """

    status = 1

    def _render_traceback_(self) -> list[str]:
        """Return the text that a notebook shows in place of a traceback."""
        return [f"\x1b[31merror:\x1b[0m {self}"]


class Interrupted(KeyboardInterrupt):
    """An interrupt, raised after all work has been stopped; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class RequestError(LineshapeError):
    """A request that cannot be fulfilled: a wrong key, an unknown study, a missing file."""

    status = 2


class RunError(LineshapeError):
    """A run that could not continue, or that lost data."""


class IncompleteRunError(RunError):
    """A run that finished except for parts of its input, which are quarantined."""


class StorageError(RunError):
    """The run's own files could not be written (full disk, quota); the run stops, and finished work is preserved."""


class ClusterError(RunError):
    """The cluster was lost, or has no workers; the run stops, and finished work is preserved."""


class BusyError(LineshapeError):
    """Another run is in progress: nothing was done, and the request may be repeated (EX_TEMPFAIL of sysexits.h)."""

    status = 75


class DataError(LineshapeError):
    """A file, or a part of one, with unusable content; it is quarantined and the run continues with the rest."""


class ProcessorError(LineshapeError):
    """An error raised by a processor's own code; the message names the file and line."""


def code_line(error: BaseException) -> str:
    """Return an error's type and message, and the last line of code it passed through outside installed packages.

    It is used for errors in a user's own code, which must be locatable without a traceback. Lines of the user's code
    are preferred to those of this program.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_installed(frame.filename)]
    last = (_of_users(own) or own or frames)[-1]
    # An assertion without a text says what it is about in its own line alone.
    line = "" if str(error).strip() or not last.line else f" at '{last.line:.80}'"
    return f"{plainly(error)}{line} ({last.filename}, line {last.lineno})"


def is_users(error: BaseException) -> bool:
    """Return whether an error passed through a user's own code, outside this program and installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(_of_users([frame for frame in frames if not is_installed(frame.filename)]))


@contextmanager
def calling(what: str) -> Iterator[None]:
    """Run a block that calls code which may be a user's; raise RunError with the name of the call and the failing line.

    what: name of the call, for the message.

    LineshapeError, OSError and MemoryError pass through unchanged: the latter two may be transient.
    """
    try:
        yield
    except (LineshapeError, OSError, MemoryError):
        raise
    except Exception as error:
        raise RunError(f"{what} raised {code_line(error)}") from error


def is_installed(file: str) -> bool:
    """Return whether a file belongs to an installed package or to Python itself."""
    parts = Path(file).parts
    return bool({"site-packages", "dist-packages"} & set(parts)) or file.startswith(("<", sysconfig.get_path("stdlib")))


def _of_users(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """Return the frames that are outside this program's folders."""
    program = [Path(__file__).parents[2] / part for part in ("engine", "jobs", "processors")]
    return [frame for frame in frames if not any(Path(frame.filename).is_relative_to(part) for part in program)]


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> str:
    """Return `; nearest: a, b` for a name that was not found, or an empty string where no candidate is similar."""
    names = list(dict.fromkeys(candidates))
    matches = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    # A branch is often right but for its collection: EventInfo.mu for EventInfoAuxDyn.mu.
    matches += [other for other in names if other.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1]]
    unique = list(dict.fromkeys(matches))[:count]
    return f"; nearest: {', '.join(unique)}" if unique else ""


def listing(names: Iterable[str], most: int = 12) -> str:
    """Return a comma-separated list of names that states how many it leaves out."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


#: Prefix of XGBoost's messages: the time, and the line of its own code.
_BEFORE = re.compile(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: (Check failed: )?")


def plainly(error: BaseException) -> str:
    """Return an exception's class and the first paragraph of its message, without any C++ stack trace."""
    text = _BEFORE.sub("", str(error).strip().split("\n\n")[0].partition("Stack trace:")[0])
    kind = type(error)
    # Some modules call theirs just so: struct.error, zlib.error.
    name = f"{kind.__module__}.{kind.__name__}" if kind.__name__.lower() == "error" else kind.__name__
    return f"{name}: {' '.join(text.split())}".removesuffix(": ")


#: Errors that json, numpy, pyarrow, torch and xgboost (ValueError) raise for a truncated file or one of another type.
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
    """Run a block that reads one of the run's own files; raise RunError naming the file where it is damaged or missing.

    todo: what the user should do then, as in 'run … again'.

    An OSError of the disk or the network passes through unchanged.
    """
    try:
        if not file.is_file():
            raise ValueError("there is no such file")
        yield
    except (*DAMAGES, OSError) as error:
        # Errors of the disk or the network carry an errno; EINVAL is torch seeking before the beginning of a file.
        if isinstance(error, OSError) and error.errno and error.errno != errno.EINVAL:
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0].removeprefix("ValueError: ")
        raise RunError(f"{file} is damaged ({reason[:120].rstrip('. :')}): {todo}") from error


@contextmanager
def reading_bundle(file: Path) -> Iterator[None]:
    """Run a block that reads a file of a bundle; raise RunError with the remedy where it is damaged or missing."""
    with reading(file, retraining(file.parent)):
        yield


def retraining(bundle: Path) -> str:
    """Return the advice for a damaged bundle: remove it and train the model again."""
    return f"remove the folder {bundle} and train the model again by 'lineshape train … -m {bundle.name}'"
