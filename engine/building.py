"""The processor that a job file describes, built and checked."""

from pydantic import ValidationError

from lineshape.engine import derived
from lineshape.engine.errors import RequestError, nearest
from lineshape.engine.job import Job
from lineshape.engine.kinds import KindError
from lineshape.engine.processor import StudyProcessor, fingerprint
from lineshape.engine.settings import Settings
from lineshape.engine.sharding import find_processor


def build_processor(job: Job) -> tuple[StudyProcessor, Settings]:
    """The job's processor and its settings.

    Raises KindError where its kind, one of its settings or one of the job's branches is unknown.
    """
    try:
        found = find_processor(job.processor.kind)
        settings: Settings = found.Settings.model_validate(job.processor.settings)
    except RequestError as error:
        raise KindError(("processor", "kind"), error) from error
    except ValidationError as error:
        raise KindError(("processor",), error) from error
    for name in job.branches:
        if name not in found.reads:
            raise KindError(
                ("branches", name),
                RequestError(f"'{name}' is not a column of this study{nearest(name, found.reads)}"),
            )
    processor: StudyProcessor = found(settings)
    try:
        derived.require(processor, job.derived)
    except RequestError as error:
        raise KindError(("derived",), error) from error
    return processor, settings


def fingerprint_of(job: Job) -> str:
    """Digest of the job's processor, its source and settings; see `build_processor` for what it raises."""
    bare, settings = build_processor(job)
    return fingerprint(bare, settings, job.nonfinite, derived.mark(job.derived))
