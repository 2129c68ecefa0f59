"""Handle requests to stop: once, in order, and not while a record is written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Exit status after SIGTERM and after Ctrl-C, as shells report it.
TERMINATED: Final = 143
INTERRUPTED: Final = 130


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn SIGTERM into SystemExit while the block runs, so that the lock is released and workers are stopped first.

    Further SIGTERMs during that shutdown are ignored: `timeout` signals the command and then its process group.
    """

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, _not_now)
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGTERM and Ctrl-C while a short block runs."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread handles signals
        yield
        return
    before = {number: signal.signal(number, _not_now) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _not_now(*_: object) -> None:
    """Ignore a signal; unlike SIG_IGN, this is not inherited by processes that are started meanwhile."""
