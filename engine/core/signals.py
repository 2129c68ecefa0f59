"""Being asked to stop: once, in order, and not while a record is written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Exit status after SIGTERM and after Ctrl-C, as of a shell.
TERMINATED: Final = 143
INTERRUPTED: Final = 130


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Where the scheduler asks the run to end (SIGTERM), the lock is released and the workers are stopped first.

    Asked once more while it does so, as by timeout, which asks the command and then its group, it goes on with that.
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
    """A few moments in which neither SIGTERM nor Ctrl-C stops what is done."""
    if threading.current_thread() is not threading.main_thread():  # only that one hears signals
        yield
        return
    before = {number: signal.signal(number, _not_now) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _not_now(*_: object) -> None:
    """In place of SIG_IGN, which processes that are started meanwhile would inherit."""
