"""Give awkward arrays of an accumulator the behaviors of their records, which are not kept on disk."""

from collections.abc import Mapping
from typing import Any

import awkward as ak


def give_behavior(value: Any, behavior: Mapping[str, Any]) -> None:
    """Set the behavior of all awkward arrays in an accumulator, of which those of a schema's records need it."""
    if isinstance(value, ak.Array):
        value.behavior = {**behavior, **(value.behavior or {})}
    elif isinstance(value, Mapping):
        for each in value.values():
            give_behavior(each, behavior)
    elif isinstance(value, list | tuple):
        for each in value:
            give_behavior(each, behavior)
