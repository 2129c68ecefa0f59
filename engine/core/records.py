"""Records that a run saves as JSON, written with a checksum and validated against a type when read."""

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

#: Key of a record's digest over all its other values, which reveals changes by a faulty disk or by hand.
CHECKSUM: Final = "checksum"
_SEAL: Final = 16
_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {}


def save_record(path: Path, values: Mapping[str, Any]) -> None:
    """Write a record with its checksum, atomically."""
    write_json(path, sealed(values))


def read_record(path: Path, shape: type[T], todo: str, *, partly: bool = False, **known: Any) -> T:
    """Return the content of a JSON file as a dataclass or another type that pydantic can validate.

    todo: what the user should do where that fails, as in 'run … again'. partly: the file may hold keys that the type
    does not have. known: fields that are not in the file, such as its folder.

    Raises RunError naming the file where it is missing, truncated, changed since it was written, or of another type.
    """
    with reading(path, todo):
        values = unsealed(path.read_text(encoding="utf-8"))
        if known:
            if not isinstance(values, dict):
                raise ValueError("expected a JSON object")
            values |= known
        return as_shape(values, shape, partly=partly)


def find_record(path: Path, shape: type[T]) -> T | None:
    """Return the content of a file that can be recreated; None where it is missing or damaged."""
    try:
        return read_record(path, shape, "make it anew")
    except (RunError, FileNotFoundError):
        return None


def save_beside(path: Path, about: Mapping[str, Any]) -> None:
    """Write a description of the other files in a folder, with their sizes, once these are complete."""
    sizes = {file.name: file.stat().st_size for file in path.parent.iterdir() if file.is_file() and file != path}
    save_record(path, {"about": about, "sizes": sizes})


def find_beside(path: Path) -> dict[str, Any] | None:
    """Return the description written by `save_beside`; None where one of the files is missing or truncated."""
    found = find_record(path, _Beside)
    whole = found and all(
        (path.parent / name).is_file() and (path.parent / name).stat().st_size == size
        for name, size in found.sizes.items()
    )
    return found.about if found and whole else None


@dataclass(frozen=True)
class _Beside:
    """Description of the other files in a folder, and the size of each in bytes."""

    about: dict[str, Any]
    sizes: dict[str, int]


def as_shape(values: Any, shape: type[T], *, partly: bool = False) -> T:
    """Return values validated as a type; raise ValueError with a one-line reason where they do not fit.

    partly: ignore keys that the type does not have; otherwise they are refused, as their values would be lost.
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
    """Raise ValueError where an object has a key that its dataclass does not have."""
    (each,) = get_args(shape) if get_origin(shape) is list else (shape,)
    if not is_dataclass(each):
        return
    known = {field.name for field in fields(each)}
    for value in values if each is not shape and isinstance(values, list) else [values]:
        if isinstance(value, dict) and (unknown := ", ".join(sorted(value.keys() - known))):
            raise ValueError(f"of another version of this program or changed: {unknown} is unknown")


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values with their checksum added."""
    return {**values, CHECKSUM: _checksum(values)}


def unsealed(text: str) -> Any:
    """Return the values of a JSON text without their checksum; raise ValueError where it has one that is wrong."""
    values = json.loads(text)
    if isinstance(values, dict) and CHECKSUM in values:
        told = values.pop(CHECKSUM)
        if told != _checksum(values):
            raise ValueError("its content is not what was written")
    return values


def sealed_bytes(content: bytes) -> bytes:
    """Return bytes with a checksum appended, for content whose damage a C++ library would not survive."""
    return content + hashlib.blake2b(content, digest_size=_SEAL).digest()


def unsealed_bytes(content: bytes) -> bytes | None:
    """Return bytes without their checksum; None where it is wrong or missing."""
    inside = content[:-_SEAL]
    return inside if len(content) > _SEAL and sealed_bytes(inside) == content else None


def digest_of_file(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _checksum(values: Mapping[str, Any]) -> str:
    """Return a checksum that is the same before values are written and after they are read."""
    return hashlib.blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


def _adapter(shape: Any) -> TypeAdapter[Any]:
    if shape not in _ADAPTERS:
        _ADAPTERS[shape] = TypeAdapter(shape)
    return _ADAPTERS[shape]
