"""Build and check the processor that a job file describes."""

from collections.abc import Mapping
from typing import Any

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import LineshapeError, RequestError, code_line, nearest
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.input.processor import Selects, StudyProcessor, fingerprint
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.job import derived
from lineshape.engine.job.derived import Derived, Deriving
from lineshape.engine.job.job import Job
from lineshape.engine.job.varied import Varied, Varying


def build_processor(job: Job, of: Varied | None = None) -> tuple[StudyProcessor, Settings]:
    """Return the job's processor and its settings.

    of: the variation that the job is one of, which may read further columns.

    Raises SettingsError where its kind, one of its settings or one of the job's branches is unknown, or where its class
    does not declare what the engine needs.
    """
    kind = job.processor.kind
    try:
        found = PROCESSORS.find(kind)
        _require_declared(found)
    except RequestError as error:
        raise SettingsError.at(("processor", "kind"), error) from error
    settings: Settings = validated(found.Settings, job.processor.settings, ("processor",))
    try:
        processor: StudyProcessor = found(settings)
    except LineshapeError as error:
        raise SettingsError.at(("processor",), str(error)) from error
    except Exception as error:
        raise SettingsError.at(("processor",), f"{kind} cannot be made: {code_line(error)}") from error
    variations = [*job.built_variations().values(), *([of.variation] if of else [])]
    varied = {name for each in variations for name in each.reads()}
    for name in job.branches:
        if name not in {*found.inputs, *varied}:
            text = f"'{name}' is not a column of this study{nearest(name, found.inputs)}"
            raise SettingsError.at(("branches", name), text)
    if job.nonfinite == "drop" and getattr(processor, "schema", None) is not None:
        text = (
            "a processor of whole events reads what it touches, and no entry is left out before: cut in the processor"
        )
        raise SettingsError.at(("nonfinite",), text)
    derived.require(processor, job.derived)
    return processor, settings


def built_of(processor: Selects, derived: Mapping[str, Derived], varied: Varied | None = None) -> Selects:
    """Return the processor, with events changed before it, and derived columns added, where there are any."""
    given = Varying(processor, varied) if varied and varied.variation.changes_events else processor
    return Deriving(given, derived) if derived else given


def fingerprint_of(job: Job, varied: Varied | None = None) -> str:
    """Return a digest of the job's processor, its code and settings; see `build_processor` for the errors it raises.

    varied: a variation of it, whose shards have another one where it changes events.
    """
    bare, settings = build_processor(job, varied)
    own = fingerprint(bare, settings, job.nonfinite, derived.mark(job.derived))
    mark = varied.mark() if varied else ""
    return digest(own, mark) if mark else own


def _require_declared(processor: Any) -> None:
    """Raise RequestError where a processor's class does not declare what the engine reads from it."""
    settings = getattr(processor, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        raise RequestError(
            f"{processor.__name__} has no class 'Settings' of lineshape's Settings, which say what a job file may set; "
            "where there is nothing to set: Settings: ClassVar[type[Settings]] = Settings"
        )
    expected = {
        "inputs": ((str, tuple, list), "the branch of each column"),
        "outputs": ((Column,), "a Column for each"),
    }
    for name, (types, what) in expected.items():
        declared = getattr(processor, name, None)
        if not isinstance(declared, Mapping) or not all(isinstance(value, types) for value in declared.values()):
            found = f"found {declared!r:.80}" if hasattr(processor, name) else "it has none"
            raise RequestError(f"{processor.__name__}.{name}: expected a dictionary with {what}; {found}")
