"""Mergeable histograms: filled shard by shard, added in a fixed order, saved as UHI JSON and as ROOT files."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uhi.io.json
from numpy.typing import NDArray

from lineshape.engine.core.contents import is_weighted
from lineshape.engine.core.errors import RunError, reading
from lineshape.engine.core.files import replacing, write_json
from lineshape.engine.core.records import digest_of_file, read_record

#: Histograms by name.
Histograms = dict[str, hist.Hist[Any]]


def to_uhi(histogram: hist.Hist[Any]) -> dict[str, Any]:
    """Return the UHI serialisation of a histogram, as a JSON value."""
    value: dict[str, Any] = json.loads(json.dumps(histogram, default=uhi.io.json.default))
    return value


def from_uhi(value: dict[str, Any]) -> hist.Hist[Any]:
    """Return a histogram from its UHI serialisation."""
    return hist.Hist(json.loads(json.dumps(value), object_hook=uhi.io.json.object_hook))


class Serialiser:
    """UHI serialiser that caches the axes of histograms by name, for histograms that recur with the same axes.

    For a chunk with few entries, serialising the axes takes longer than serialising the contents.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def __call__(self, name: str, histogram: hist.Hist[Any]) -> dict[str, Any]:
        """Return the UHI serialisation of a histogram, equal to that of `to_uhi`."""
        # The dtype of the values determines UHI's storage type, and is faster to get than boost-histogram's own.
        values = histogram.view(flow=True)
        about = (histogram.axes, values.dtype, histogram.name, histogram.label, vars(histogram).get("metadata"))
        known, words = self._known.get(name, (None, {}))
        if known != about or words["storage"].keys() != {"type", "values"}:
            words = to_uhi(histogram)
            self._known[name] = (about, words)
            return words
        return words | {"storage": words["storage"] | {"values": values.tolist()}}


def counts(histogram: hist.Hist[Any]) -> NDArray[np.float64]:
    """Return the bin contents as floating-point numbers, flow bins included."""
    return np.asarray(histogram.values(flow=True), dtype=np.float64)


def as_weighted(histogram: hist.Hist[Any]) -> hist.Hist[Any]:
    """Return a histogram of counts as one of weights; others as they are."""
    if is_weighted(histogram):
        return histogram
    found = hist.Hist(*histogram.axes, storage=hist.storage.Weight())
    view: Any = found.view(flow=True)
    view.value = view.variance = histogram.values(flow=True)
    return found


def without_group(histogram: hist.Hist[Any], group: int | None) -> hist.Hist[Any]:
    """Return a histogram without the entries of one group of the jackknife, all others as one group; None: of all."""
    *axes, groups = histogram.axes
    one = hist.axis.Integer(0, 1, name=groups.name, label=groups.label, flow=False)
    storage = hist.storage.Weight() if is_weighted(histogram) else hist.storage.Double()
    found = hist.Hist(*axes, one, storage=storage)
    own: Any = histogram.view(flow=True)
    view: Any = found.view(flow=True)
    parts = [(view.value, own.value), (view.variance, own.variance)] if is_weighted(histogram) else [(view, own)]
    for contents, of in parts:
        contents[..., 0] = of.sum(axis=-1) if group is None else of.sum(axis=-1) - of[..., group]
    return found


def merge(parts: Iterable[Mapping[str, hist.Hist[Any]]]) -> Histograms:
    """Return the sums of histograms with the same names, added in the order given.

    Raises RunError where the axes of one differ from those of the parts before it.
    """
    total: Histograms = {}
    for part in parts:
        for name, histogram in part.items():
            try:
                total[name] = total[name] + histogram if name in total else histogram.copy()
            except ValueError as error:
                raise RunError(
                    f"histogram '{name}' has other axes in one part of the data than in another: a processor must "
                    "choose axes that do not depend on the events"
                ) from error
    return total


