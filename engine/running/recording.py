"""Show stages on the screen, and write them to the ledger."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RunError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars, Screen
from lineshape.engine.feature_store.store import Quarantined


@dataclass
class Stage:
    """A stage in progress: its progress bars, and the line that it leaves in the ledger."""

    bars: Bars
    text: str = ""


def tell(screen: Screen, notes: Sequence[str], quarantined: Sequence[Quarantined], where: str) -> None:
    """Print notes and the first quarantined parts. where: says where all of them are listed."""
    for note in notes:
        screen.warn(note)
    for item in quarantined[:20]:
        screen.warn(f"quarantined {item.line}")
    if len(quarantined) > 20:
        screen.warn(f"and {len(quarantined) - 20} more{where}")


@contextmanager
def recorded(
    folder: RunFolder, screen: Screen, name: str, succeeded: Callable[[], None] = lambda: None
) -> Iterator["Stage"]:
    """Show a stage on the screen while the block runs, and write it to the ledger when it ends.

    succeeded: called where it does not fail.
    """
    start = time.monotonic()
    try:
        with screen.bars() as bars:
            stage = Stage(bars)
            yield stage
    except RunError as error:
        ledger.record(folder.ledger, name, f"failed: {error}", time.monotonic() - start)
        raise
    succeeded()
    seconds = time.monotonic() - start
    screen.done(name, stage.text, seconds)
    ledger.record(folder.ledger, name, stage.text, seconds)
