"""Start Pythia 8 with settings, and generate events in batches."""

from collections.abc import Sequence
from typing import Any, Final

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.jobs.simulate.physics.event_record import Record

#: Events in memory as particles at a time: 200 of tt̄ take some 40 MB.
BATCH: Final = 200


def started(kind: str, settings: Sequence[str], told: str) -> Any:
    """Start a generator with these settings, a later one overriding an earlier one.

    kind: the family that needs it. told: the settings that a user chose, in words, for the error message.

    A new generator is started every time, at 0.3 s: its initialisation draws random numbers too, so that an old one
    with a new seed makes other events. Raises RequestError where Pythia is not installed or refuses a setting.
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
    """Generate a batch of this many events or fewer, without those on which Pythia gives up.

    told: the process and the energy, in words. Raises RunError where no event is left.
    """
    record = Record.of_batch(generator.nextBatch(min(BATCH, most)))
    if len(record.starts) == 1:
        raise RunError(f"Pythia generates no event of {told}")
    return record
