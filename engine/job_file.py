"""Reading YAML so that an error can name the line it is on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ValidationError

from lineshape.engine.errors import RequestError, listing, nearest

Place = tuple[str | int, ...]


#: Sections whose keys are names.
_NAMED = ("models", "measures", "samples")


@dataclass
class Source:
    """A YAML file's values, and the line of each."""

    path: Path
    values: dict[str, Any]
    lines: dict[Place, int]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a job file; raises RequestError where it is missing or is not YAML."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RequestError(f"{path}: cannot read the job file: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise RequestError(f"{path}: not a job file: expected YAML, and it is not text") from error
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            values = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            raise RequestError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
        if not isinstance(values, dict):
            raise RequestError(f"{path}: expected a job file with keys such as study, samples and models")
        lines: dict[Place, int] = {}
        _note_lines(node, (), lines)
        return cls(path, values, lines)

    def change(self, key: str, value: Any) -> None:
        """Replace the value at a dotted key; what no job file knows is found when the values are checked.

        Raises RequestError where the key is of a model, a measure or a sample that there is not.
        """
        *parents, last = key.split(".")
        place: Any = self.values
        for depth, parent in enumerate(parents):
            if depth == 1 and parents[0] in _NAMED and parent not in place:
                raise RequestError(
                    f"--set {key}: no '{parent}' in {parents[0]} of {self.path}; there are {listing(place)}"
                    f"{nearest(parent, place)}"
                )
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise RequestError(f"--set {key}: '{parent}' is a value of {self.path}, not a section")
        place[last] = value

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest one above it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None


def _note_lines(node: yaml.Node | None, place: Place, lines: dict[Place, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*place, key.value)
            lines[below] = key.start_mark.line + 1
            _note_lines(value, below, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*place, index)] = value.start_mark.line + 1
            _note_lines(value, (*place, index), lines)


def explain(source: Source, error: Exception, where: Place) -> RequestError:
    """What is wrong with a job file, one line a fault: file, line, key, what is expected and what is there."""
    if not isinstance(error, ValidationError):
        return RequestError(_fault(source, where, str(error)))
    faults = []
    for item in error.errors(include_url=False):
        place = (*where, *(part for part in item["loc"] if not _is_internal(part)))
        if item["type"] == "extra_forbidden":
            known = _siblings(error, item["loc"])
            name = str(place[-1])
            text = f"unknown key '{name}'{nearest(name, known)}"
            text += f" (expected: {', '.join(known)})" if known and not nearest(name, known) else ""
        elif item["type"] == "missing":
            text = f"key '{place[-1]}' is missing"
        else:
            found = "" if isinstance(item["input"], dict | list) else f", found {item['input']!r}"
            text = item["msg"].removeprefix("Value error, ") + found
        fault = _fault(source, place, text)
        if fault not in faults:
            faults.append(fault)
    return RequestError("\n".join(faults))


def _fault(source: Source, place: Place, text: str) -> str:
    line = source.line(place)
    at = f", line {line}" if line else ""
    key = ".".join(str(part) for part in place)
    return f"{source.path}{at}: {key + ': ' if key else ''}{text}"


def _is_internal(part: str | int) -> bool:
    # pydantic adds the names of the members of a union to a place, such as 'list[nullable[str]]'.
    return isinstance(part, str) and ("[" in part or part in {"str", "float", "int"})


def _siblings(error: ValidationError, place: Place) -> list[str]:
    """Keys that the model at a place knows: found by walking the fields from the model that was validated."""
    model: Any = _model_named(error.title)
    for part in place[:-1]:
        field = getattr(model, "model_fields", {}).get(part) if model else None
        model = _model_in(field.annotation) if field else model
    return list(getattr(model, "model_fields", {}))


def _model_named(title: str) -> type[BaseModel] | None:
    pending = list(BaseModel.__subclasses__())
    while pending:
        model = pending.pop()
        if model.__name__ == title:
            return model
        pending += model.__subclasses__()
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found:
            return found
    return None
