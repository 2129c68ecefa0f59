"""Choose columns for a first study, with names, labels, units and ranges found from the data."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.starting.file_survey import Branch, Survey

#: Features of a first study at most: those that tell most of the target, one by one.
MOST: Final = 12
#: Words in the name of a branch that may hold the truth, a weight or bookkeeping: not for a model to learn from.
NOT_FEATURES: Final = re.compile(
    r"truth|true|(?:^|[^a-z])(?:gen|mc|lhe)|(?-i:Gen(?=[A-Z_]|$))|label|weight|scale(?!momentum)|pdf|number|(?:^|[^a-z])run|lumi|bunch"
    r"|uniqueid|fbits|index|idx|barcode|link|status|pdgid",
    re.IGNORECASE,
)
_MOMENTUM: Final = re.compile(
    r"(?i:(?:^|[_.])(?:pt|et|e|m|mass|energy|met|ht|p)(?:$|[_\d]))|[a-z](?:P[tT]|E[tT]|E|M|Mass|Energy)(?:$|[_\d])"
)
#: Largest median, in GeV, that a momentum may have: beyond it the branch is taken to be in MeV, as ATLAS's formats are.
_MEV: Final = 2_000.0


@dataclass(frozen=True)
class ChosenColumn:
    """A column of a first study: its name, the branch that it is read from, its unit and the range of its histogram.

    scale: what the branch's values are divided by. power: how much it alone tells of the target, 0 to 1.
    """

    name: str
    branch: Branch
    unit: str
    low: float
    high: float
    bins: int
    scale: float = 1.0
    power: float = 0.0
    rises: bool = True

    @property
    def definition(self) -> str:
        """Source code of its metadata."""
        numbers = f"{self.low:g}, {self.high:g}" + (f", {self.bins}" if self.bins else "")
        return f'Column("{self.branch.short}", "{self.unit}", {numbers})'


def column_of(
    branch: Branch, name: str, power: float = 0.0, rises: bool = True, is_number: bool = False
) -> ChosenColumn:
    """Return a column of a branch, with its unit and range. is_number: whether it has no unit, whatever its name."""
    values = branch.values[np.isfinite(branch.values)].astype(np.float64)
    momentum = bool(_MOMENTUM.search(branch.short)) and not branch.is_whole and not is_number
    scale = 1000.0 if momentum and len(values) and np.median(np.abs(values)) > _MEV else 1.0
    unit = "GeV" if momentum else ""
    if branch.is_whole and len(branch.distinct) <= 20:
        low, high = float(branch.distinct[0]), float(branch.distinct[-1])
        return ChosenColumn(name, branch, unit, low - 0.5, high + 0.5, round(high - low) + 1, 1.0, power, rises)
    low, high = (float(each) / scale for each in np.quantile(values, [0.005, 0.995]))
    low, high = _rounded(low, high)
    return ChosenColumn(name, branch, unit, low, high, 0, scale, power, rises)


def features(
    survey: Survey, target: Branch, event: Branch, weights: Sequence[str]
) -> tuple[list[ChosenColumn], list[str]]:
    """Return the columns that tell most of the target, best first, and branches left out as they may hold the truth.

    weights: names of branches that are weights, and no features.

    Raises RequestError where there are none.
    """
    left_out, found, names = [], [], {"event", "target"}
    for branch in survey.branches.values():
        if branch.name in (target.name, event.name, *weights) or not is_alike(branch, target):
            continue
        if NOT_FEATURES.search(branch.name):
            left_out.append(branch.name)
            continue
        if not branch.is_finite or len(branch.distinct) < 2:
            continue
        power, rises = power_of(spread_of(branch, target), target)
        found.append((power, rises, branch))
    chosen = []
    for power, rises, branch in sorted(found, key=lambda each: -each[0])[:MOST]:
        name = identifier(branch, names)
        names.add(name)
        chosen.append(column_of(branch, name, power, rises))
    if not chosen:
        raise RequestError(
            f"{survey.path}: tree {survey.tree} has no further numbers for each value of {target.name} that vary and "
            "are finite: there is nothing to learn from"
        )
    return chosen, left_out


def is_alike(branch: Branch, target: Branch) -> bool:
    """Return whether a branch has a value for each of the target's: as many in each entry, or one an entry."""
    if not branch.is_list:
        return True
    if branch.counts is None or target.counts is None:
        return False
    return target.is_list and np.array_equal(branch.counts, target.counts)


def spread_of(branch: Branch, target: Branch) -> NDArray[np.float64]:
    """Return the values of a branch, one for each of the target's."""
    values = branch.values.astype(np.float64)
    if branch.is_list or not target.is_list or target.counts is None:
        return values
    return np.repeat(values, target.counts)


def power_of(values: NDArray[np.float64], target: Branch) -> tuple[float, bool]:
    """Return by how much the order of values tells that of the target, |rank correlation|, and whether both rise."""
    from scipy.stats import rankdata

    if len(np.unique(values)) < 2 or len(target.distinct) < 2:
        return 0.0, True
    known = target.values.astype(np.float64)
    correlation = float(np.corrcoef(rankdata(values), rankdata(known))[0, 1])
    return (abs(correlation), correlation >= 0) if math.isfinite(correlation) else (0.0, True)


def identifier(branch: Branch, taken: Iterable[str]) -> str:
    """Return a name for a column: that of the branch without its collection, with it where the name is taken."""
    taken = set(taken)
    parts = [re.sub(r"\W+", "_", part).strip("_") for part in re.split(r"[./:]", branch.name) if part]
    for start in range(len(parts) - 1, -1, -1):
        name = "_".join(parts[start:])
        name = name if re.match(r"[A-Za-z]", name) else f"x_{name}"
        if name not in taken:
            return name
    return next(f"{name}_{number}" for number in range(2, 10_000) if f"{name}_{number}" not in taken)


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Return a range that holds another one, with ends of two digits of its length."""
    if not high > low:
        return low - 0.5, high + 0.5
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def edges_of(column: ChosenColumn, parts: int = 4) -> list[float]:
    """Return edges of bins that hold about as many objects each, rounded, between the ends of a column's range."""
    values = column.branch.values.astype(np.float64) / column.scale
    inner = np.quantile(values, np.linspace(0, 1, parts + 1)[1:-1])
    step = 10.0 ** (math.floor(math.log10(column.high - column.low)) - 1)
    rounded = sorted({float(f"{round(value / step) * step:.6g}") for value in inner})
    ends = float(f"{column.low:.6g}"), float(f"{column.high:.6g}")
    return [ends[0], *(value for value in rounded if ends[0] < value < ends[1]), ends[1]]


def most_continuous(columns: Sequence[ChosenColumn]) -> ChosenColumn:
    """Return the column to bin in: a momentum where there is one, else that with the most values."""
    momenta = [column for column in columns if column.unit == "GeV" and not column.branch.is_whole]
    return momenta[0] if momenta else max(columns, key=lambda column: len(column.branch.distinct))
