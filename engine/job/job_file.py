"""Read YAML so that errors can name the line, and nothing that was written is silently lost."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import yaml

from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.validation import Place, SettingsError, said

#: Sections whose keys are names.
_NAMED = ("models", "measures", "samples")
#: Options of the command line that change a key; any other is changed by --set.
_OPTIONS = {"cluster": "--cluster", "cluster.workers": "--workers", "samples": "--sample"}
#: Maximum nesting depth; a job file has about six levels.
_DEEPEST: Final = 50
_MERGE: Final = "<<"
#: A surrogate pair as JSON escapes it, which YAML does not know; a run folder's job file is JSON.
_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
#: Values of plain scalars, as in YAML 1.2; all others are text, such as `no`, `on`, 12:30 and dates.
_PLAIN: Final[tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...]] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9][0-9_]{0,300}"), lambda text: int(text.replace("_", ""))),
    (re.compile(r"0x[0-9a-fA-F]{1,16}|0o[0-7]{1,20}"), lambda text: int(text, 0)),
    (
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"),
        lambda text: float(text.replace("_", "")),
    ),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)


@dataclass
class YamlSource:
    """The values of a YAML file, and the line of each."""

    path: Path
    values: dict[str, Any]
    lines: dict[Place, int]
    changed: dict[Place, str] = field(default_factory=dict)
    """Keys whose values are not those of the file, and the options that gave them."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a job file; raise RequestError where it is missing, is not YAML, or gives a key twice."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise RequestError(f"{path}: cannot read the job file: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise RequestError(f"{path}: not a job file: expected YAML, and it is not text") from error
        reader = _Reader(str(path))
        values = reader.read(text)
        if not isinstance(values, dict):
            raise RequestError(f"{path}: expected a job file with keys such as study, samples and models")
        return cls(path, values, reader.lines)

    def change(self, key: str, value: Any) -> None:
        """Replace the value at a dotted key; unknown keys are found when the values are validated.

        Raises RequestError where the key belongs to a model, measure or sample that does not exist.
        """
        *parents, last = key.split(".")
        self.changed[(*parents, last)] = _OPTIONS.get(key, f"--set {key}")
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

    def origin(self, place: Place) -> str:
        """Return where the value at a place comes from: the file and line, or the option that gave it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.changed:
                return f"{self.changed[place[:length]]}, which changes {self.path}"
        line = self.line(place)
        return f"{self.path}{f', line {line}' if line else ''}"

    def line(self, place: Place) -> int | None:
        """Return the line of a place, or of the nearest one above it; None where neither is known."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None


def read_value(text: str, what: str) -> Any:
    """Return the value of YAML text, as in a job file; raise RequestError that names `what` where it is not YAML."""
    return _Reader(what).read(text)


@dataclass
class _Reader:
    """Reader of values and their lines from YAML. Keys are always names, and each may be given once."""

    what: str
    lines: dict[Place, int] = field(default_factory=dict)

    def read(self, text: str) -> Any:
        try:
            text = _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), text)
            node = yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            said = getattr(error, "problem", None) or " ".join(str(error).split())
            raise RequestError(f"{self.what}{line}: not valid YAML: {said}") from error
        return None if node is None else self._value(node, ())

    def _value(self, node: yaml.Node, place: Place) -> Any:
        if len(place) > _DEEPEST:
            raise self._wrong(node, place[:3], "sections within sections without an end (an alias of itself?)")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(value, (*place, index)) for index, value in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        if not node.tag.endswith(":str"):
            raise self._wrong(node, place, f"a tag ({node.tag}), which job files do not have; leave it out")
        if node.style:
            return node.value
        made = (make(node.value) for pattern, make in _PLAIN if pattern.fullmatch(node.value))
        return next(made, node.value)

    def _item(self, node: yaml.Node, place: Place) -> Any:
        self.lines[place] = node.start_mark.line + 1
        return self._value(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        given: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._wrong(key, place, "a key that is no name")
            name, line = key.value, key.start_mark.line + 1
            if name in given:
                raise self._wrong(key, (*place, name), f"given twice, first in line {given[name]}; keep one of them")
            given[name] = line
            if name == _MERGE and not key.style:
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(each, yaml.MappingNode):
                        raise self._wrong(value, (*place, name), "expected sections to take keys from")
                    merged = self._mapping(each, place) | merged
            else:
                found[name] = self._value(value, (*place, name))
        self.lines |= {(*place, name): line for name, line in given.items()}
        return merged | found

    def _wrong(self, node: yaml.Node, place: Place, text: str) -> RequestError:
        key = ".".join(map(str, place))
        return RequestError(f"{self.what}, line {node.start_mark.line + 1}: {key + ': ' if key else ''}{text}")


def explain(source: YamlSource, error: SettingsError) -> RequestError:
    """Return the error of a job file with one line per fault: file, line, key, what is expected and what was found."""
    faults = [f"{source.origin(fault.place)}: {said(fault)}" for fault in error.faults]
    return RequestError("\n".join(dict.fromkeys(faults)))
