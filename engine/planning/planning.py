"""Forecast the cost of a job: look into its files, run two pilots on its cluster, and extrapolate."""

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.input.catalogue import FileRecord, FileRequest
from lineshape.engine.input.sources import expand
from lineshape.engine.job.discovery import look_into, requests_of
from lineshape.engine.job.job import Job
from lineshape.engine.job.processor_builder import build_processor, built_of
from lineshape.engine.job.trainings import parts_of
from lineshape.engine.job.varied import varied_of
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.planning.costs import PilotCosts
from lineshape.engine.planning.forecast import Forecast, ModelSteps, forecast_of
from lineshape.engine.planning.pilot import Reduce, pilot_of, placed, reduced
from lineshape.engine.running.recording import recorded
from lineshape.engine.running.run import Run, open_run, require_samples
from lineshape.engine.running.variations import SimulatorOf

#: Entries of the larger pilot: a share of the job's, and limits of it.
SHARE: Final = 0.125
FEWEST: Final = 20_000
MOST: Final = 200_000
#: The smaller pilot beside the larger one, and one before both, in which workers import what they need.
STEP: Final = 0.25
#: Seconds that the larger pilot may take, for all that is known from those before.
BUDGET: Final = 90.0


@dataclass(frozen=True)
class Planned:
    """Forecast of a job, and what it is made of.

    entries: of the job. pilot: of the larger pilot. workers: of the pilots. unknown: models of which no pace is known.
    notes: on its files. before: seconds of each stage of an earlier run, None without one.
    """

    forecast: Forecast
    entries: int
    pilot: int
    workers: int
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    before: Mapping[str, float] | None = None


@dataclass(frozen=True)
class _Files:
    """Files of the samples that have any, as requested and as found.

    records: under an empty name of the job, and of variations that have files of their own, by name and direction.
    """

    requests: Mapping[tuple[str, str], FileRequest]
    records: Mapping[str, Sequence[FileRecord]]
    notes: tuple[str, ...]


def plan(
    job: Job,
    folder: Path,
    like: Path | None,
    amounts: Mapping[str, int],
    reduce: Reduce,
    simulator_of: SimulatorOf,
    screen: Screen,
    client: Any = None,
    entries: int | None = None,
) -> Planned:
    """Forecast the cost of a job by two pilots on its cluster, which are removed again.

    folder: for the pilots, which all workers must see. like: run folder of an earlier run, whose trainings tell how
    many steps are made before they stop. amounts: of samples that are simulated. reduce: makes a simulation small.
    entries: of the larger pilot; by default an eighth of the job's within limits.

    Raises what the stages do.
    """
    require_samples(job)
    own = RunFolder(folder.absolute())
    try:
        with open_run(job, own.path / "catalogue", replace(screen, quiet=True), client) as run:
            files = _look(job, run)
            whole = sum(amounts.values()) + sum(record.entries for record in files.records.get("", ()))
            size = min(whole, entries or max(FEWEST, min(MOST, round(whole * SHARE))))
            costs: list[PilotCosts] = []
            for number, part in enumerate((STEP**2, STEP, 1.0)):
                share = size / whole * part
                if number == 2:
                    share = _within(BUDGET, share, costs)
                screen.say(f"pilot {number + 1} of 3", f"{round(whole * share):,} of {whole:,} entries")
                pilot = _pilot(pilot_of(job, share, reduce), share, own.path / f"pilot_{number}", files, run)
                costs.append(_costs(pilot, share, simulator_of))
            notes = [*files.notes]
            with costs[-1].stage("reporting", run.workers, grows=False):
                try:
                    pilot.report()
                except (RequestError, RunError) as error:  # no figure has enough objects
                    notes.append(f"the time of the report is not known, as that of the pilot failed: {error}")
            workers = run.workers.number
    finally:
        shutil.rmtree(own.path, ignore_errors=True)
    models = _models(job, like)
    unknown = tuple(name for name, each in models.items() if not any(one in costs[-1].paces for one in each.names))
    before = _before(like) if like else None
    forecast = forecast_of(costs[1], costs[2], models, workers)
    return Planned(forecast, whole, round(costs[-1].share * whole), workers, unknown, tuple(notes), before)


