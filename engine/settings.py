"""The base of everything that is read from a job file."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, strict about its keys; a number is taken for a name, as YAML reads the name of a feature set "20"."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
