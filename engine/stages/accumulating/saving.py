"""Save the sum of a dataset where physicists look for it: coffea's own file, and its histograms as ROOT and UHI."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boost_histogram
import hist

from lineshape.engine.accumulators.part import AccumulatorPart
from lineshape.engine.core.errors import listing
from lineshape.engine.core.files import replacing, write_json
from lineshape.engine.core.histograms import save_root, to_uhi
from lineshape.engine.core.records import find_record, save_record
from lineshape.engine.results.contents import file_name

#: Characters with a meaning in names of objects in ROOT files.
_NOT_IN_ROOT: Final = re.compile(r"[:;]")


@dataclass(frozen=True)
class _SavedFrom:
    """Name of the sum that files were made from."""

    sum: str


@dataclass(frozen=True)
class Saver:
    """Writer of the files of datasets. folder: that they are written to. accepted: types that are pickled."""

    folder: Path
    accepted: tuple[str, ...]

    def is_done(self, dataset: str, path: Path) -> bool:
        """Return whether the files were made from this sum."""
        known = find_record(self._index(dataset), _SavedFrom)
        return known is not None and known.sum == path.stem

    def __call__(self, item: tuple[str, Path]) -> list[str]:
        """Write the files of a dataset from its sum; return notes on what is in none of them."""
        dataset, path = item
        notes = save_value(self.folder, file_name(dataset), AccumulatorPart.load(path, self.accepted).value)
        save_record(self._index(dataset), {"sum": path.stem})
        return notes

    def _index(self, dataset: str) -> Path:
        return self.folder / f"{file_name(dataset)}.saved.json"


def save_value(folder: Path, name: str, value: Any) -> list[str]:
    """Write an accumulator as name.coffea, and the histograms in it as name.root and name.json (UHI).

    Returns notes on histograms that ROOT's file lacks.
    """
    import coffea.util

    with replacing(folder / f"{name}.coffea") as temporary:
        coffea.util.save(value, temporary)
    histograms = dict(histograms_in(value))
    write_json(folder / f"{name}.json", {key: to_uhi(each) for key, each in histograms.items()})
    # Of means ROOT would show the values as if they were contents.
    plain = {key: each for key, each in histograms.items() if each.kind == boost_histogram.Kind.COUNT}
    save_root(folder / f"{name}.root", {_NOT_IN_ROOT.sub("_", key): each for key, each in plain.items()})
    others = [key for key in histograms if key not in plain]
    return [f"{name}.root lacks histograms of means, which {name}.json has: {listing(others, 5)}"] if others else []


def histograms_in(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, hist.Hist[Any]]]:
    """Yield the histograms of an accumulator by their keys, joined by slashes."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from histograms_in(each, (*path, str(key).replace("/", "_")))
    elif isinstance(value, boost_histogram.Histogram):
        yield "/".join(path) or "histogram", value if isinstance(value, hist.Hist) else hist.Hist(value)
