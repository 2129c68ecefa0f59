"""Records: what a run keeps for itself as JSON, written with a checksum and read as what it must be, or refused."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from lineshape.engine.core.errors import RunError, reading
from lineshape.engine.core.files import write_json

T = TypeVar("T")

#: Of a record: digest of all its other values, by which one is known that a disk or a hand changed.
CHECKSUM: Final = "checksum"
_SEAL: Final = 16
_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {}


def save_record(path: Path, values: Mapping[str, Any]) -> None:
    """Write a record, whole or not at all, with its checksum."""
    write_json(path, sealed(values))


def read_record(path: Path, shape: type[T], todo: str, *, partly: bool = False, **known: Any) -> T:
    """Return what a JSON file holds, as a dataclass or another type that pydantic can check.

    todo: what to do where that fails, as 'run … again'. partly: the file may hold more than the shape has. known:
    fields that are not in the file, such as its folder.

    Raises RunError that names the file where it is gone, cut short, changed since it was written, or something else.
    """
    with reading(path, todo):
        values = unsealed(path.read_text(encoding="utf-8"))
        if known:
            if not isinstance(values, dict):
                raise ValueError("expected a JSON object")
            values |= known
        return as_shape(values, shape, partly=partly)


def find_record(path: Path, shape: type[T]) -> T | None:
    """Return what a file holds that can be made anew; None where there is none, or it is damaged."""
    try:
        return read_record(path, shape, "make it anew")
    except (RunError, FileNotFoundError):
        return None


def save_beside(path: Path, about: Mapping[str, Any]) -> None:
    """Write what is to be known of the other files in a folder, once these are there."""
    sizes = {file.name: file.stat().st_size for file in path.parent.iterdir() if file.is_file() and file != path}
    save_record(path, {"about": about, "sizes": sizes})


def find_beside(path: Path) -> dict[str, Any] | None:
    """Return what is known of the other files in a folder; None where one of them is gone or cut short."""
    found = find_record(path, _Beside)
    whole = found and all(
        (path.parent / name).is_file() and (path.parent / name).stat().st_size == size
        for name, size in found.sizes.items()
    )
    return found.about if found and whole else None


@dataclass(frozen=True)
class _Beside:
    """What is known of the other files in a folder, and the bytes of each."""

    about: dict[str, Any]
    sizes: dict[str, int]


def as_shape(values: Any, shape: type[T], *, partly: bool = False) -> T:
    """Return values as a type; raises ValueError that says in a line where they are not.

    Of a key that the type has not, the value would be lost: it is refused, but where values are read partly.
    """
    if not partly:
        _require_known(values, shape)
    try:
        found: T = _adapter(shape).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise ValueError(f"of another version of this program or changed: {what}") from error
    return found


def _require_known(values: Any, shape: Any) -> None:
    """Raise ValueError where an object has a key that its dataclass has not."""
    (each,) = get_args(shape) if get_origin(shape) is list else (shape,)
    if not is_dataclass(each):
        return
    known = {field.name for field in fields(each)}
    for value in values if each is not shape and isinstance(values, list) else [values]:
        if isinstance(value, dict) and (unknown := ", ".join(sorted(value.keys() - known))):
            raise ValueError(f"of another version of this program or changed: {unknown} is unknown")


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values with their checksum."""
    return {**values, CHECKSUM: _checksum(values)}


def unsealed(text: str) -> Any:
    """Return the values of a JSON text without their checksum; raises ValueError where they have one that is wrong."""
    values = json.loads(text)
    if isinstance(values, dict) and CHECKSUM in values:
        told = values.pop(CHECKSUM)
        if told != _checksum(values):
            raise ValueError("its content is not what was written")
    return values


def sealed_bytes(content: bytes) -> bytes:
    """Return bytes with their checksum at the end, for what a library in C++ must not be given damaged."""
    return content + hashlib.blake2b(content, digest_size=_SEAL).digest()


def unsealed_bytes(content: bytes) -> bytes | None:
    """Return bytes without their checksum; None where that is wrong, or missing."""
    inside = content[:-_SEAL]
    return inside if len(content) > _SEAL and sealed_bytes(inside) == content else None


def digest_of_file(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _checksum(values: Mapping[str, Any]) -> str:
    """A digest that is the same before values are written and after they are read."""
    return hashlib.blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


def _adapter(shape: Any) -> TypeAdapter[Any]:
    if shape not in _ADAPTERS:
        _ADAPTERS[shape] = TypeAdapter(shape)
    return _ADAPTERS[shape]
