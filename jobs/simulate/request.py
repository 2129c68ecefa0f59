"""How much of a sample is to be simulated."""

from typing import Annotated

from pydantic import Field, create_model

from lineshape.engine.core.settings import Settings


class SimulationRequest(Settings):
    """Amount of a sample to simulate: the keys beside `kind` and the family's own in a job file."""

    amount: Annotated[int, Field(gt=0)]
    """Amount in all, in the family's unit: taus, muons or events. Its key in a job file is the unit."""
    files: Annotated[int, Field(gt=0)] = 1
    """Number of files that the amount is spread over, at most the amount."""
    seed: int = 1
    """Seed of the whole sample."""


def request_in(unit: str) -> type[SimulationRequest]:
    """Return a request whose amount has the unit as its key, for input and in error messages."""
    return create_model(
        "SimulationRequest", __base__=SimulationRequest, amount=(Annotated[int, Field(gt=0, alias=unit)], ...)
    )
