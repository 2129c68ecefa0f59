"""Pythia 8 as families use it: started with settings, and asked for events in batches."""

from collections.abc import Sequence
from typing import Any, Final

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.jobs.simulate.physics.event_record import Record

#: Events that are held as particles at a time: 200 of tt̄ take some 40 MB.
BATCH: Final = 200


def started(kind: str, settings: Sequence[str], told: str) -> Any:
    """A generator of these settings, a later one overriding an earlier one. told: what of them a user chose, in words.

    A new generator every time, at 0.3 s: its initialisation draws numbers that count too, so that an old one with a new
    seed makes other events. Raises RequestError where Pythia is not there or refuses.
    """
    try:
        import pythia8mc
    except ImportError as error:
        raise RequestError(f"kind '{kind}' needs Pythia 8: pip install 'lineshape[pythia]'") from error
    generator = pythia8mc.Pythia("", False)
    for setting in settings:
        if not generator.readString(setting, False):
            raise RequestError(f"Pythia has no such setting, or not with this value: '{setting}'")
    if not generator.init():
        raise RequestError(f"Pythia cannot start with: {told}")
    return generator


def next_events(generator: Any, most: int, told: str) -> Record:
    """A batch of so many events or fewer: those that Pythia gives up are left out. Raises RunError where none is left.

    told: the process and the energy, in words.
    """
    record = Record.of_batch(generator.nextBatch(min(BATCH, most)))
    if len(record.starts) == 1:
        raise RunError(f"Pythia generates no event of {told}")
    return record
