"""Validate settings and report each fault with its place in the job file, what is expected there and what was found."""

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lineshape.engine.core.errors import RequestError, nearest

#: Keys from the top level of a job file, with indices for the items of lists.
Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

#: pydantic's error type where text is expected, as for the values that YAML makes of words like null and true.
_TEXT_EXPECTED = "string_type"


class Fault(NamedTuple):
    """A fault at a place in the job file; unknown: whether the key itself is not a known one."""

    place: Place
    text: str
    unknown: bool = False


class SettingsError(RequestError):
    """Wrong settings, with their places in the job file."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(dict.fromkeys(said(fault) for fault in faults)))
        self.faults = tuple(faults)

    @classmethod
    def at(cls, place: Iterable[str | int], error: "RequestError | str") -> "SettingsError":
        """Return the error with all its faults placed below `place`; any other error or message becomes one fault."""
        place = tuple(place)
        if isinstance(error, SettingsError):
            return cls([fault._replace(place=(*place, *fault.place)) for fault in error.faults])
        return cls([Fault(place, str(error))])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.faults,)


def said(fault: Fault) -> str:
    """Return a fault as a line: `models.brt.depth: expected a whole number`."""
    key = ".".join(map(str, fault.place))
    return f"{key}: {fault.text}" if key else fault.text


def validated(settings: type[Model], values: Any, where: Iterable[str | int] = ()) -> Model:
    """Return settings built from values; raise SettingsError with every fault, placed below `where`."""
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        faults = (_fault(settings, item) for item in error.errors(include_url=False))
        raise SettingsError.at(where, SettingsError(list(dict.fromkeys(faults)))) from error
    except SettingsError as error:  # raised by a nested kind
        raise SettingsError.at(where, error) from error


def _fault(settings: type[BaseModel], item: ErrorDetails) -> Fault:
    place, known = _followed(settings, item["loc"])
    if item["type"] == "extra_forbidden":
        name = str(place[-1])
        text = f"unknown key '{name}'{nearest(name, known)}"
        return Fault(
            place, text + (f" (expected: {', '.join(known)})" if known and not nearest(name, known) else ""), True
        )
    if item["type"] == "missing":
        return Fault(place, f"key '{place[-1]}' is missing")
    found = "" if isinstance(item["input"], dict | list) else f", found {item['input']!r}"
    if item["type"] == _TEXT_EXPECTED and (item["input"] is None or isinstance(item["input"], bool)):
        found += " (where text is meant, put it in quotes)"
    return Fault(place, item["msg"].removeprefix("Value error, ") + found)


def _followed(settings: type[BaseModel], location: Sequence[str | int]) -> tuple[Place, list[str]]:
    """Return the keys of a pydantic error location, and the keys that are valid beside the last of them.

    pydantic inserts the names of union members, and a marker for a key that is itself wrong, among the keys.
    """
    kind: Any = settings
    place: list[str | int] = []
    known: list[str] = []
    for part in location:
        members = _members(kind)
        if len(members) > 1:
            kind = _chosen(members, str(part))
            continue
        kind = members[0] if members else None
        if part == "[key]":
            continue
        place.append(part)
        kind, known = _below(kind, part)
    return tuple(place), known


def _members(kind: Any) -> list[Any]:
    """Return the types that a value may have, without None: several for a union."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, UnionType}:
        return [each for each in get_args(kind) if each is not type(None)]
    return [kind]


def _chosen(members: Sequence[Any], tag: str) -> Any:
    """Return the member of a union that pydantic names by a tag such as `Range` or `list[float]`."""
    for member in members:
        bare = _members(member)[0]
        name = getattr(get_origin(bare) or bare, "__name__", "")
        if tag.partition("[")[0] in {name, f"function-after[{name}"}:
            return member
    return next((member for member in members if isinstance(member, type) and member.__name__ in tag), None)


def _below(kind: Any, part: str | int) -> tuple[Any, list[str]]:
    """Return the type of the value under a key, and the keys that are valid beside it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return fields.get(str(part)), list(fields)
    arguments = get_args(kind)
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        return arguments[1], []
    if get_origin(kind) is tuple and isinstance(part, int) and arguments[1:] != (Ellipsis,):
        return (arguments[part] if part < len(arguments) else None), []
    return (arguments[0] if arguments else None), []
