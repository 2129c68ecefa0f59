"""Put other values into columns of events, and follow them in the missing momentum."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import with_columns
from lineshape.engine.variations.amount import Amount, column_of, columns_of

if TYPE_CHECKING:
    import awkward as ak


class MissingMomentum(Settings):
    """Columns of the missing transverse momentum, which takes the opposite of what momenta are changed by."""

    pt: str
    """Column of its size, one number an event."""
    phi: str
    """Column of its azimuth, in rad."""
    of: str
    """Column of the transverse momenta that are changed, one of the variation's `columns`."""
    azimuth: str
    """Column of the azimuth of these, in rad."""

    def names(self) -> list[str]:
        """Return the columns that it reads."""
        return [self.pt, self.phi, self.of, self.azimuth]


def altered(columns: Sequence[str], missing: MissingMomentum | None) -> list[str]:
    """Return the columns that change with some columns: these, and those of the missing momentum."""
    return [*columns, *([missing.pt, missing.phi] if missing else [])]


def read(columns: Sequence[str], missing: MissingMomentum | None, *amounts: Amount | None) -> list[str]:
    """Return the columns that are read to change some columns by amounts."""
    needed = [*columns, *(missing.names() if missing else [])]
    return list(dict.fromkeys([*needed, *(name for amount in amounts for name in columns_of(amount))]))


def scaled(
    events: Any, columns: Sequence[str], factor: "ak.Array | float", missing: MissingMomentum | None = None
) -> Any:
    """Return the events with columns multiplied by a factor, of the type that they have."""
    return _altered(events, columns, lambda values: values * factor, missing)


def added(
    events: Any, columns: Sequence[str], amount: "ak.Array | float", missing: MissingMomentum | None = None
) -> Any:
    """Return the events with an amount added to columns, of the type that they have."""
    return _altered(events, columns, lambda values: values + amount, missing)


def _altered(
    events: Any, columns: Sequence[str], change: "Callable[[ak.Array], ak.Array]", missing: MissingMomentum | None
) -> Any:
    import awkward as ak
    import numpy as np

    found: dict[str, ak.Array] = {}
    for name in columns:
        values = column_of(events, name)
        own = np.asarray(ak.to_numpy(ak.flatten(values[:0], axis=None))).dtype
        changed = change(values)
        found[name] = ak.values_astype(changed, own) if own.kind == "f" else changed
    if missing:
        found |= _propagated(events, found[missing.of], missing)
    return with_columns(events, found)


def _propagated(events: Any, changed: "ak.Array", missing: MissingMomentum) -> Mapping[str, "ak.Array"]:
    """Return size and azimuth of the missing momentum after momenta were changed; of other events as they were."""
    import awkward as ak
    import numpy as np

    azimuth = column_of(events, missing.azimuth)
    added = changed - column_of(events, missing.of)
    px, py = added * np.cos(azimuth), added * np.sin(azimuth)
    if px.ndim > 1:
        px, py = ak.sum(px, axis=-1), ak.sum(py, axis=-1)
    pt, phi = (ak.to_numpy(ak.flatten(column_of(events, name), axis=None)) for name in (missing.pt, missing.phi))
    x, y = pt * np.cos(phi) - ak.to_numpy(px), pt * np.sin(phi) - ak.to_numpy(py)
    moved = (ak.to_numpy(px) != 0) | (ak.to_numpy(py) != 0)
    size, angle = np.hypot(x, y).astype(pt.dtype), np.arctan2(y, x).astype(phi.dtype)
    found = {missing.pt: np.where(moved, size, pt), missing.phi: np.where(moved, angle, phi)}
    return {name: _like(values, column_of(events, name)) for name, values in found.items()}


def _like(values: Any, column: "ak.Array") -> "ak.Array":
    """Return numbers, one an event, as a column of numbers or of lists of one."""
    import awkward as ak
    import numpy as np

    return ak.unflatten(values, np.ones(len(values), dtype=np.int64)) if column.ndim > 1 else ak.Array(values)
