"""Run the stages in order on a cluster, writing into a run folder. Each stage can also be run alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.errors import IncompleteRunError, RequestError, RunError, listing
from lineshape.engine.core.records import save_record
from lineshape.engine.core.run_folder import RunFolder, read_job
from lineshape.engine.execution.progress import Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore, WeightSums
from lineshape.engine.input.sources import Patterns
from lineshape.engine.job.job import Job
from lineshape.engine.job.varied import varied_of
from lineshape.engine.job.varied_store import own_folder, reads_files
from lineshape.engine.results.row import Row
from lineshape.engine.running.recording import Stage, recorded, tell
from lineshape.engine.running.variations import Simulate, SimulatorOf, copy_bundles, make_store, shards_in
from lineshape.engine.running.workers import open_workers

if TYPE_CHECKING:
    from lineshape.engine.learning.bundles import Bundle
    from lineshape.engine.learning.search import Found
    from lineshape.engine.results.drift import Drifts
    from lineshape.engine.results.look import FirstLook
    from lineshape.engine.results.performance import Performance
    from lineshape.engine.stages.applying.plan import Wanted
    from lineshape.engine.stages.applying.stage import Applied
    from lineshape.engine.stages.drift.stage import DriftBaseline
    from lineshape.engine.stages.training.stage import Trained


@dataclass
class Run:
    """A job, its run folder, and the workers that its stages use.

    Each stage returns its result, prints one line on the screen, and writes one to the ledger.
    """

    job: Job
    folder: RunFolder
    workers: Workers
    screen: Screen = field(default_factory=Screen)

    def simulate(self, make: Simulate) -> dict[str, list[str]]:
        """Return the files of every sample; samples for which the job file gives no files are simulated."""
        require_samples(self.job)
        files = {name: sample.files for name, sample in self.job.samples.items() if sample.files}
        for name, sample in self.job.samples.items():
            if not sample.files:
                with self._stage("simulation") as stage:
                    files[name], stage.text = make(name, self.folder.simulated, self.workers, stage.bars)
        return files

    def process(self, files: Mapping[str, Patterns]) -> FeatureStore:
        """Process ROOT files into feature shards."""
        from lineshape.engine.stages.processing.stage import process

        with self._stage("processing") as stage:
            store = process(self.job, self.folder, self.workers, stage.bars, files)
            stage.text = (
                f"{store.entries:,} entries in {len(store.files)} files = {store.processed:,} processed + "
                f"{store.entries - store.processed:,} quarantined → {store.rows:,} objects, {len(store.shards)} shards"
            )
            if store.weights:
                effective = sum(store.weights.values(), WeightSums()).effective
                stage.text += f", weighted as {effective:,.0f} of equal weight"
            if store.quarantined:  # of a file that cannot be opened the number of entries is not known
                stage.text += f"; {len(store.quarantined)} parts, about {store.lost:.1%} of the input, are quarantined"
        tell(self.screen, store.notes, store.quarantined, f", listed in {self.folder.features}/manifest.json")
        return store

    def train(self, only: list[str] | None = None) -> "Trained":
        """Train bundles on the feature shards.

        only: names of models; all of them by default.
        """
        from lineshape.engine.stages.training.stage import train

        with self._stage("training") as stage:
            trained = train(self.job, self.folder, self.workers, stage.bars, only)
            kept = [name for name in trained.bundles if name not in trained.made]
            parts = [
                f"{', '.join(trained.made)} made" if trained.made else "",
                f"{', '.join(kept)} kept" if kept else "",
            ]
            stage.text = "; ".join(part for part in parts if part) or "nothing to train"
        for name, remarks in trained.remarks.items():
            for remark in remarks:
                self.screen.warn(f"model {name}: {remark}")
        for name, reason in trained.left_out.items():
            self.screen.warn(f"model {name} left out: {reason}")
        return trained

    def look(self) -> "FirstLook":
        """Look at the columns of the feature shards by class and by sample, and write a page of it."""
        from lineshape.engine.stages.looking.stage import look
        from lineshape.engine.stages.reporting.look_page import write_look

        with self._stage("looking") as stage:
            found = look(self.job, self.folder, self.workers, stage.bars)
            page = write_look(self.folder.look, self.job, FeatureStore.load(self.folder.features), found)
            stage.text = f"{len(found.bins)} columns; {page}"
        for remark in found.remarks():
            self.screen.warn(remark)
        return found

    def search(self, model: str) -> "Found":
        """Try settings of a model as the job file's section `search` says, and save the result in the run folder."""
        from lineshape.engine.stages.searching.stage import said, search
        from lineshape.engine.stages.training.stage import train

        with self._stage(f"search {model}") as stage:

            def train_all(job: Job, folder: RunFolder) -> None:
                with stage.bars.passing() as bars:
                    train(job, folder, self.workers, bars)

            found = search(self.job, self.folder, model, train_all, stage.bars)
            stage.text = said(found, self.folder.search(model))
        return found

    def histogram(self) -> "Performance":
        """Apply bundles to the test split and fill performance histograms."""
        from lineshape.engine.stages.histogramming.stage import histogram

        with self._stage("histogramming") as stage:
            performance = histogram(self.job, self.folder, self.workers, stage.bars)
            count = sum(len(histograms) for histograms in performance.samples.values())
            stage.text = f"{count} histograms of {len(performance.models)} models on {performance.split} events"
        if performance.doubt:
            self.screen.warn(f"of the events that are measured, {performance.doubt}")
        return performance

    def drift(self, subject: "DriftBaseline", threshold: float) -> "Drifts":
        """Measure how the features of a version moved since it was trained; the latest run's report shows it."""
        from lineshape.engine.stages.drift.stage import drift

        with self._stage("drift") as stage:
            found = drift(subject, self.folder, self.workers, stage.bars, threshold)
            moved = [each.feature for each in found.drifts if each.worst > threshold]
            stage.text = f"{len(found.drifts)} features against the training data of version {subject.version}"
        if moved:
            self.screen.warn(f"drift above {threshold:g} of {listing(moved)}: see the report")
        for feature, reason in found.left_out.items():
            self.screen.warn(f"drift of {feature} is not known: {reason}")
        return found

    def vary(self, files: Mapping[str, Patterns], simulator_of: SimulatorOf) -> None:
        """Fill histograms of the job's variations, each direction in a folder of its own; what is there is kept.

        files: of the job's samples. simulator_of: for samples of a variation that are to be simulated.
        """
        from lineshape.engine.learning.bundles import Bundle
        from lineshape.engine.stages.histogramming.stage import calibrate_copies, histogram_varied

        for varied in varied_of(self.job):
            with self._stage(f"variation {varied.key}") as stage:
                before = shards_in(self.folder, varied)
                own = make_store(self.job, self.folder, varied, files, simulator_of, self.workers, stage.bars)
                if copies := copy_bundles(own, self.job, self.folder):
                    nominal = FeatureStore.load(self.folder.features)
                    calibrate_copies(self.job, self.folder, nominal, copies, self.workers, stage.bars)
                bundles = own.bundles(self.job, self.folder)
                replaced = {name: Bundle.load(self.folder.models / name) for name in copies}
                histogram_varied(own.job, own.folder, own.store, bundles, replaced, self.workers, stage.bars)
                made = shards_in(self.folder, varied) - before
                stage.text = f"{own.store.rows:,} objects of {listing(own.store.samples)}; {made} shards made"
            if reads_files(varied):
                where = f", listed in {own.folder.features}/manifest.json"
                tell(self.screen, (), own.store.quarantined, where)

    def report(self) -> list[Row]:
        """Write summary.json, plots and the page from the performance histograms."""
        from lineshape.engine.stages.reporting.stage import report

        with self._stage("reporting") as stage:
            rows = report(self.job, self.folder, self.workers, stage.bars)
            stage.text = f"{len(rows):,} figures; {self.folder.page}"
        if self.job.variations and not any(row.systematic is not None for row in rows):
            self.screen.warn("variations have not been made: uncertainties are statistical alone; run 'lineshape vary'")
        return rows

    def apply(
        self, bundles: "Mapping[str, Bundle]", to: Path, wanted: "Wanted", files: Mapping[str, Patterns]
    ) -> "Applied":
        """Apply bundles to files; the run folder holds the state of this alone.

        bundles: by the name of their branches. to: folder of the outputs.
        """
        from lineshape.engine.stages.applying.existing import INDEX
        from lineshape.engine.stages.applying.stage import apply

        with self._stage("applying") as stage:
            applied = apply(self.job, bundles, self.folder.path, to, wanted, self.workers, stage.bars, files)
            stage.text = (
                f"{applied.entries:,} entries, {applied.rows:,} scores of each model ({', '.join(bundles)}) → "
                f"files in {to}: {applied.made} made, {len(applied.files) - applied.made} kept"
            )
            if applied.quarantined:
                stage.text += f"; {len(applied.quarantined)} without one, about {applied.lost:.1%} of the input"
        tell(self.screen, applied.notes, applied.quarantined, f", listed in {to / INDEX}")
        return applied

    def all(self, simulator_of: SimulatorOf) -> list[Row]:
        """Run all stages in order, and return the rows of the summary."""
        files = self.simulate(simulator_of(self.job))
        self.process(files)
        self.train()
        self.histogram()
        self.vary(files, simulator_of)
        return self.report()

    def check_complete(self) -> None:
        """Raise IncompleteRunError where more of the input is quarantined than the job tolerates."""
        varied = [own_folder(self.folder, each).features for each in varied_of(self.job) if reads_files(each)]
        for features in [self.folder.features, *(each for each in varied if each.is_dir())]:
            store = FeatureStore.load(features)
            if store.quarantined and store.lost > self.job.tolerate:
                raise IncompleteRunError(
                    f"{len(store.quarantined)} parts of the input, about {store.lost:.2%} of its entries, are "
                    f"quarantined, more than 'tolerate: {self.job.tolerate}' allows; everything else is in "
                    f"{self.folder.path}. The list is in {features}/manifest.json"
                )

    def _to_save(self) -> dict[str, Any]:
        """Return the values of the job; a cluster that was not needed does not take the place of the saved one."""
        values = self.job.model_dump(mode="json")
        if not self.workers.opened and self.folder.job.is_file():
            with suppress(RunError):
                values["cluster"] = read_job(self.folder).cluster or values["cluster"]
        return values

    @contextmanager
    def _stage(self, name: str) -> Iterator[Stage]:
        # Saved only on success: a request that turns out to be wrong leaves a finished run unchanged.
        with recorded(self.folder, self.screen, name, lambda: save_record(self.folder.job, self._to_save())) as stage:
            yield stage


def require_samples(job: Job) -> None:
    """Raise RequestError where a job has no samples."""
    if not job.samples:
        raise RequestError(
            f"study {job.study} has no samples of its own: give your files with --sample NAME=FILES, "
            "as in --sample ntuples='/data/*.root'"
        )


@contextmanager
def open_run(
    job: Job, folder: Path, screen: Screen | None = None, client: Any = None, one: bool = False
) -> Iterator[Run]:
    """Open a run on the job's cluster, or on a given Dask client; every stage saves the job in the run folder.

    one: use one worker of each sort, to try them, in a folder where a run may be going on.

    Raises BusyError where another command is at work in the folder.
    """
    cluster = job.built_cluster().one() if one else job.built_cluster()
    with open_workers(folder, cluster, screen, client, one) as (run_folder, workers, shown):
        yield Run(job, run_folder, workers, shown)
