"""Make a job small: fewer entries of each sample, and trainings of a few steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.input.catalogue import FileRecord, FileRequest, remember
from lineshape.engine.job.job import Job
from lineshape.engine.job.varied import varied_of
from lineshape.engine.job.varied_store import own_folder

#: Makes a simulation small: its kind with settings, and the share that is left of it.
Reduce = Callable[[str, KindSpec, float], KindSpec]
#: Smallest number of entries that is left of a sample, where it has as many.
LEAST = 1000


def pilot_of(job: Job, share: float, reduce: Reduce) -> Job:
    """Return the job with a share of what it simulates, and with short trainings; claims are left out.

    reduce: makes a simulation small.
    """
    values = job.model_dump(mode="json")
    for name, model in job.built_models().items():
        values["models"][name] |= {**model.shortened(), "seeds": None, "minimum_entries": 1}
    for name, sample in job.samples.items():
        if sample.simulate and not sample.files:
            values["samples"][name]["simulate"] = reduce(name, sample.simulate, share).model_dump()
    for name, spec in job.variations.items():
        for direction in ("up", "down"):
            other = spec.settings.get(direction)
            if isinstance(other, dict) and other.get("simulate"):
                (sample_name,) = spec.settings["samples"]
                small = reduce(sample_name, KindSpec.model_validate(other["simulate"]), share)
                values["variations"][name][direction] = other | {"simulate": small.model_dump()}
    return Job.model_validate(values | {"claims": {}})


def reduced(records: Sequence[FileRecord], share: float) -> list[FileRecord]:
    """Return the files of each sample with as many entries as are a share of it, the first ones of the first files."""
    found = []
    for sample in dict.fromkeys(record.sample for record in records):
        own = [record for record in records if record.sample == sample]
        whole = sum(record.entries for record in own)
        left = min(whole, max(round(whole * share), LEAST))
        for record in own:
            taken = min(record.entries, left)
            left -= taken
            if taken:
                found.append(replace(record, entries=taken))
    return found


def placed(
    job: Job,
    folder: RunFolder,
    requests: Mapping[tuple[str, str], FileRequest],
    records: Mapping[str, Sequence[FileRecord]],
) -> Job:
    """Return the job with small files alone, and write their catalogue where the stages of a run look for it.

    requests: of files, by sample and path. records: of the small files of the job, under an empty name, and of those of
    variations that have their own, by name and direction.
    """
    values = job.model_dump(mode="json")
    places = {"": folder.features}
    changed = {each.key: each for each in varied_of(job) if each.variation.changes_files}
    places |= {key: own_folder(folder, each).features for key, each in changed.items()}
    for key, own in records.items():
        places[key].mkdir(parents=True, exist_ok=True)
        remember(places[key], [(requests[record.sample, record.path], record) for record in own])
        files: dict[str, list[str]] = {}
        for record in own:
            files.setdefault(record.sample, []).append(record.path)
        if not key:
            for name, paths in files.items():
                values["samples"][name]["files"] = paths
        elif not changed[key].variation.replacement(changed[key].direction):
            (paths,) = files.values()
            values["variations"][changed[key].name][changed[key].direction]["files"] = paths
    return Job.model_validate(values)
