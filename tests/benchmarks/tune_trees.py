"""How the boosted regression tree was tuned: validation figures by objective, depth, columns a tree and rate.

    lineshape process tau_energy_scale && python -m tests.benchmarks.tune_trees [run folder]

Rounds are stopped early on the validation split in every case. The last column decides: the 68 % half-width of
estimate over truth on the validation split.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from lineshape.engine.folders import RunFolder
from lineshape.engine.inputs import inputs_of
from lineshape.engine.learning.dataset import Dataset
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.work import Work
from lineshape.jobs import job_files

SCAN: tuple[dict[str, object], ...] = (
    {},
    {"rate": 0.1},
    {"rate": 0.025, "rounds": 16_000},
    {"columns": 1.0},
    {"depth": 5},
    {"depth": 7},
    {"huber_slope": 0.1},
    {"objective": "squared_error"},
)


def main(folder: Path) -> None:
    job = job_files.load(folder if (folder / "job.json").is_file() else "tau_energy_scale")
    settings = job.models["brt"].settings
    inputs = inputs_of(job, job.built_models()["brt"])
    data = Dataset(RunFolder(folder).features, inputs.features, inputs.target, job.split)
    parts = list(data.parts("validation"))
    x, target = np.concatenate([x for x, _, _ in parts]), np.concatenate([t for _, t, _ in parts])
    print("| objective | slope | depth | columns | rate | rounds | 68 % half-width |\n|---|---|---|---|---|---|---|")
    for change in SCAN:
        model = BoostedTrees.model_validate(settings | change)
        with tempfile.TemporaryDirectory() as place:
            work = Work("brt", job.models["brt"], data, job.seed, Path(place) / "bundle", Path(place) / "scratch")
            facts = model.train(work, lambda *_: None)
            response = model.load(work.folder)(x.astype(float), {}).target / target
        low, high = np.quantile(response, [0.16, 0.84])
        slope = model.huber_slope if model.objective == "huber" else "–"
        print(
            f"| {model.objective} | {slope} | {model.depth} | {model.columns} | {model.rate} | {facts['rounds']} | "
            f"{50 * (high - low):.3f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/tau_energy_scale"))
