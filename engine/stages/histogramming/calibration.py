"""Calibrate measures, such as their thresholds, on a model's validation split, and save the result with its bundle."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RunError, listing
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.records import find_record, read_record, save_record
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.source_code import READING, code_of_modules, source_of
from lineshape.engine.core.statistics import groups
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.counted_events import Counted
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import Subjects, subjects_of
from lineshape.engine.learning.bundles import CALIBRATION, Bundle
from lineshape.engine.measures.measure import MEASURES, Measure, Objects


@dataclass(frozen=True)
class _CalibrationRecord:
    """Result of a calibration as JSON, with the sample and the split that it was found on."""

    identity: str
    sample: str
    split: str
    found: dict[str, Any]


@dataclass(frozen=True)
class CalibrationTask:
    """Calibration of measures with equal settings for one model, from a sample's validation split; runs on a worker.

    names: of these measures. members: samples of the sample or group. events: that count. identity: digest of
    everything that the result depends on.
    """

    store: Path
    bundle: Path
    names: tuple[str, ...]
    measure: KindSpec
    sample: str
    members: tuple[str, ...]
    events: Counted
    identity: str

    def is_done(self) -> bool:
        """Return whether the result exists for all measures, for the same bundle, data and settings."""
        there = [find_record(_path(self.bundle, name), _CalibrationRecord) for name in self.names]
        return all(calibration is not None and calibration.identity == self.identity for calibration in there)

    def __call__(self) -> None:
        """Calibrate, and write the result into the bundle's folder."""
        measure = MEASURES.build(self.measure, ("measures", self.names[0]))
        found = measure.calibrate(self._objects(measure))
        about = {"identity": self.identity, "sample": self.sample, "split": "validation", "found": found}
        for name in self.names:
            path = _path(self.bundle, name)
            path.parent.mkdir(exist_ok=True)
            save_record(path, about)

    def _objects(self, measure: Measure) -> Iterator[Objects]:
        bundle = Bundle.load(self.bundle)
        store = FeatureStore.load(self.store)
        weight = [EVENT_WEIGHT] if store.weight else []
        columns = list(dict.fromkeys([*bundle.columns, *measure.columns(), "event", *weight]))
        found = 0
        for _, table in store.read(columns, samples=self.members):
            rows = self.events.looked_at(table["event"])
            found += int(rows.sum())
            chosen = {name: values[rows] for name, values in table.items()}
            predict = partial(bundle.predict, split="validation")
            objects = Objects(chosen, predict(chosen), groups(chosen["event"]), "validation", predict)
            yield replace(objects, weight=chosen.get(EVENT_WEIGHT))
        if not found and self.events.others:
            raise RunError(
                f"no event of sample {self.sample} is of the validation split and outside the training of the bundle "
                f"behind {listing(self.events.columns) or 'a model'}: expected some; train that bundle with the split "
                "of this job, or give this job its"
            )


def calibrate(
    job: Job,
    folder: RunFolder,
    store: FeatureStore,
    bundles: Mapping[str, Bundle],
    events: Counted,
    workers: Workers,
    bars: Bars,
) -> None:
    """Compute missing calibrations, for each of these bundles and each measure that needs one.

    events: those that count; each measure uses the ones in the validation split.

    Raises RunError where a calibration failed.
    """
    todo = [each for each in _calibration_tasks(job, folder, store, bundles, events) if not each.is_done()]
    if not todo:
        return
    bar = bars.add("working points", len(todo))
    for item, outcome in Executor(workers, _call).run(todo):
        if isinstance(outcome, Failure):
            raise RunError(
                f"the calibration of measure {item.names[0]} for model {item.bundle.name} failed: {outcome.reason}"
            )
        bar.advance()


def read_calibration(bundle: Bundle, measure: str) -> dict[str, Any]:
    """Read the calibration of a measure for a model."""
    path = _path(bundle.folder, measure)
    return read_record(path, _CalibrationRecord, "run 'lineshape histogram' again, which finds it anew").found


def _calibration_tasks(
    job: Job, folder: RunFolder, store: FeatureStore, bundles: Mapping[str, Bundle], events: Counted
) -> Iterator[CalibrationTask]:
    alike: dict[tuple[str, str], list[str]] = {}  # measures by model and calibration settings
    measures = {name: measure for name, measure in job.built_measures().items() if measure.calibrates}
    subjects = subjects_of(job, store.samples)
    for name, measure in measures.items():
        sample = _reference(subjects, name, measure)
        members = subjects.members[sample]
        code = source_of(type(measure)), code_of_modules(*READING)
        splits = [split.model_dump() for split in (job.division, *events.others)]
        about = digest(measure.calibration_settings(), code, sample, store.digest(members), *splits)
        if store.about_computed:
            about = digest(about, store.about_computed)
        for model in bundles:
            if measure.is_of_model(model):
                alike.setdefault((model, about), []).append(name)
    for (model, about), names in alike.items():
        identity = digest(about, bundles[model].digest)
        sample = _reference(subjects, names[0], measures[names[0]])
        task = (
            folder.features,
            bundles[model].folder,
            tuple(names),
            job.measures[names[0]],
            sample,
            subjects.members[sample],
        )
        yield CalibrationTask(*task, events, identity)


def _reference(subjects: Subjects, name: str, measure: Measure) -> str:
    """Return the sample or group that a measure is calibrated on; samples come first where one tells classes apart."""
    single = [subject for subject, members in subjects.members.items() if members == (subject,)]
    together = () if measure.of_all_samples else subjects.together.get(name, ())
    return measure.reference(together or (*single, *subjects.members))


def _path(bundle: Path, measure: str) -> Path:
    return bundle / CALIBRATION / f"{measure}.json"


def _call(item: CalibrationTask) -> None:
    item()
