"""Run jobs from Python, for notebooks and scripts; each function has a command of the command line beside it."""

import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.errors import Interrupted, RequestError, listing, nearest
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import label_of, subjects_of
from lineshape.engine.reprocessing.output_folders import folder_of, output_of
from lineshape.engine.results.claims import CheckedClaim, check
from lineshape.engine.results.contents import read_plots, read_rows
from lineshape.engine.results.row import Row
from lineshape.engine.results.summary import headline_tables
from lineshape.jobs.contents import Part, bundle_of, histograms_of, rows_of
from lineshape.jobs.display.html import Features, Picture, link, pictures, table
from lineshape.jobs.display.record import Told
from lineshape.jobs.job_files import load as load_named
from lineshape.jobs.job_files import shipped

if TYPE_CHECKING:
    import hist
    import pandas as pd
    from distributed import Client

    from lineshape.engine.feature_store.shards import Table
    from lineshape.engine.learning.bundles import Bundle
    from lineshape.engine.planning.planning import Planned
    from lineshape.engine.results.look import FirstLook
    from lineshape.engine.running.run import Run
    from lineshape.engine.stages.training.stage import Trained

#: Sections of the report whose first plot a result shows in a notebook.
_PICTURES = 2


@dataclass(frozen=True, repr=False)
class Result:
    """A finished run: its job, its folder and the rows of its summary."""

    job: Job
    folder: Path
    rows: list[Row]

    @property
    def page(self) -> Path:
        """Path of the report's page."""
        return RunFolder(self.folder).page

    def figure(self, model: str, figure: str, sample: str | None = None, measure: str | None = None) -> Row:
        """Return the row of an inclusive figure, of the first sample and measure that have it.

        Raises RequestError that lists the known figures.
        """
        for row in self.rows:
            if (
                (row.model, row.figure, row.by) == (model, figure, "")
                and sample in (None, row.sample)
                and measure in (None, row.measure)
            ):
                return row
        known = sorted({row.figure for row in self.rows if row.model == model and row.by == ""})
        raise RequestError(f"no figure '{figure}' of model '{model}': expected one of {', '.join(known) or 'none'}")

    def model(self, name: str) -> "Bundle":
        """Return a model, whose `predict` takes arrays by column; raises RequestError where there is none."""
        return bundle_of(self.folder, name)

    @cached_property
    def histograms(self) -> "dict[str, hist.Hist[Any]]":
        """The performance histograms, by sample/model/measure/name, without the jackknife's groups."""
        return histograms_of(self.job, self.folder)

    def table(self) -> "pd.DataFrame":
        """Return every figure of the summary, a row each: sample, model, measure, figure, bin, value, uncertainty."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.rows])

    def events(
        self, part: Part = "test", columns: Sequence[str] | None = None, sample: str | None = None
    ) -> "Iterator[Table]":
        """Return an iterator over the rows of a split, shard by shard: arrays by column, of which one shard is held.

        part: training, validation, test or all. columns, sample: all by default.

        Raises RequestError where there is no such split, column or sample.
        """
        return rows_of(self.job, self.folder, part, columns, sample)

    def check(self) -> list[CheckedClaim]:
        """Return the claims of the job with what was found for each."""
        return check(self.job.claims_on_its_samples(), self.rows)

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """Return the headline tables of the job's first measure that has any, by sample: a title, and lines of text.

        The first line has the headings; where a sample has no figures, it says why and is the only one. All other
        tables are in the report.
        """
        from lineshape.engine.stages.reporting.page import lead

        subjects = subjects_of(self.job, [*self.job.samples])
        samples = list(dict.fromkeys([*subjects.members, *(row.sample for row in self.rows)]))
        measures, models = self.job.built_measures(), self.job.built_models()
        main = dict([(name, each) for name, each in measures.items() if each.headline][:1])
        labels = {name: name for name in models if any(row.model == name for row in self.rows)}
        found = []
        for sample in samples:
            start = f"{label_of(self.job, sample)}: " if len(samples) > 1 else ""
            tables = headline_tables(self.rows, sample, main, labels, self.job.baseline)
            if not tables:
                found += [
                    (start + (lead(each.title) if start else each.title), [[f"no figures: {each.lacking}"]])
                    for name, each in main.items()
                    if any(sample in subjects.shown(name, each, model) for model in models)
                ]
            for each in tables:
                title = lead(each.title) if start else each.title
                lines = [[line.label, *each.texts(line)] for line in each.lines]
                found.append((start + title, [["model", *(heading.text for heading in each.headings)], *lines]))
        return found

    def plots(self) -> list[Picture]:
        """Return the report's plots, in its order; each shows itself in a notebook."""
        folder = RunFolder(self.folder)
        return [
            Picture(folder.report / "plots" / f"{one.name}.png", one.caption, one.section, one.samples)
            for one in read_plots(folder)
        ]

    def plot(self, name: str) -> Picture:
        """Return a plot by its name; raises RequestError that suggests the nearest name."""
        found = {picture.name: picture for picture in self.plots()}
        if name not in found:
            hint = nearest(name, found) or f": expected one of {listing(found)}"
            raise RequestError(f"no plot '{name}' in {RunFolder(self.folder).report}{hint}")
        return found[name]

    def __repr__(self) -> str:
        return f"Result of {self.job.study} in {self.folder}"

    def _repr_html_(self) -> str:
        leading = {(picture.section, picture.samples): picture for picture in reversed(self.plots())}
        return "".join(
            [
                f"<b>{html.escape(self.job.title or self.job.study)}</b>",
                *(table(title, lines) for title, lines in self.tables()),
                pictures(list(reversed(leading.values()))[:_PICTURES]),
                f"<div>All figures and plots: {link(self.page)}</div>",
            ]
        )


