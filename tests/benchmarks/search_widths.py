"""68 % half-widths on the validation split of what a search kept: the best settings and the job file's, by seed.

lineshape search tau_energy_scale brt && python -m tests.benchmarks.search_widths runs/tau_energy_scale brt
"""

import json
import sys
from pathlib import Path

import numpy as np

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Split
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.loading import load_job
from lineshape.engine.learning.bundles import Bundle


def main(folder: Path, model: str) -> None:
    run = RunFolder(folder)
    job, place = load_job(run.job), run.search(model)
    trials = [
        trial
        for trial in json.loads((place.path / "search.json").read_text(encoding="utf-8"))["trials"]
        if trial["loss"] is not None
    ]
    best = min(trials, key=lambda trial: trial["loss"])["number"]
    groups = {
        "job file": [place.models / "trial_000", *sorted(place.models.glob("job_file_*"))],
        "best": [place.models / f"trial_{best:03d}", *sorted(place.models.glob("best_*"))],
    }
    for name, folders in groups.items():
        bundles = [Bundle.load(path) for path in folders]
        widths = [half_68(bundle, FeatureStore.load(run.features), job.split) for bundle in bundles]
        losses = [bundle.provenance["validation_loss"] for bundle in bundles]
        error = np.std(widths, ddof=1) / np.sqrt(len(widths)) if len(widths) > 1 else np.nan
        print(
            f"{name}, {len(bundles)} seeds: loss {np.mean(losses):.6f}, "
            f"68 % half-width {100 * np.mean(widths):.3f} ± {100 * error:.3f} %"
        )


def half_68(bundle: Bundle, store: FeatureStore, split: Split) -> float:
    """(q84 − q16)/2 of estimate over truth."""
    parts = []
    for table in store.tables(sorted({*bundle.columns, bundle.target.truth, "event"})):
        rows = split.of(table["event"])["validation"]
        chosen = {name: values[rows] for name, values in table.items()}
        parts.append(bundle.predict(chosen).estimate / chosen[bundle.target.truth])
    low, high = np.quantile(np.concatenate(parts), [0.16, 0.84])
    return float(high - low) / 2


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
