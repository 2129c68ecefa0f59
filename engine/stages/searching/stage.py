"""Try settings of a model that the job file leaves open, by loss on the feature store's validation split."""

from collections.abc import Callable

import numpy as np

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import FILE, Bundle
from lineshape.engine.learning.search import Found, try_settings, value_at
from lineshape.engine.stages.searching.plots import draw_search

#: Function that trains all models of a job into a folder.
TrainAll = Callable[[Job, RunFolder], None]


def search(job: Job, folder: RunFolder, model: str, train_all: TrainAll, bars: Bars) -> Found:
    """Try settings, and write search.json and search.png into the model's folder of trials.

    Raises RequestError where the job file defines no search for the model, or where no trial could be trained.
    """
    if model not in job.search:
        known = ", ".join(job.search) or "none"
        raise RequestError(f"the job file has no search for model '{model}' (search: {known}): say where to look there")
    asked, place = job.search[model], folder.search(model)
    built = job.built_models()[model].model_dump(mode="json")
    problems: list[str] = []
    bar = bars.add(f"trials of {model}", asked.trials + 2 * asked.repeats)

    def losses_of(models: dict[str, KindSpec], seed: int) -> dict[str, float]:
        specs = {name: spec.model_dump(mode="json") for name, spec in models.items()}
        changes = {"models": specs, "baseline": next(iter(models)), "claims": {}, "search": {}, "seed": seed}
        trials = Job.model_validate(job.model_dump(mode="json") | changes)
        try:
            train_all(trials, place)
        except RunError as error:
            problems.append(str(error))
        bar.advance(len(models))
        done = [name for name in models if (place.models / name / FILE).is_file()]
        return {name: float(Bundle.load(place.models / name).provenance["validation_loss"]) for name in done}

    current = {name: value_at(built, name) for name in asked.space}
    found = try_settings(asked, job.models[model], current, job.seed, losses_of)
    trials = [vars(trial) for trial in found.trials]
    write_json(place.path / "search.json", {"trials": trials, "repeats": found.repeats, "problems": problems})
    draw_search(found, place.path, model)
    return found


def said(found: Found, place: RunFolder) -> str:
    """Return a summary of the best settings, and of how they and the job file's do with other seeds."""
    lines = [f"best of {len(found.trials)} trials, by validation loss {found.best.loss:.5g}:"]
    settings = found.best.settings.items()
    lines += [
        f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}" for name, value in settings
    ]
    for name, losses in found.repeats.items():
        if losses:
            spread = f" ± {np.std(losses, ddof=1):.1g}" if len(losses) > 1 else ""
            lines.append(f"  {name}, with {len(losses)} other seeds: {np.mean(losses):.5g}{spread}")
    return "\n".join([*lines, f"  all of them: {place.path}/search.json and search.png"])
