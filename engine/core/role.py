"""The roles that kinds play in a job file, such as network or loss, and the JSON schema of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, GetJsonSchemaHandler

from lineshape.engine.core import kinds
from lineshape.engine.core.kinds import KindSpec

K = TypeVar("K", bound=BaseModel)
#: Key of a JSON schema: the title of the role that is asked for there.
ROLE: Final = "x-role"


@dataclass(frozen=True)
class Role(Generic[K]):
    """A role of kinds: the package that they stand in, and their base class.

    It annotates a field that holds a kind and its settings, `Annotated[KindSpec, NETWORKS]`, and gives it its JSON
    schema.

    title: the role in a word or two, as in "network". package: where a module for each kind is. base: of their classes.
    place: where such a kind stands in a job file, as in "models.*.network". settings: function from a class to what a
    job file may set beside its kind; by default the class itself.
    """

    title: str
    package: str
    base: type[K]
    place: str
    settings: Callable[[type[K]], type[BaseModel]] = lambda kind: kind

    def names(self) -> list[str]:
        """Return the names of all kinds that come with lineshape."""
        return kinds.names(self.package, self.base)

    def find(self, kind: str) -> type[K]:
        """Return the class of a kind; raises RequestError where there is none."""
        return kinds.find(self.package, self.base, kind)

    def build(self, spec: KindSpec, where: tuple[str | int, ...]) -> K:
        """Return a kind with its settings; raises SettingsError, which names the place in the job file."""
        return kinds.build(self.package, self.base, spec, where)

    def __get_pydantic_json_schema__(self, _: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a place where such a kind stands."""
        return _any_of(self.title, {name: self.settings_of(name) for name in self.names()}, handler)

    def settings_of(self, kind: str) -> type[BaseModel]:
        """Return what a job file may set of a kind; raises RequestError where there is no such kind."""
        return self.settings(self.find(kind))


def _any_of(title: str, settings: Mapping[str, type[BaseModel]], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """Return the JSON schema of one of these kinds with its settings, or of one of the user's own with any."""
    found = []
    for name, model in settings.items():
        known = dict(handler.resolve_ref_schema(handler(model.__pydantic_core_schema__)))
        known["properties"] = {"kind": {"const": name}} | known.get("properties", {})
        known["required"] = ["kind", *known.get("required", [])]
        found.append(known)
    own = {"properties": {"kind": {"type": "string", "pattern": "^.+:.+$"}}, "required": ["kind"], "type": "object"}
    return {ROLE: title, "anyOf": [*found, own]}
