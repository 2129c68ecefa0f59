"""Check that an exported file predicts what its bundle does, on rows of the study and on extreme and missing values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.row_selection import meeting
from lineshape.engine.export.format import Values
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle

#: Number of rows to compare on.
ROWS: Final = 10_000
#: Largest relative difference that is allowed where float32's own error is smaller.
TOLERANCE: Final = 1e-5
#: Factor on float32's own error: another runtime's may be larger (onnxruntime's was five times, in one row of 10,000).
ROUNDING: Final = 8
#: Factor of an extreme value on the largest and smallest value there is.
BEYOND: Final = 10.0


@dataclass(frozen=True)
class Parity:
    """Result of a comparison: the number of rows, and the largest difference of each output, relative to the output.

    An output below its median size is compared with that size: a probability of 10⁻⁹ in float32 has no five digits.
    rounded: number of rows of each output that differ by more than TOLERANCE because float32 itself is less precise
    there.
    """

    rows: int
    differences: dict[str, float]
    rounded: dict[str, int]


def compare(expected: Values, found: Values, rounding: Callable[[NDArray[np.int64]], Values]) -> Parity:
    """Compare outputs with the expected ones; a value that is missing must be missing in both.

    rounding: function that returns float32's own errors in the outputs of rows with these numbers. Where extreme values
    cancel that is more than the tolerance: such a value, and no other, may differ by ROUNDING times as much.

    Raises RunError that names the output and the row where they differ by more.
    """
    if set(expected) != set(found):
        raise RunError(f"the file gives {', '.join(found)}, where {', '.join(expected)} was expected")
    differences, rounded = {}, {}
    for name, wanted in expected.items():
        got = np.asarray(found[name], dtype=np.float64)
        if got.shape != wanted.shape:
            raise RunError(f"output {name} has shape {got.shape}, where {wanted.shape} was expected")
        size = _size(wanted)
        off = _off(got, wanted, size)
        differences[name] = float(off.max(initial=0.0))
        doubtful = np.flatnonzero((off > TOLERANCE).reshape(len(off), -1).any(axis=1))
        rounded[name] = len(doubtful)
        if not len(doubtful):
            continue
        tolerance = np.maximum(TOLERANCE, ROUNDING * rounding(doubtful)[name] / size[doubtful])
        off = off[doubtful]
        if (off > tolerance).any():
            worst = np.unravel_index((off / tolerance).argmax(), off.shape)
            row = int(doubtful[worst[0]])
            raise RunError(
                f"parity failed: output {name} differs by {off[worst]:.2g}, more than {tolerance[worst]:.2g}, "
                f"in row {row}: the file gives {got[row]}, the bundle {wanted[row]}"
            )
    return Parity(len(next(iter(expected.values()))), differences, rounded)


def _size(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the size that each value's difference is relative to: its own, or the median one where that is larger."""
    there = np.isfinite(wanted)
    median = float(np.median(np.abs(wanted[there]))) if there.any() else 1.0
    return np.where(there, np.maximum(np.abs(wanted), median or 1.0), 1.0)


def _off(got: NDArray[np.float64], wanted: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the difference of each value over its size, infinite where one is missing and the other is not."""
    with np.errstate(invalid="ignore"):
        off = np.abs(got - wanted) / size
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    off = np.where(np.isfinite(wanted), off, np.where(same, 0.0, np.inf))
    return np.where(np.isnan(off), np.inf, off)


def trial_rows(store: FeatureStore, bundle: Bundle, rows: int = ROWS, seed: int = 1) -> dict[str, Any]:
    """Return columns of rows to compare on, from the study; half of the rows have one value made extreme or missing.

    Rows of the study are repeated where there are too few. In each row of that half one column is changed: to ten times
    the largest or smallest value there is, to zero, or to a missing value. In lists all values are scaled alike, and in
    every tenth row they are empty. Raises RequestError where the feature store has no rows.
    """
    random = np.random.default_rng(seed)
    columns = _from_store(store, bundle, rows)
    count = len(next(iter(columns.values())))
    if not count:
        raise RequestError("the feature store has no rows to compare the export on")
    taken = np.arange(rows) % count
    lists = [name for name in bundle.columns if isinstance(columns[name], Jagged)]
    flat = [name for name in bundle.columns if name not in lists]
    found: dict[str, Any] = {name: columns[name][taken].astype(np.float32) for name in flat}
    changed = np.arange(rows) >= rows // 2
    which, how = random.integers(len(flat), size=rows), random.integers(4, size=rows)
    for number, name in enumerate(flat):
        values = found[name]
        finite = values[np.isfinite(values)]
        low, high = (BEYOND * finite.min(), BEYOND * finite.max()) if len(finite) else (-BEYOND, BEYOND)
        for kind, value in enumerate((low, high, 0.0, np.nan)):
            values[changed & (which == number) & (how == kind)] = value
    if not lists:
        return found
    factor = np.where(changed, random.choice([1.0, BEYOND], rows), 1.0)
    empty = np.arange(rows) % 10 == 9
    for name in lists:
        found[name] = _changed(columns[name], taken, factor, empty)
    return found


def _changed(lists: Jagged, taken: NDArray[Any], factor: NDArray[Any], empty: NDArray[np.bool_]) -> Jagged:
    chosen = lists[taken]
    counts = np.diff(chosen.offsets)
    kept = np.repeat(~empty, counts)
    content = (chosen.content * np.repeat(factor, counts))[kept]
    return Jagged.counted(counts * ~empty, content.astype(np.float32))


def _from_store(store: FeatureStore, bundle: Bundle, rows: int) -> Mapping[str, Any]:
    """Return the first rows that meet the model's conditions, as many as asked for or as there are."""
    tables: list[Mapping[str, Any]] = []
    found = 0
    for table in store.tables(bundle.columns):
        good = np.flatnonzero(meeting(bundle.built.within, table, len(next(iter(table.values())))))
        tables.append({name: values[good] for name, values in table.items()})
        found += len(good)
        if found >= rows:
            break
    joined = {}
    for name in bundle.columns:
        parts = [table[name] for table in tables]
        joined[name] = Jagged.joined(parts) if isinstance(parts[0], Jagged) else np.concatenate(parts)
    return joined
