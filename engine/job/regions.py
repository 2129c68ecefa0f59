"""Read named regions of a job file: selections on columns of the feature store, which measures refer to."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from lineshape.engine.core.errors import nearest
from lineshape.engine.core.row_selection import Blind, Condition
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.validation import SettingsError


class Region(Settings):
    """A selection of rows."""

    where: Annotated[dict[str, Condition], Field(min_length=1)]
    """Conditions by column: a range (`low`, `high`), an allowed value or a list of these."""
    blind: Blind | None = None
    """Scores of data that are not looked at there, such as {above: 0.8}; null: all are."""


def with_regions(values: Any) -> Any:
    """Return a job file's values in which measures have the conditions of the regions that they name.

    A run folder's job file has them already. Raises SettingsError where there is no such region.
    """
    if not isinstance(values, dict) or not isinstance(values.get("measures"), dict):
        return values
    regions = values.get("regions") if isinstance(values.get("regions"), dict) else {}
    measures = {name: _resolved(name, measure, regions or {}) for name, measure in values["measures"].items()}
    return values | {"measures": measures}


def _resolved(name: str, measure: Any, regions: Mapping[str, Any]) -> Any:
    named = measure.get("regions") if isinstance(measure, dict) else None
    if not isinstance(named, list):
        return measure
    found, blind = {}, {}
    for region in named:
        if region not in regions:
            text = f"'{region}' is not a region: expected one of those under 'regions' of the job file"
            raise SettingsError.at(("measures", name, "regions"), text + nearest(str(region), [*map(str, regions)]))
        own = regions[region]
        found[str(region)] = own.get("where", {}) if isinstance(own, dict) else {}
        if isinstance(own, dict) and own.get("blind") is not None:
            blind[str(region)] = own["blind"]
    return measure | {"regions": found} | ({"blind": blind} if blind else {})
