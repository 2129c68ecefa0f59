"""Standard output and error that tolerate closed pipes and unencodable characters, so that no command fails by them."""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Errors of output without a reader: the other end of the pipe, the terminal or the descriptor itself is gone.
_GONE: Final = {errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET}


def forgive() -> None:
    """Make standard output and error replace characters they cannot encode and discard output that nobody reads.

    A full disk still raises: the requested output would be missing where it was to be saved.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        _keep_open(number)
        stream: TextIO | None = getattr(sys, name)
        if _is_plain(stream, number):
            setattr(sys, name, _forgiving(number, stream))


def write_line(number: int, text: str) -> None:
    """Write a line to a file descriptor, in full, or discard it where nobody reads it."""
    _Forgiving(number, "w", closefd=False).write_all(text.encode() + b"\n")


def _keep_open(number: int) -> None:
    """Open a descriptor that the caller closed, so that no file of the run is given its number."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def _is_plain(stream: TextIO | None, number: int) -> bool:
    """Return whether a stream is the process's original one, and not a notebook's or a test's replacement."""
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
    """A descriptor that is redirected to the null device once nobody reads it, also for child processes."""

    def write(self, data: "Buffer", /) -> int:
        """Write the data, or discard it where nobody reads it."""
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
        """Write all of the data, in several writes if necessary."""
        while data:
            data = data[self.write(data) :]
