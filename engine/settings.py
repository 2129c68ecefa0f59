"""The base of everything that is read from a job file."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
