"""Derived columns: predictions of another study's bundle for each object, used like a quantity of the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.equal_bins import require_range
from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.input.processor import Selected, Selects, control_histograms
from lineshape.engine.job.job_file import YamlSource
from lineshape.engine.learning.bundles import FILE, Bundle

if TYPE_CHECKING:
    import awkward as ak
    import hist
    from coffea.nanoevents.methods.base import NanoEvents


class Derived(Settings):
    """A column that holds a bundle's prediction for each object."""

    bundle: Path
    """Folder of the bundle, such as runs/STUDY/models/MODEL; it is saved as an absolute path."""
    label: str = ""
    """Axis label of the column, in mathtext; empty: its name."""
    unit: str = ""
    """Unit of the prediction, such as GeV; empty: dimensionless."""
    low: float
    """Lower edge of the column's control histogram, in its unit."""
    high: float
    """Upper edge of the column's control histogram, in its unit; must be greater than `low`."""
    bins: Annotated[int, Field(gt=0)] = 50
    """Number of bins of the column's control histogram."""
    density_ratio: bool = False
    """Whether it is p/(1 − p) of the probability p of the first class: the ratio of the densities of both classes, by
    which rows of the second, such as simulation, are weighted to be distributed as the first, such as data. The bundle
    must be of two classes that had the same sum of weights in its training (`balance: true`).
    """
    most: Annotated[float, Field(gt=0)] | None = None
    """Largest value: what is above takes it, and is counted; null: none."""
    may_have_seen: bool = False
    """Whether to accept a bundle that does not record which events it was trained on.
    They may then be among those that it is measured on here.
    """

    @field_validator("bundle")
    @classmethod
    def _wherever_it_is_read(cls, bundle: Path) -> Path:
        return bundle.resolve()

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        require_range(self.low, self.high)
        return self

    def metadata(self, name: str) -> Column:
        """Return the column's metadata, as processors declare theirs."""
        return Column(self.label or name, self.unit, self.low, self.high, self.bins)

    def values(self, table: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the column for objects with these columns."""
        found = np.asarray(self.loaded.predict(table).estimate, dtype=np.float64)
        if self.density_ratio:
            with np.errstate(divide="ignore"):
                found = found / (1 - found)
        return found if self.most is None else np.minimum(found, self.most)

    def require_known(self, name: str, seen: Seen) -> None:
        """Raise RequestError where the events trained on are not known, and that is not accepted."""
        if seen.unknown and not self.may_have_seen:
            raise RequestError(
                f"'{name}': it is not known which events {listing(seen.unknown)} was trained on, and they may be those "
                "that it is measured on here; train it again by 'lineshape train', or accept it by "
                f"'may_have_seen: true' under derived.{name}"
            )

    @property
    def seen(self) -> Seen:
        """Record of the events that the bundle was trained on."""
        bundle = self.loaded
        return bundle.seen or Seen(unknown=(str(bundle.folder),))

    @property
    def loaded(self) -> Bundle:
        """The bundle; raises RequestError where there is none."""
        file = self.bundle / FILE
        return _loaded(self.bundle, file.stat().st_mtime_ns if file.is_file() else 0)


@cache
def _loaded(folder: Path, _written: int) -> Bundle:
    """Load a bundle, once per process for each time that it was written."""
    return Bundle.load(folder)


@dataclass(frozen=True)
class Deriving:
    """A processor with derived columns added to its objects."""

    processor: Selects
    columns: Mapping[str, Derived]

    @property
    def inputs(self) -> Mapping[str, str | tuple[str | None, ...]]:
        """Inputs of the processor."""
        return self.processor.inputs

    @property
    def schema(self) -> Any:
        """Schema of the processor's events; None where it declares columns."""
        return getattr(self.processor, "schema", None)

    @cached_property
    def outputs(self) -> Mapping[str, Column]:
        """Outputs of the processor, and the derived columns."""
        return {**self.processor.outputs, **{name: column.metadata(name) for name, column in self.columns.items()}}

    def process(self, events: "NanoEvents") -> Selected:
        """Return what the processor selects, with the derived columns added."""
        import awkward as ak

        selected = self.processor.process(events)
        table = {name: _plain(values) for name, values in selected.columns.items()}
        found = {name: ak.Array(each.values(table)) for name, each in self.columns.items()}
        histograms = control_histograms(found, self.outputs)
        for name, each in self.columns.items():
            if each.most is not None:
                histograms[limited(name)] = _at_limit(name, found[name], each.most)
        return Selected(selected.columns | found, selected.cut_flow, selected.histograms | histograms)


def limited(name: str) -> str:
    """Return the name of the control histogram of how many values of a derived column are at its limit."""
    return f"{name} at its limit"


def _at_limit(name: str, values: "ak.Array", most: float) -> "hist.Hist[Any]":
    import awkward as ak
    import hist

    axis = hist.axis.Regular(2, -0.5, 1.5, name="limited", label=limited(name))
    return hist.Hist(axis, storage=hist.storage.Int64()).fill((ak.to_numpy(values) >= most).astype(float))


def require(processor: Selects, columns: Mapping[str, Derived]) -> None:
    """Raise SettingsError where a bundle is missing or needs a column that the processor does not make."""
    for name, column in columns.items():
        try:
            _require(processor, name, column)
        except RequestError as error:
            raise SettingsError.at(("derived", name), str(error)) from error


def _require(processor: Selects, name: str, column: Derived) -> None:
    if name in {*processor.outputs, "event"}:
        raise RequestError(f"'{name}' is a column of the processor already; call it something else")
    bundle = column.loaded
    column.require_known(name, column.seen)
    given = bundle.gives
    if len(given) > 1:
        raise RequestError(f"bundle {bundle.name} gives a vector ({', '.join(given)}), and a column is one number")
    if column.density_ratio:
        _require_density(bundle)
    for needed in bundle.columns:
        if needed not in {*processor.outputs, "event"}:
            raise RequestError(
                f"bundle {bundle.name} needs column '{needed}', which the processor does not make"
                f"{nearest(needed, processor.outputs)}"
            )


def _require_density(bundle: Bundle) -> None:
    """Raise RequestError where a bundle's estimate over one less it is no ratio of densities."""
    if not bundle.built.learns_labels:
        raise RequestError(f"density_ratio: bundle {bundle.name} is no classifier: expected one of two classes")
    weight = bundle.model.settings.get("weight")
    if not (isinstance(weight, Mapping) and weight.get("classes")):
        raise RequestError(
            f"density_ratio: the classes of bundle {bundle.name} did not have the same sum of weights in its training, "
            "so that p/(1 − p) is not the ratio of their densities: train it with 'weight: {training: {balance: true}}'"
        )


def require_no_circle(columns: Mapping[str, Derived], run: Path) -> None:
    """Raise SettingsError where a run into a folder would retrain a bundle that its own derived columns come from.

    The dependence may be direct, or through the derived columns that the bundle itself was trained on.
    """
    pending: list[tuple[str, Path, tuple[Path, ...]]]
    pending = [(name, column.bundle, (column.bundle,)) for name, column in columns.items()]
    seen: set[Path] = set()
    while pending:
        name, bundle, way = pending.pop()
        if bundle.is_relative_to(run.resolve()):
            by = f", by way of {' → '.join(map(str, way))}" if len(way) > 1 else ""
            text = f"the column comes from {bundle}{by}, which this run makes anew: name another run folder with -o"
            raise SettingsError.at(("derived", name), text)
        job = bundle.parent.parent / "job.json"
        if bundle in seen or not job.is_file():
            continue
        seen.add(bundle)
        own = YamlSource.read(job).values.get("derived")
        told = [each for each in own.values() if isinstance(each, dict)] if isinstance(own, dict) else []
        pending += [(name, path, (*way, path)) for path in (Path(str(each.get("bundle"))) for each in told)]


def mark(columns: Mapping[str, Derived]) -> str:
    """Return a digest of the bundles and of their columns' metadata; empty where there are none."""
    about = [
        (name, each.model_dump(mode="json", exclude={"bundle", "may_have_seen"}), each.loaded)
        for name, each in columns.items()
    ]
    return digest([(name, means, bundle.digest) for name, means, bundle in about]) if columns else ""


def _plain(values: "ak.Array") -> object:
    import awkward as ak

    return np.asarray(ak.to_numpy(values)) if values.layout.is_numpy else Jagged.of(values)
