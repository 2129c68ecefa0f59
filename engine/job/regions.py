"""Read named regions of a job file: selections on columns of the feature store, which measures refer to."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.row_selection import Blind, Condition
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.measures.measure import MEASURES


class Region(Settings):
    """A selection of rows."""

    where: Annotated[dict[str, Condition], Field(min_length=1)]
    """Conditions by column: a range (`low`, `high`), an allowed value or a list of these."""
    blind: Blind | None = None
    """Scores of data that are not looked at there, such as {above: 0.8}; null: all are."""


def with_regions(values: Any) -> Any:
    """Return a job file's values in which measures have the conditions of the regions that they name.

    Measures of data know of all regions that are blind, and are of the model whose scores are hidden there. A run
    folder's job file has all that already. Raises SettingsError where there is no such region or model.
    """
    if not isinstance(values, dict) or not isinstance(values.get("measures"), dict):
        return values
    regions = values.get("regions") if isinstance(values.get("regions"), dict) else {}
    blind = _blind(values, regions or {})
    measures = {name: _resolved(name, measure, regions or {}, blind) for name, measure in values["measures"].items()}
    return values | {"measures": measures}


def _blind(values: Mapping[str, Any], regions: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is blind in each region, with the model whose scores are hidden, and the region's conditions."""
    models = values.get("models") if isinstance(values.get("models"), dict) else {}
    trained = [name for name, each in (models or {}).items() if isinstance(each, dict) and each.get("kind") != "column"]
    found: dict[str, dict[str, Any]] = {}
    for name, region in regions.items():
        blind = region.get("blind") if isinstance(region, dict) else None
        if not isinstance(blind, dict):
            continue
        whose = blind.get("model") or (trained[0] if len(trained) == 1 else None)
        if whose is None or whose not in (models or {}):
            text = f"{whose!r} is no model" if whose else f"there are {len(trained)} models that are trained"
            advice = "name the one whose scores are hidden, as in {above: 0.8, model: brt}"
            raise SettingsError.at(("regions", str(name), "blind"), f"{text}: {advice}")
        found[str(name)] = {"blind": blind | {"model": whose}, "where": region.get("where", {})}
    return found


def _resolved(name: str, measure: Any, regions: Mapping[str, Any], blind: Mapping[str, Any]) -> Any:
    if not isinstance(measure, dict):
        return measure
    named, own = measure.get("regions"), dict(measure)
    if isinstance(named, list):
        for region in named:
            if region not in regions:
                text = f"'{region}' is not a region: expected one of those under 'regions' of the job file"
                raise SettingsError.at(("measures", name, "regions"), text + nearest(str(region), [*map(str, regions)]))
        own["regions"] = {
            str(each): regions[each].get("where", {}) for each in named if isinstance(regions[each], dict)
        }
    try:
        kind = MEASURES.find(str(measure.get("kind")))
    except RequestError:
        return own
    shows_data = "blind" in kind.model_fields and (kind.of_all_samples or measure.get("data"))
    if not shows_data or not blind:
        return own
    whose = list(dict.fromkeys(each["blind"]["model"] for each in blind.values()))
    asked = measure.get("models") or whose
    if len(whose) > 1 or asked != whose:
        text = f"scores of {', '.join(whose)} are hidden in regions that are blind, and other models would show them"
        raise SettingsError.at(("measures", name, "models"), f"{text}: expected 'models: [{whose[0]}]'")
    hidden = {each: dict(of["where"]) for each, of in blind.items()}
    return own | {"models": whose, "blind": {each: of["blind"] for each, of in blind.items()}, "hidden": hidden}
