"""Find and load job files: those that come with the package, by study, and a user's own, by path."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.run_folder import RunFolder, read_job
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.job.classes import check_samples
from lineshape.engine.job.job import Job, SampleSpec
from lineshape.engine.job.loading import load_job
from lineshape.engine.job.subjects import subjects_of
from lineshape.engine.job.weighting import check_cross_sections

#: File of the job as it was run, in a run folder.
RUN_FILE: Final = "job.json"


def shipped() -> dict[str, Path]:
    """Return the job files of the package by study."""
    folder = Path(str(files("lineshape.jobs.studies")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(name: str | Path) -> Path:
    """Return the job file at a path, of a run folder, or of a study; raises RequestError that lists the studies."""
    path = Path(name)
    if path.is_dir() and (path / RUN_FILE).is_file():
        return path / RUN_FILE
    if path.suffix in {".yaml", ".yml", ".json"} or path.is_file():
        if not path.is_file():
            raise RequestError(f"{path}: no such job file (working folder: {Path.cwd()})")
        return path
    known = shipped()
    if str(name) not in known:
        raise RequestError(
            f"no study '{name}': expected one of {', '.join(known)}, a job file (*.yaml) or a run folder"
            f"{nearest(str(name), known)}"
        )
    return known[str(name)]


def load(
    name: str | Path, samples: Mapping[str, list[str]] | None = None, changes: Mapping[str, Any] | None = None
) -> Job:
    """Load and check a job by study, path or run folder.

    samples: files by sample; where any are given they replace the job file's samples. changes: other values, by dotted
    key.

    Raises RequestError where the request is wrong, RunError where the job in a run folder is damaged.
    """
    path = find(name)
    if path.name == RUN_FILE:
        read_job(RunFolder(path.parent))  # which raises where it is damaged
    changes = dict(changes or {})
    if samples:
        known = load_job(path).samples
        changes["samples"] = {
            sample: {
                "label": sample,
                "tree": _tree(known),
                **(_settings_of(known[sample]) if sample in known else {}),
                "files": list(patterns),
            }
            for sample, patterns in samples.items()
        }
        for key in [key for key in changes if key.startswith("samples.")]:
            parts = key.split(".")
            if len(parts) == 3 and parts[1] in changes["samples"]:
                changes["samples"][parts[1]][parts[2]] = changes.pop(key)
    # With a user's own samples, or in the folder of such a run, samples that the job file names may be absent.
    own = () if samples or path.name == RUN_FILE else (_check_samples,)
    return load_job(path, changes, (_check_processor, _check_simulation, *own))


def _settings_of(sample: SampleSpec) -> dict[str, Any]:
    """Return what stays of a sample's settings where it is given other files: all but those of its own."""
    others = sample.model_dump(mode="json", exclude={"files", "simulate"}, exclude_defaults=True)
    return {**others, "label": sample.label, "tree": sample.tree}


def _check_samples(job: Job) -> None:
    if job.samples:
        check_samples(job.samples, job.groups, job.classes)
        check_cross_sections(job.samples, job.weight, job.luminosity)
    named: list[tuple[tuple[str, ...], list[str]]] = [
        (("measures", name, "samples"), list(measure.named_samples())) for name, measure in job.built_measures().items()
    ]
    for name, model in job.built_models().items():
        named += [(("models", name, "learns_from"), part.samples) for part in model.learns_from]
    named += [(("claims", name), claim.samples) for name, claim in job.claims.items()]
    for where, samples in named if job.samples else ():
        known = [*job.samples, *subjects_of(job, list(job.samples)).members]
        if unknown := [sample for sample in samples if sample not in known]:
            text = f"'{unknown[0]}' is not a sample of this job{nearest(unknown[0], known)}"
            raise SettingsError.at(where, text)


def _check_processor(job: Job) -> None:
    from lineshape.engine.job.inputs import inputs_of
    from lineshape.engine.job.processor_builder import build_processor
    from lineshape.engine.job.varied import require_variations

    processor, _ = build_processor(job)
    require_variations(job, processor)
    made = [*processor.outputs, *job.derived, *job.classes, "event", *([EVENT_WEIGHT] if job.is_weighted else [])]
    for name in job.classes:
        if name in processor.outputs or name in job.derived:
            text = f"the processor makes a column '{name}': expected another name for the classes"
            raise SettingsError.at(("classes", name), text)
    for name, column in job.class_columns.items():
        if missing := [each for each in column.columns if each not in processor.outputs and each not in job.derived]:
            text = f"the processor makes no column '{missing[0]}'{nearest(missing[0], made)}"
            raise SettingsError.at(("classes", name), text)

    def require(where: tuple[str | int, ...], columns: Iterable[str]) -> None:
        for column in columns:
            if column not in made:
                text = f"the processor makes no column '{column}'{nearest(column, made)}"
                raise SettingsError.at(where, text)

    require(("weight", "columns"), job.weight.columns if job.weight else ())
    for number, part in enumerate(job.weight.scaled if job.weight else ()):
        require(("weight", "scaled", number, "where"), part.where)
    for name, measure in job.built_measures().items():
        require(("measures", name), measure.columns())
        if taken := [word for word in measure.not_columns() if word in made]:
            text = f"'{taken[0]}' is a column, and stands here for the model's own: call the column something else"
            raise SettingsError.at(("measures", name), text)
    for name, model in job.built_models().items():
        inputs = inputs_of(job, model)
        choice = model.choice
        columns = [
            *inputs.features,
            *inputs.target.columns,
            *model.lists(),
            *model.trained_on(),
            *model.names_columns(),
        ]
        require(("models", name), [*columns, *choice.columns, *choice.shuffled])


def _check_simulation(job: Job) -> None:
    from lineshape.jobs.simulate.orders import read_order

    for name, sample in job.samples.items():
        if sample.simulate is not None:
            read_order(name, sample.simulate)


def _tree(known: Mapping[str, Any]) -> str:
    """Return the tree of the job file's samples where they agree, else CollectionTree."""
    trees = {sample.tree for sample in known.values()}
    return trees.pop() if len(trees) == 1 else "CollectionTree"
