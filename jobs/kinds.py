"""Describe the kinds that a job file may name, from their classes and the strings below their settings."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

from lineshape.engine.core.role import ROLE, Role
from lineshape.jobs import job_files


@dataclass(frozen=True)
class Setting:
    """A setting, as it is shown: its type in words, its default as in a job file, and what it is."""

    name: str
    type: str
    default: str
    about: str


@dataclass(frozen=True)
class Kind:
    """A kind of a role, and its settings.

    role: the role's title. place: where it stands in a job file, as in "models.*.network". about: the docstring.
    """

    name: str
    role: str
    place: str
    about: str
    settings: type[BaseModel]

    @property
    def line(self) -> str:
        """The first sentence of the docstring."""
        return " ".join(self.about.split("\n\n")[0].split()).partition(". ")[0].removesuffix(".") + "."

    def rows(self) -> list[Setting]:
        """Return its settings, those without a default first."""
        schema = self.settings.model_json_schema()
        required, known = schema.get("required", []), schema.get("$defs", {})
        items = sorted(schema.get("properties", {}).items(), key=lambda item: item[0] not in required)
        return [
            Setting(
                name,
                type_text(each, known),
                "" if name in required else _written(each.get("default")),
                each.get("description", ""),
            )
            for name, each in items
        ]

    def example(self) -> str:
        """Return it as a study that comes with the package has it, as YAML; empty where none does."""
        for study, path in job_files.shipped().items():
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
            for place, found in _at(values, self.place.split(".")):
                if isinstance(found, dict) and found.get("kind") == self.name:
                    nested: Any = found
                    for key in reversed(place):
                        nested = {key: nested}
                    text = yaml.safe_dump(
                        nested, sort_keys=False, allow_unicode=True, default_flow_style=None, width=90
                    )
                    return f"# in {study}\n{text}"
        return ""


def all_kinds() -> list[Kind]:
    """Return all kinds that come with lineshape, role by role."""
    from lineshape.engine.clusters.cluster import CLUSTERS
    from lineshape.engine.export.format import FORMATS
    from lineshape.engine.input.generated_sum import GENERATED
    from lineshape.engine.input.study import PROCESSORS
    from lineshape.engine.learning.roles.encoder import ENCODERS
    from lineshape.engine.learning.roles.loss import LOSSES
    from lineshape.engine.learning.roles.model import MODELS
    from lineshape.engine.learning.roles.network import NETWORKS
    from lineshape.engine.learning.roles.penalty import PENALTIES
    from lineshape.engine.learning.roles.sampler import SAMPLERS
    from lineshape.engine.learning.roles.weight import WEIGHTS
    from lineshape.engine.measures.measure import MEASURES
    from lineshape.engine.variations.variation import VARIATIONS
    from lineshape.jobs.simulate.family import FAMILIES

    roles: tuple[Role[Any], ...] = (
        PROCESSORS,
        FAMILIES,
        GENERATED,
        MODELS,
        NETWORKS,
        ENCODERS,
        LOSSES,
        PENALTIES,
        SAMPLERS,
        WEIGHTS,
        VARIATIONS,
        MEASURES,
        CLUSTERS,
        FORMATS,
    )
    return [_kind(role, name) for role in roles for name in role.names()]


def _kind(role: Role[Any], name: str) -> Kind:
    # The command line's own option writes names as options are written.
    shown = name.replace("_", "-") if role.place.startswith("--") else name
    return Kind(shown, role.title, role.place, inspect.getdoc(role.find(name)) or "", role.settings_of(name))


def type_text(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """Return the type of a setting in words, from its JSON schema.

    known: schemas that it refers to, by name.
    """
    if "$ref" in schema:
        return type_text(known[schema["$ref"].rpartition("/")[2]], known)
    if "const" in schema:
        return str(schema["const"]) or "''"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if ROLE in schema:
        return str(schema[ROLE])
    if "anyOf" in schema:
        parts = (type_text(each, known) for each in schema["anyOf"])
        return " | ".join(dict.fromkeys(parts))
    return _PLAIN.get(schema.get("type", ""), _plain)(schema, known)


def _plain(schema: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    """Return a number's or a text's type with its limits."""
    limits = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    found = [f"{sign} {schema[key]:g}" for key, sign in limits.items() if key in schema]
    name = {"string": "text", "null": "null", "boolean": "true | false"}.get(schema.get("type", ""), "")
    return " ".join([name or str(schema.get("type", "any value")), *found])


def _listed(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(type_text(each, known) for each in schema['prefixItems'])}]"
    return f"list of {type_text(schema.get('items', {}), known)}"


def _section(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if "properties" in schema:
        return f"section of {', '.join(schema['properties'])}"
    inside = schema.get("additionalProperties")
    return f"by name: {type_text(inside, known)}" if isinstance(inside, dict) and inside else "section"


_PLAIN = {"array": _listed, "object": _section}


def _written(value: Any) -> str:
    """Return a value on one line, as in a job file."""
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("...\n").strip()
    )


def _at(values: Any, place: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what stands at places in a job file, with the keys that lead there; * is any key."""
    if not place:
        yield (), values
    elif isinstance(values, dict):
        for key in values if place[0] == "*" else [place[0]] if place[0] in values else []:
            for rest, found in _at(values[key], place[1:]):
                yield (key, *rest), found