def save_part(path: Path, histograms: Mapping[str, hist.Hist[Any]]) -> None:
    """Save the non-empty bins of histograms of counts or weights; the axes are not saved, as the reader knows them."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, histogram in histograms.items():
        weighted = is_weighted(histogram)
        values = np.asarray(histogram.values(flow=True)).ravel(order="F")
        squares = np.asarray(histogram.variances(flow=True)).ravel(order="F") if weighted else values
        filled = np.flatnonzero(squares)
        arrays[f"{name}|bins"] = filled.astype(np.uint32)
        if weighted:
            arrays[f"{name}|weights"], arrays[f"{name}|squares"] = values[filled], squares[filled]
        else:
            arrays[f"{name}|counts"] = values[filled].astype(np.int64)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def add_part(path: Path, totals: Mapping[str, hist.Hist[Any]]) -> None:
    """Add the contents saved by `save_part` to histograms with the same axes."""
    # Opened here: numpy leaves a file open that turns out to be damaged.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        for name, histogram in totals.items():
            view = histogram.view(flow=True)
            flat = view.reshape(-1, order="F")
            assert np.shares_memory(flat, view), "a histogram's bins must be one block of memory"
            bins = arrays[f"{name}|bins"]
            if is_weighted(histogram):
                plain: NDArray[Any] = np.asarray(flat)
                plain["value"][bins] += arrays[f"{name}|weights"]
                plain["variance"][bins] += arrays[f"{name}|squares"]
            else:
                flat[bins] += arrays[f"{name}|counts"]


def save_root(path: Path, histograms: Mapping[str, hist.Hist[Any]]) -> None:
    """Write histograms to a ROOT file under their names; those of more than three axes, unknown to ROOT, are sliced."""
    import uproot

    with replacing(path) as temporary, uproot.recreate(temporary) as file:
        for name, histogram in chain.from_iterable(_slices(*item) for item in histograms.items()):
            # ROOT's histograms hold floating-point numbers; integers below 2⁵³ stay exact.
            as_double = hist.Hist(*histogram.axes, storage=hist.storage.Double())
            as_double.view(flow=True)[...] = histogram.values(flow=True)
            file[name] = histogram if is_weighted(histogram) else as_double


def _slices(name: str, histogram: hist.Hist[Any]) -> Iterator[tuple[str, hist.Hist[Any]]]:
    """Yield a histogram of up to three axes as it is, else one per bin of each further axis, named by the bin."""
    if histogram.ndim <= 3:
        yield name, histogram
        return
    last = histogram.axes[-1]
    for i in range(len(last)):
        part = histogram[(..., i)]
        assert isinstance(part, hist.Hist)
        yield from _slices(f"{name}_{last.name}{i}", part)


def save_control(folder: Path, samples: Mapping[str, Histograms]) -> str:
    """Write each sample's control histograms to control.json (UHI) and control.root; return the former's digest."""
    write_json(
        folder / "control.json",
        {sample: {name: to_uhi(h) for name, h in histograms.items()} for sample, histograms in samples.items()},
    )
    save_root(
        folder / "control.root",
        {f"{s}/{name}": h for s, histograms in samples.items() for name, h in histograms.items()},
    )
    return digest_of_file(folder / "control.json")


def load_control(folder: Path, digest: str = "") -> dict[str, Histograms]:
    """Return the histograms written by `save_control`.

    digest: expected digest of control.json; empty: not checked.

    Raises RunError where the file is damaged, or its digest differs from the expected one.
    """
    path, again = folder / "control.json", "run 'lineshape process' again, which writes it anew from the shards"
    with reading(path, again):
        if digest and digest_of_file(path) != digest:
            raise ValueError("its content is not what was written")
        kept = read_record(path, dict[str, dict[str, dict[str, Any]]], again)
        return {
            sample: {name: from_uhi(value) for name, value in histograms.items()} for sample, histograms in kept.items()
        }
