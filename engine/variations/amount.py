"""Evaluate by how much a column is changed: a number, a column, or a correction of correctionlib."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from lineshape.engine.core.errors import ProcessorError, nearest
from lineshape.engine.core.records import digest_of_file
from lineshape.engine.core.settings import Names, Settings

if TYPE_CHECKING:
    import awkward as ak


class Correction(Settings):
    """A correction in a file of correctionlib, evaluated for each value."""

    file: Path
    """JSON file of correctionlib, plain or compressed; it is saved as an absolute path."""
    correction: str
    """Name of the correction, or compound correction, in the file."""
    inputs: Annotated[list[str | float], Field(min_length=1)]
    """Its inputs in order: columns of the events, or values, such as `up` or 2018."""
    columns: Names = []
    """Columns among the inputs that the processor does not read itself; other texts are values."""

    @field_validator("file")
    @classmethod
    def _wherever_it_is_read(cls, file: Path) -> Path:
        file = file.resolve()
        if not file.is_file():
            raise ValueError(f"{file}: no such file; expected one of correctionlib")
        return file


def _no_number(name: str) -> str:
    """Return the name of a column; raise ValueError where it is a number in quotes."""
    try:
        float(name)
    except ValueError:
        return name
    raise ValueError(f"'{name}' is a text: expected a number without quotes, or the name of a column")


#: A number, the name of a column, or a correction.
Amount = Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, AfterValidator(_no_number)] | Correction


def columns_of(amount: Amount | None) -> list[str]:
    """Return the columns that an amount is read from, beside those that the processor reads."""
    if isinstance(amount, str):
        return [amount]
    return list(amount.columns) if isinstance(amount, Correction) else []


def contents_of(*amounts: Amount | None) -> list[str]:
    """Return digests of the files that amounts are read from."""
    return [digest_of_file(amount.file) for amount in amounts if isinstance(amount, Correction)]


def evaluated(amount: Amount, events: Any) -> "ak.Array | float":
    """Return the amount for each value; raises ProcessorError where a correction cannot be evaluated."""
    if isinstance(amount, Correction):
        return _corrected(amount, events)
    return column_of(events, amount) if isinstance(amount, str) else float(amount)


def column_of(events: Any, name: str) -> "ak.Array":
    """Return a column of events by its name, Jet.pt among them; raises ProcessorError where there is none."""
    import awkward as ak

    found = events
    for part in name.split(".") if name not in ak.fields(events) else [name]:
        fields = ak.fields(found)
        if part not in fields:
            raise ProcessorError(f"there is no column '{name}' to vary{nearest(part, fields)}")
        found = found[part]
    return found


def _corrected(amount: Correction, events: Any) -> "ak.Array":
    import awkward as ak
    import numpy as np

    fields = ak.fields(events)
    given = [
        column_of(events, each) if isinstance(each, str) and each.split(".")[0] in fields else each
        for each in amount.inputs
    ]
    arrays = [each for each in given if not isinstance(each, str | float)]
    evaluator = _loaded(amount.file, amount.correction)
    if not arrays:
        return ak.Array(np.full(len(events), evaluator.evaluate(*given)))
    shapes = ak.broadcast_arrays(*arrays)
    like = shapes[0]
    flat = iter([ak.to_numpy(ak.flatten(each, axis=None)) for each in shapes])
    try:
        values = evaluator.evaluate(*[each if isinstance(each, str | float) else next(flat) for each in given])
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ProcessorError(f"correction {amount.correction} of {amount.file}: {error}") from error
    return ak.unflatten(values, ak.num(like)) if like.ndim > 1 else ak.Array(values)


@cache
def _loaded(file: Path, name: str) -> Any:
    import correctionlib

    found = correctionlib.CorrectionSet.from_file(str(file))
    if name in found.compound:
        return found.compound[name]
    if name not in found:
        raise ProcessorError(f"{file} has no correction '{name}'{nearest(name, list(found))}")
    return found[name]
