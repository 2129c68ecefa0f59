"""Read which samples of a job file are data: what does not learn from them, and what compares simulation with them."""

from collections.abc import Mapping
from typing import Any

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.learning.roles.model import MODELS
from lineshape.engine.measures.measure import MEASURES


def with_data(values: Any) -> Any:
    """Return a job file's values in which models learn from simulation alone, and comparisons know their samples.

    Raises SettingsError where a truth is asked of data.
    """
    samples = values.get("samples") if isinstance(values, dict) else None
    if not isinstance(samples, dict):
        return values
    data = [name for name, each in samples.items() if isinstance(each, dict) and each.get("data") in (True, "true")]
    replacing = replacements_in(values)
    simulation = [name for name in samples if name not in data and name not in replacing]
    found = dict(values)
    measures = values.get("measures")
    if isinstance(measures, dict):
        found["measures"] = {
            name: _measure(name, each, data, simulation, values.get("baseline")) for name, each in measures.items()
        }
    models = values.get("models")
    if (data or replacing) and isinstance(models, dict):
        known = set(simulation) | _classes_of_target(values)
        found["models"] = {
            name: _model(each, [one for one in samples if one in known], [*data, *replacing])
            for name, each in models.items()
        }
    return found


def replacements_in(values: Mapping[str, Any]) -> list[str]:
    """Return the samples that take the place of others in variations, of which nominal figures have none."""
    variations = values.get("variations")
    each = [one for one in variations.values() if isinstance(one, dict)] if isinstance(variations, dict) else []
    found = [one.get(way) for one in each if one.get("kind") == "sample" for way in ("up", "down")]
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


def _classes_of_target(values: Mapping[str, Any]) -> set[str]:
    """Return the samples and groups that classes of the target name."""
    target = values.get("target")
    column = target.get("truth") if isinstance(target, dict) else None
    classes = (values.get("classes") or {}).get(column) if isinstance(values.get("classes"), dict) else None
    found: set[str] = set()
    for part in (classes or {}).values() if isinstance(classes, dict) else ():
        names = part if isinstance(part, list) else part.get("samples", []) if isinstance(part, dict) else []
        for name in names:
            found |= {name, *((values.get("groups") or {}).get(name, []))}
    return found


def _model(model: Any, learnt: list[str], data: list[str]) -> Any:
    """Return the values of a model that learns from these samples alone, unless it says from which."""
    if not isinstance(model, dict) or model.get("learns_from") or set(data) <= set(learnt):
        return model
    try:
        trains = MODELS.find(str(model.get("kind"))).trains
    except RequestError:
        return model
    return model | {"learns_from": [{"samples": learnt}]} if trains else model


def _measure(name: str, measure: Any, data: list[str], simulation: list[str], baseline: Any) -> Any:
    if not isinstance(measure, dict):
        return measure
    try:
        kind = MEASURES.find(str(measure.get("kind")))
    except RequestError:
        return measure
    asked = [each for each in measure.get("samples") or [] if each in data]
    if asked and kind.model_fields["truth"].is_required():
        text = f"sample '{asked[0]}' is of data, and has no truth: leave it out, or use a kind that needs none"
        raise SettingsError.at(("measures", name, "samples"), text)
    if not kind.of_all_samples:
        return measure
    own = dict(measure)
    for key, names in {"data": data, "simulation": simulation}.items():
        if not own.get(key):
            own[key] = [each for each in names if each not in (own.get("simulation") or []) + (own.get("data") or [])]
    if not own["data"]:
        raise SettingsError.at(("measures", name), "there are no data to compare with: mark a sample by 'data: true'")
    if "score" not in (own.get("variables") or {}) and not own.get("models") and baseline:
        own["models"] = [baseline]  # columns are the same for all models
    return own
