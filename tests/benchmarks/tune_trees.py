"""How the boosted regression tree was tuned: validation figures by objective, depth and rate.

    lineshape process tau_energy_scale && python tests/benchmarks/tune_trees.py [run folder]

Rounds are stopped early on the validation split in every case. The last column decides: the 68 % half-width of
estimate over truth on the validation split.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lineshape.engine.folders import RunFolder
from lineshape.engine.inputs import inputs_of
from lineshape.engine.learning.dataset import Dataset
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.jobs import job_files

SCAN = (
    {"objective": "squared_error"},
    {"huber_slope": 0.2},
    {"huber_slope": 0.1},
    {},
    {"depth": 5},
    {"depth": 7},
    {"rate": 0.05},
    {"rate": 0.2},
)


def main(folder: Path) -> None:
    job = job_files.load(folder if (folder / "job.json").is_file() else "tau_energy_scale")
    settings = job.models["brt"].settings
    inputs = inputs_of(job, job.built_models()["brt"])
    data = Dataset(RunFolder(folder).features, inputs.features, inputs.target, job.split)
    x, target = data.load("validation")
    print("| objective | slope | depth | rate | rounds | seconds | 68 % half-width |\n|---|---|---|---|---|---|---|")
    for change in SCAN:
        model = BoostedTrees.model_validate(settings | change)
        with tempfile.TemporaryDirectory() as place:
            start = time.monotonic()
            facts = model.train(data, Path(place), job.seed, lambda *_: None)
            seconds = time.monotonic() - start
            response = model.load(Path(place))(x.astype(float)).target / target
        low, high = np.quantile(response, [0.16, 0.84])
        slope = model.huber_slope if model.objective == "huber" else "–"
        print(
            f"| {model.objective} | {slope} | {model.depth} | {model.rate} | {facts['rounds']} | {seconds:.0f} | "
            f"{50 * (high - low):.3f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/tau_energy_scale"))
