"""Performance histograms: merged, per sample, of every model and measure; on disk for this program and for others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lineshape.engine.errors import RequestError
from lineshape.engine.files import read_json, write_json
from lineshape.engine.histograms import Histograms, add_part, save_part, save_root, to_uhi
from lineshape.engine.measures.measure import Measure
from lineshape.engine.shards import FeatureStore

_INDEX = "measured.json"


@dataclass(frozen=True)
class Performance:
    """For each sample its histograms, named model/measure/histogram.

    split: the objects measured on, `test`, or `all` where no model was trained on any of them.
    """

    samples: dict[str, Histograms]
    models: tuple[str, ...]
    split: str

    @classmethod
    def empty(
        cls, store: FeatureStore, models: Iterable[str], measures: Mapping[str, Measure], split: str
    ) -> "Performance":
        """Histograms with nothing in them, for each sample of a feature store."""
        models = tuple(models)
        samples = {
            sample: {
                f"{model}/{name}/{key}": histogram
                for model in models
                for name, measure in measures.items()
                for key, histogram in measure.empty(store.columns).items()
            }
            for sample in store.samples
        }
        return cls(samples, models, split)

    def save(self, folder: Path) -> None:
        """Keep everything, and without the jackknife's groups as performance.root and performance.json (UHI)."""
        flat: Histograms = {}
        for sample, histograms in self.samples.items():
            save_part(folder / f"{sample}.npz", histograms)
            for name, histogram in histograms.items():
                axes = [axis.name for axis in histogram.axes if axis.name != "group"]
                flat[f"{sample}/{name}"] = histogram.project(*axes)
        save_root(folder / "performance.root", flat)
        write_json(folder / "performance.json", {name: to_uhi(histogram) for name, histogram in flat.items()})
        write_json(folder / _INDEX, {"models": self.models, "samples": list(self.samples), "split": self.split})

    @classmethod
    def load(cls, folder: Path, store: FeatureStore, measures: Mapping[str, Measure]) -> "Performance":
        """What `save` kept; raises RequestError where there is nothing."""
        if not (folder / _INDEX).is_file():
            raise RequestError(f"no histograms in {folder}: run 'lineshape histogram' first")
        index = read_json(folder / _INDEX)
        performance = cls.empty(store, index["models"], measures, index["split"])
        for sample, histograms in performance.samples.items():
            add_part(folder / f"{sample}.npz", histograms)
        return performance

    def of(self, sample: str, model: str, measure: str) -> Histograms:
        """Histograms of one measure of one model on one sample, by their names."""
        start = f"{model}/{measure}/"
        return {
            name.removeprefix(start): histogram
            for name, histogram in self.samples[sample].items()
            if name.startswith(start)
        }