def studies() -> dict[str, str]:
    """Return the studies that come with the package, and their titles."""
    from lineshape.engine.job.loading import load_job

    return {name: load_job(path).title for name, path in shipped().items()}


def load(
    name: str | Path, samples: Mapping[str, list[str]] | None = None, changes: Mapping[str, Any] | None = None
) -> Job:
    """Load a job by study, path or run folder; raises RequestError that says what is wrong and where.

    samples: files by sample; where any are given they replace the job file's samples. changes: other values, by dotted
    key.
    """
    return load_named(name, samples, changes)


def run(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> Result:
    """Run all stages of a job, or of a study by name; finished work is not repeated.

    output: the run folder, runs/<study> by default. client: a Dask client; by default the job's own cluster is started.

    Raises RequestError where the request is wrong, RunError where the run failed, and IncompleteRunError where it is
    done but lost more of its input than the job tolerates (`open_result` then returns what there is).
    """
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, client, screen) as one:
        rows = one.all(simulator)
        one.check_complete()
    return Result(one.job, output_of(one.job, output, _named(job)), rows)


def process(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> Features:
    """Process ROOT files into feature shards; samples to be simulated are made first. Arguments are those of `run`."""
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, client, screen) as one:
        features = Features(one.process(one.simulate(simulator(one.job))))
        one.check_complete()
    return features


def train(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
    models: list[str] | None = None,
) -> "Trained":
    """Train bundles on existing feature shards.

    models: names of models; all by default. Other arguments are those of `run`.
    """
    with opened(job, output, client, screen, again=True) as one:
        return one.train(models)


def look(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> "FirstLook":
    """Look at the columns of existing feature shards by class and by sample; the page is in look/ of the run folder.

    Arguments are those of `run`.
    """
    with opened(job, output, client, screen, again=True) as one:
        return one.look()


def histogram(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> None:
    """Apply bundles to the test split and fill performance histograms. Arguments are those of `run`."""
    with opened(job, output, client, screen, again=True) as one:
        one.histogram()


def vary(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> None:
    """Fill performance histograms of the job's systematic variations; shards of their own are made first.

    Arguments are those of `run`.
    """
    from lineshape.jobs.simulate.orders import simulator

    with opened(job, output, client, screen, again=True) as one:
        one.vary(one.simulate(simulator(one.job)), simulator)


def plan(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
    like: str | Path | None = None,
    entries: int | None = None,
) -> "Planned":
    """Forecast what a job costs, by pilots on its cluster: the same job with fewer entries and shorter trainings.

    like: an earlier run, whose trainings tell how many steps are made before they stop; by default that of the run
    folder, where there is one. entries: of the larger pilot. Other arguments are those of `run`.
    """
    from lineshape.engine.planning.planning import plan as forecast
    from lineshape.jobs.simulate.orders import amounts_of, reduced, simulator

    loaded = job if isinstance(job, Job) else load(job)
    folder = output_of(loaded, output, _named(job))
    earlier = RunFolder.find(like).path if like else folder if RunFolder(folder).job.is_file() else None
    place = folder.with_name(f".{folder.name}.plan")
    return forecast(loaded, place, earlier, amounts_of(loaded), reduced, simulator, screen or Screen(), client, entries)


def report(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> Result:
    """Write figures, plots and the page from existing performance histograms. Arguments are those of `run`."""
    with opened(job, output, client, screen, again=True) as one:
        rows = one.report()
    return Result(one.job, output_of(one.job, output, _named(job)), rows)


@contextmanager
def opened(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
    again: bool = False,
) -> "Iterator[Run]":
    """Open a run for some of its stages.

    again: for stages after the first, on the samples that the run was processed with. Other arguments are those of
    `run`.
    """
    from lineshape.engine.running.run import open_run

    loaded = job if isinstance(job, Job) else load(job)
    folder = output_of(loaded, output, _named(job))
    if again and RunFolder(folder).job.is_file():
        loaded = loaded.model_copy(update={"samples": load(folder).samples})
    try:
        with open_run(loaded, folder, screen, client) as run:
            yield run
    except KeyboardInterrupt:
        raise Interrupted("interrupted: run the same again to go on from here") from None


def _named(job: Job | str | Path) -> str | Path:
    return "" if isinstance(job, Job) else job


def reprocess(
    job: Job | str | Path,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> Told:
    """Do one run of scheduled reprocessing, see `lineshape.engine.reprocessing`, and return its record in the ledger.

    output: the reprocessing folder, reprocessing/<study> by default. client: a Dask client; by default the job's own
    cluster is started when there is work to do.

    Raises what `run` does, and BusyError where another run is going on.
    """
    from lineshape.engine.reprocessing.reprocess import reprocess as reprocess_once
    from lineshape.jobs.simulate.orders import simulator

    loaded = job if isinstance(job, Job) else load(job)
    try:
        record = reprocess_once(loaded, simulator(loaded), output, client, screen)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: the next run goes on from here") from None
    return Told(record, folder=folder_of(loaded, output))


def open_result(name: str | Path) -> Result:
    """Open an existing run by its folder or its study; raises RequestError where it has no summary yet."""
    folder = RunFolder.find(name)
    if not folder.summary.is_file():
        raise RequestError(f"run {folder.path} has no summary yet: run 'lineshape report {name}' first")
    return Result(load_named(folder.job), folder.path, read_rows(folder))
