"""The base class of everything that is read from a job file, and the types of the names in it."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, PrivateAttr
from pydantic_core import CoreSchema

from lineshape.engine.core.descriptions import descriptions

_NAME: Final = re.compile(r"\w(?:[\w .,+=@()-]*[\w+=@()-])?")
#: Longest name in bytes: with a suffix, it must be a valid file name on any disk.
_LONGEST: Final = 100


class Settings(BaseModel):
    """Base of settings: frozen, refusing unknown keys and numbers that are not finite.

    Numbers are accepted as text, as in a feature set named 20.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)

    #: Place in the job file, as `measures.response`; empty for a part of other settings.
    _place: str = PrivateAttr("")

    def stands_at(self, place: str) -> None:
        """Record the place in the job file, for messages."""
        self._place = place

    def __eq__(self, other: object) -> bool:
        """Return whether two settings are the same, regardless of their place in the job file."""
        fields = type(self).model_fields
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in fields)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in type(self).model_fields)))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema, with the strings below the settings as their descriptions."""
        found = handler(schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in descriptions(cls).items():
            if (key := cls.model_fields[name].alias or name) in properties:
                properties[key].setdefault("description", text)
        return found


def require_name(name: str) -> str:
    """Return a name that can be a file's or folder's name; raise ValueError where it cannot."""
    if not _NAME.fullmatch(name) or len(name.encode()) > _LONGEST:
        raise ValueError(
            f"a name that files are called by: expected letters, digits, and _ - + = @ ( ) . , or spaces between them, "
            f"at most {_LONGEST} bytes"
        )
    return name


def require_once(names: Sequence[str]) -> Sequence[str]:
    """Return names without duplicates; raise ValueError where one is listed twice."""
    if twice := [name for name in dict.fromkeys(names) if list(names).count(name) > 1]:
        raise ValueError(f"'{twice[0]}' is listed twice")
    return names


#: Name of a sample, model or measure, which becomes the name of a file or folder.
Name = Annotated[str, AfterValidator(require_name)]
#: Names without duplicates.
Names = Annotated[list[str], AfterValidator(require_once)]
