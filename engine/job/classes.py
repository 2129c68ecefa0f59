"""Read classes that a job file defines by samples, groups of samples and conditions."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lineshape.engine.core.class_column import ClassColumn
from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.row_selection import Part
from lineshape.engine.core.settings import Names
from lineshape.engine.core.validation import Place, SettingsError
from lineshape.engine.measures.measure import MEASURES

#: Rows of a class: of samples or groups, or of these and conditions.
ClassPart = Names | Part
#: Name of the column of a target's own classes.
TARGET_CLASSES: Final = "target_classes"
#: Start of the name of the column of a measure's own.
_OF_MEASURE: Final = "classes_of_"


def with_named_classes(values: Any) -> Any:
    """Return a job file's values with the classes of its target and measures under `classes`.

    The target is then the column of that name, and so is the truth of a measure, whose classes are the names in the
    order of their numbers. A measure of classes without a truth is of the target's.
    """
    if not isinstance(values, dict):
        return values
    values = dict(values)
    classes = dict(values.get("classes") or {}) if isinstance(values.get("classes") or {}, dict) else values["classes"]
    target, measures = values.get("target"), values.get("measures")
    if not isinstance(classes, dict):
        return values
    if isinstance(target, dict) and isinstance(target.get("classes"), dict):
        if "truth" in target:
            raise SettingsError.at(("target",), "it has both truth and classes: expected one of them")
        rest = {key: value for key, value in target.items() if key != "classes"}
        classes[TARGET_CLASSES] = target["classes"]
        values["target"] = target = rest | {"truth": TARGET_CLASSES}
    if isinstance(measures, dict):
        truth = target.get("truth") if isinstance(target, dict) else None
        values["measures"] = {
            name: _with_truth(name, measure, classes, truth) if isinstance(measure, dict) else measure
            for name, measure in measures.items()
        }
    if classes:
        values["classes"] = classes
    return values


def _with_truth(name: str, measure: dict[str, Any], classes: dict[str, Any], target: Any) -> dict[str, Any]:
    """Return the values of a measure with a truth and the names of its classes; add its own classes to the others."""
    own = measure.get("classes")
    if isinstance(own, dict):
        if "truth" in measure:
            raise SettingsError.at(
                ("measures", name), "its classes are of samples, and it has a truth, too: leave out one of them"
            )
        column = next((each for each, known in classes.items() if known == own), f"{_OF_MEASURE}{name}")
        classes[column] = own
        return measure | {"truth": column, "classes": ordered(own)}
    if "truth" not in measure and isinstance(classes.get(target), dict) and _is_of_classes(measure.get("kind")):
        names = {} if "classes" in measure else {"classes": ordered(classes[target])}
        return measure | {"truth": target} | names
    return measure


def _is_of_classes(kind: Any) -> bool:
    """Return whether a kind of measure is one of classes; a wrong kind is refused elsewhere."""
    try:
        return "classes" in MEASURES.find(str(kind)).model_fields
    except RequestError:
        return False


def as_written(place: Place) -> Place:
    """Return where a job file has what is at a place under `classes`: there, or under the target or a measure."""
    if place[:1] != ("classes",) or len(place) < 2:
        return place
    name = str(place[1])
    if name == TARGET_CLASSES:
        return ("target", "classes", *place[2:])
    if name.startswith(_OF_MEASURE):
        return ("measures", name.removeprefix(_OF_MEASURE), "classes", *place[2:])
    return place


def ordered(names: Iterable[str]) -> list[str]:
    """Return classes in the order of their numbers: of two, the first, which comes last, has number 1."""
    found = list(names)
    return found[::-1] if len(found) == 2 else found


def numbered(parts: Mapping[str, ClassPart], groups: Mapping[str, list[str]]) -> ClassColumn:
    """Return the column of classes, with groups resolved."""
    found = {name: part if isinstance(part, Part) else Part(samples=part) for name, part in parts.items()}
    resolved = {
        name: part.model_copy(
            update={"samples": list(dict.fromkeys(one for each in part.samples for one in groups.get(each, [each])))}
        )
        for name, part in found.items()
    }
    return ClassColumn(parts={name: resolved[name] for name in ordered(resolved)})


def check_classes(
    samples: Mapping[str, Any], groups: Mapping[str, list[str]], classes: Mapping[str, Mapping[str, ClassPart]]
) -> None:
    """Raise SettingsError where a group has a sample's name, or a sample alone makes rows of two classes."""
    for name in groups:
        if name in samples:
            raise SettingsError.at(("groups", name), "a sample has this name: expected another one for the group")
    for column, parts in classes.items():
        of: dict[str, str] = {}
        for name, part in numbered(parts, groups).parts.items():
            for sample in [] if part.where else part.samples:
                if sample in of:
                    text = f"sample '{sample}' is of {of[sample]} and of {name}: expected one of them, or conditions"
                    raise SettingsError.at(("classes", column, name), text)
                of[sample] = name


def check_samples(
    samples: Mapping[str, Any], groups: Mapping[str, list[str]], classes: Mapping[str, Mapping[str, ClassPart]]
) -> None:
    """Raise SettingsError where a group or class names a sample that the job does not have."""
    named: list[tuple[tuple[str, ...], list[str], Iterable[str]]] = [
        (("groups", name), members, samples) for name, members in groups.items()
    ]
    for column, parts in classes.items():
        for name, part in parts.items():
            own = part.samples if isinstance(part, Part) else part
            named.append((("classes", column, name), list(own), [*samples, *groups]))
    for where, names, known in named:
        if unknown := [each for each in names if each not in known]:
            text = f"'{unknown[0]}' is not a sample of this job{nearest(unknown[0], known)}"
            raise SettingsError.at(where, text)
