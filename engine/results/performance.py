"""Hold, save and load performance histograms: merged, per sample, of every model and measure."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hist

from lineshape.engine.core.contents import is_weighted
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, reading
from lineshape.engine.core.files import write_json
from lineshape.engine.core.histograms import Histograms, add_part, as_weighted, save_part, save_root, to_uhi
from lineshape.engine.core.records import digest_of_file, find_record, read_record, save_record
from lineshape.engine.core.source_code import READING, code_of, code_of_modules, source_of
from lineshape.engine.core.statistics import GROUPS
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import Subjects, subjects_of
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.measures.measure import Measure

#: File that describes the saved histograms beside it.
INDEX = "measured.json"
#: Files for other programs: UHI's JSON, and ROOT, which holds the time of its writing and so has no fixed digest.
_UHI, _ROOT = "performance.json", "performance.root"
_AGAIN = "run 'lineshape histogram' again"


@dataclass(frozen=True)
class _Measured:
    """Description of the saved histograms beside it.

    files: digest of each file but ROOT's. root_bytes: size of ROOT's file.
    """

    models: tuple[str, ...]
    files: dict[str, str]
    root_bytes: int
    split: str
    identity: str
    about: str
    doubt: str
    trainings: dict[str, list[str]] = field(default_factory=dict)

    def are_whole(self, folder: Path, names: Set[str]) -> bool:
        """Return whether these files, and no others, were written, and are unchanged."""
        paths = {folder / name: known for name, known in self.files.items()}
        root = folder / _ROOT
        return (
            root.is_file()
            and root.stat().st_size == self.root_bytes
            and self.files.keys() == names
            and all(path.is_file() and digest_of_file(path) == known for path, known in paths.items())
        )


@dataclass(frozen=True)
class Performance:
    """Histograms of each sample, named model/measure/histogram, and of each training of a mean as of a model.

    split: the events measured on, by a name of `Counted`. about: these events in words. doubt: what is not known of
    them. identity: digest of the bundles, the data and the measures. subjects: samples, and groups of them, that
    figures are of. trainings: for models that are a mean of trainings, the names that these are measured under.
    """

    samples: dict[str, Histograms]
    models: tuple[str, ...]
    split: str
    identity: str
    about: str
    doubt: str
    subjects: Subjects
    trainings: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @staticmethod
    def identity_of(job: Job, store: FeatureStore, bundles: Mapping[str, Bundle], given: bool = False) -> str:
        """Return the digest of everything that the histograms of a job depend on.

        given: whether the bundles come from other runs, to be measured on this one's data.

        Raises RequestError where a bundle that should be of this run was made from other data, another split or other
        settings than the job's.
        """
        for name, bundle in bundles.items():
            if not given and bundle.digest != inputs_of(job, job.built_models()[name]).digest(job, store):
                raise RequestError(
                    f"bundle {bundle.folder} was made from other data, settings or code than this job's: "
                    "run 'lineshape train' first"
                )
        content = [(name, bundle.digest) for name, bundle in bundles.items()]
        computed = store.about_computed
        about = [content, store.digest(), store.samples, measured_by(job.built_measures())]
        return digest(*about, computed, job.groups) if computed or job.groups else digest(*about)

    @classmethod
    def empty(
        cls,
        job: Job,
        store: FeatureStore,
        models: Iterable[str],
        split: str,
        identity: str,
        about: str = "",
        doubt: str = "",
        trainings: Mapping[str, Sequence[str]] | None = None,
    ) -> "Performance":
        """Return empty histograms for each sample of a feature store."""
        models, trainings = tuple(models), trainings or {}
        measured = [*models, *(name for names in trainings.values() for name in names)]
        subjects = subjects_of(job, store.measured)
        samples = {
            sample: {
                f"{model}/{name}/{key}": histogram
                for model in measured
                for name, measure in job.built_measures().items()
                if sample in subjects.filled(name, measure, model)
                for key, histogram in measure.empty(store.columns).items()
            }
            for sample in store.samples
        }
        return cls(samples, models, split, identity, about, doubt, subjects, trainings)

    def save(self, folder: Path) -> None:
        """Write everything, and without the jackknife's groups performance.root and performance.json (UHI).

        Nothing is written where all of it is there, unchanged.
        """
        own = {name: getattr(self, name) for name in ("models", "split", "identity", "about", "doubt")}
        own["trainings"] = {name: list(each) for name, each in self.trainings.items()}
        kept = find_record(folder / INDEX, _Measured)
        files = {_UHI, *(f"{sample}.npz" for sample in self.samples)}
        if kept and {name: getattr(kept, name) for name in own} == own and kept.are_whole(folder, files):
            return
        flat: Histograms = {}
        for sample, histograms in self.samples.items():
            save_part(folder / f"{sample}.npz", histograms)
            for name, histogram in histograms.items():
                axes = range(histogram.ndim - 1)  # the last are the jackknife's groups
                flat[f"{sample}/{name}"] = histogram.project(*axes) if axes else histogram
        save_root(folder / _ROOT, flat)
        write_json(folder / _UHI, {name: to_uhi(histogram) for name, histogram in flat.items()})
        digests = {name: digest_of_file(folder / name) for name in sorted(files)}
        size = (folder / _ROOT).stat().st_size
        save_record(folder / INDEX, own | {"files": digests, "root_bytes": size})

    @classmethod
    def load(
        cls, job: Job, folder: Path, store: FeatureStore, bundles: Mapping[str, Bundle], given: bool = False
    ) -> "Performance":
        """Return what `save` wrote.

        Raises RequestError where there is nothing, or where it was made from something else, RunError where it is
        damaged.
        """
        cls.require_made_of(job, folder, store, bundles, given)
        return cls.as_saved(job, folder, store)

    @classmethod
    def require_made_of(
        cls, job: Job, folder: Path, store: FeatureStore, bundles: Mapping[str, Bundle], given: bool = False
    ) -> tuple[str, str]:
        """Return identity and events in words of what `save` wrote, without reading it; errors are those of `load`."""
        index = _index_of(folder)
        if index.identity != cls.identity_of(job, store, bundles, given):
            raise RequestError(
                f"the histograms in {folder} are of other bundles, data or measures: run 'lineshape histogram' first"
            )
        return index.identity, index.about

    @classmethod
    def as_saved(cls, job: Job, folder: Path, store: FeatureStore) -> "Performance":
        """Return what `save` wrote, whatever has become of the bundles, data and code that it was made from.

        Raises RequestError where there is nothing, RunError where it is damaged or of other bins.
        """
        index = _index_of(folder)
        about = index.split, index.identity, index.about, index.doubt
        performance = cls.empty(job, store, index.models, *about, trainings=index.trainings)
        for sample, histograms in performance.samples.items():
            path = folder / f"{sample}.npz"
            with reading(path, _AGAIN):
                if index.files.get(path.name) != digest_of_file(path):
                    raise ValueError("its content is not what was written")
                add_part(path, histograms)
        return performance

    def beside(self, nominal: "Performance") -> "Performance":
        """Return the histograms of a variation of some samples with those of the others, which do not change."""
        measured = {name.split("/")[1] for each in self.samples.values() for name in each}
        weighted = any(is_weighted(each) for of in self.samples.values() for each in of.values())
        others = {
            sample: {
                name: as_weighted(each) if weighted else each
                for name, each in histograms.items()
                if name.split("/")[1] in measured
            }
            for sample, histograms in nominal.samples.items()
            if sample not in self.samples
        }
        return replace(self, samples={name: (self.samples | others)[name] for name in nominal.samples})

    def of(self, subject: str, model: str, measure: str) -> Histograms:
        """Return the histograms of a measure of a model on a sample, or summed over a group, by their names.

        There are none where it was not measured.
        """
        total: Histograms = {}
        for sample in self.subjects.members.get(subject, (subject,)):
            for name, each in of_model(self.samples[sample], f"{model}/{measure}").items():
                total[name] = total[name] + each if name in total else each
        return total


def _index_of(folder: Path) -> _Measured:
    if not (folder / INDEX).is_file():
        raise RequestError(f"no histograms in {folder}: run 'lineshape histogram' first")
    return read_record(folder / INDEX, _Measured, _AGAIN)


def of_model(histograms: Mapping[str, hist.Hist[Any]], model: str) -> Histograms:
    """Return the histograms whose names begin with a model, or with model/measure, under the rest of their names."""
    start = f"{model}/"
    return {name.removeprefix(start): each for name, each in histograms.items() if name.startswith(start)}


def measured_by(measures: Mapping[str, Measure]) -> str:
    """Return the digest of measures: their settings, and the code that fills histograms."""
    dumped = {name: measure.model_dump(mode="json") for name, measure in measures.items()}
    sources = [source_of(type(measure)) for measure in measures.values()]
    return digest(dumped, sources, code_of("lineshape.engine.measures"), code_of_modules(*READING), GROUPS)