def _look(job: Job, run: Run) -> _Files:
    """Return the files of samples that have any."""
    requests: dict[tuple[str, str], FileRequest] = {}
    records: dict[str, Sequence[FileRecord]] = {}
    notes: list[str] = []
    jobs = {"": (job, [*job.samples])}
    jobs |= {each.key: (each.job(job), each.samples(job)) for each in varied_of(job) if each.variation.changes_files}
    with recorded(run.folder, run.screen, "catalogue") as stage:
        for key, (each, names) in jobs.items():
            of = {name: files for name in names if (files := each.samples[name].files)}
            if not of:
                continue
            bare, _ = build_processor(each)
            processor = built_of(bare, each.derived)
            place = run.folder.path / f"files_{key}"
            catalogue = look_into(each, processor, place, run.workers, stage.bars, of)
            asked = requests_of(each, processor, {name: expand(patterns) for name, patterns in of.items()})
            requests |= {(request.sample, request.source.path): request for request in asked}
            records[key] = catalogue.records
            notes += [*catalogue.notes, *(item.line for item in catalogue.quarantined)]
    return _Files(requests, records, tuple(dict.fromkeys(notes)))


def _pilot(job: Job, share: float, folder: Path, files: _Files, around: Run) -> Run:
    """Return the run of a small job on a share of the files, on the workers of another run."""
    own = RunFolder(folder)
    small = {key: reduced(records, share) for key, records in files.records.items()}
    return Run(placed(job, own, files.requests, small), own, around.workers, around.screen)


def _costs(run: Run, share: float, simulator_of: SimulatorOf) -> PilotCosts:
    """Run the stages of a small job but the report, and return what each of them cost."""
    costs, workers, since = PilotCosts(share), run.workers, time.time()
    with costs.stage("simulation", workers):
        found = run.simulate(simulator_of(run.job))
    with costs.stage("processing", workers):
        run.process(found)
    with costs.stage("training", workers):
        run.train()
    costs.note_trainings(workers.client, since)
    with costs.stage("histogramming", workers):
        run.histogram()
    if run.job.variations:
        with costs.stage("variations", workers):
            run.vary(found, simulator_of)
    costs.note_memory(workers)
    costs.note_disk(run.folder)
    return costs


def _within(budget: float, share: float, before: Sequence[PilotCosts]) -> float:
    """Return the share of the last pilot: the one that is wanted, or less, so that it takes no more than a budget, s.

    It is at least twice that of the pilot before it.
    """
    first, second = ((each.share, sum(stage.seconds for stage in each.stages.values())) for each in before)
    pace = max(second[1] - first[1], 0.0) / (second[0] - first[0])
    most = second[0] + (budget - second[1]) / pace if pace else share
    return min(share, max(most, 2 * second[0]))


def _models(job: Job, like: Path | None) -> dict[str, ModelSteps]:
    """Return the trainings of each model that has any, with the steps of an earlier run where there was one."""
    found = {}
    for name, model in job.built_models().items():
        if not model.trains or model.members():
            continue
        parts = parts_of(job, model.model_copy(update={"seeds": None}))
        made = (
            [len(read_history(like / "models" / Path(name, *part.path))) for part in parts_of(job, model)]
            if like
            else []
        )
        known = round(sum(made) / len(made)) if made else 0
        number = len(parts_of(job, model))
        names = tuple("_".join((name, *part.path)) for part in parts)
        found[name] = ModelSteps(names, number, known or model.most_steps, not known and model.stops_early)
    return found


def _before(like: Path) -> dict[str, float]:
    """Return the seconds of each stage of a run, as the stages of a pilot are called.

    Of those that were made several times it is the longest: what was there already was kept in others.
    """
    found: dict[str, float] = {}
    done = ledger.stages(RunFolder(like).ledger)
    for stage, records in groupby(done, lambda each: re.sub(r"^variation .*", "variations", each.stage)):
        found[stage] = max(found.get(stage, 0.0), sum(record.seconds for record in records))
    return found
