"""Standard output and error that never decide how a command ends: a reader that is gone, or letters it cannot take."""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Nobody reads any more: the other end of the pipe, the terminal or the descriptor itself is gone.
_GONE: Final = {errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET}


def forgive() -> None:
    """From here on, replace what standard output and error cannot encode, and drop what nobody reads any more.

    A full disk is no such case: what was asked for would be missing where it was to be kept.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        _keep_open(number)
        stream: TextIO | None = getattr(sys, name)
        if _is_plain(stream, number):
            setattr(sys, name, _forgiving(number, stream))


def write_line(number: int, text: str) -> None:
    """Write a line to a descriptor, whole, or not at all where nobody reads it."""
    _Forgiving(number, "w", closefd=False).write_all(text.encode() + b"\n")


def _keep_open(number: int) -> None:
    """Open a descriptor that the caller closed, before it becomes that of a file of the run."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def _is_plain(stream: TextIO | None, number: int) -> bool:
    """Whether a stream is the process's own as it started, and not what a notebook or a test put in its place."""
    if stream is None:
        return True
    if not isinstance(stream, io.TextIOWrapper) or isinstance(getattr(stream.buffer, "raw", None), _Forgiving):
        return False
    try:
        return stream.fileno() == number
    except (OSError, ValueError):
        return False


def _forgiving(number: int, stream: TextIO | None) -> TextIO:
    if stream is not None:
        stream.flush()
    raw = _Forgiving(number, "w", closefd=False)
    encoding = stream.encoding if stream else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding,
        errors="replace" if number == 1 else "backslashreplace",
        line_buffering=number == 2 or (stream is not None and stream.isatty()),
    )


class _Forgiving(io.FileIO):
    """A descriptor that becomes the null device once nobody reads it, for all that this process starts as well."""

    def write(self, data: "Buffer", /) -> int:
        """Write, or drop what nobody reads."""
        try:
            return super().write(data) or 0
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno not in _GONE:
                raise OSError(error.errno, error.strerror, "output is incomplete") from error
        return memoryview(data).nbytes

    def write_all(self, data: bytes) -> None:
        """Write all of it, however little is taken at a time."""
        while data:
            data = data[self.write(data) :]
