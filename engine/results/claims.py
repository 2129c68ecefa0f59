"""Compare the figures of a run with the claims of its job file, without I/O."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineshape.engine.core.errors import listing, nearest
from lineshape.engine.job.claim import Claim
from lineshape.engine.results.numbers import exactly, with_uncertainty
from lineshape.engine.results.row import Row


@dataclass(frozen=True)
class CheckedClaim:
    """A claim and what was found.

    holds: whether every value lies within the limits. required, found: text for tables. problem: why it could not be
    checked, which counts as not met; empty where it could.
    """

    name: str
    says: str
    required: str
    found: str
    holds: bool
    source: str = ""
    problem: str = ""


@dataclass(frozen=True)
class _Value:
    """A value to be compared: what it is of, and by how much it lies beyond the limits (negative: within)."""

    row: Row
    value: float
    uncertainty: float
    beyond: float


def check(claims: Mapping[str, Claim], rows: Sequence[Row]) -> list[CheckedClaim]:
    """Return each claim with what was found for it in the rows of a summary."""
    return [_checked(name, claim, rows) for name, claim in claims.items()]


def _checked(name: str, claim: Claim, rows: Sequence[Row]) -> CheckedClaim:
    says = claim.says or f"{claim.figure} of {listing(claim.models)}"
    values: list[_Value] = []
    problem = ""
    for model in claim.models:
        found, why = _values(claim, model, rows)
        values += found
        problem = problem or why
    holds = not problem and all(value.beyond <= 0 for value in values)
    return CheckedClaim(name, says, _required(claim), _found(claim, values), holds, claim.source, problem)


def _values(claim: Claim, model: str, rows: Sequence[Row]) -> tuple[list[_Value], str]:
    """Return the values of a model that a claim is about, and why there are none, where there are none."""
    where = {"model": model, "figure": claim.figure, "measure": claim.measure, "sample": claim.sample, "by": claim.by}
    chosen = [row for row in rows if _matches(row, where)]
    if not chosen:
        return [], _missing(claim, model, rows)
    if len({row.measure for row in chosen}) > 1:
        return (
            [],
            f"several measures have it: expected `measure`, one of {listing(sorted({row.measure for row in chosen}))}",
        )
    chosen = [row for row in chosen if _counts(claim, row)]
    if not chosen:
        return [], f"no bin of {claim.by} has {claim.entries:,} objects within the range"
    values = []
    for row in chosen:
        other = _reference(claim, row, rows)
        if claim.over and (other is None or not other.value):
            return [], f"there is nothing to divide the value by: {_place(row)}"
        if row.value is None:
            return [], f"no value {_place(row)}" + (f": {row.remark}" if row.remark else "")
        value, uncertainty = _quotient(row, other)
        values.append(_Value(row, value, uncertainty, _beyond(claim, value, uncertainty)))
    return values, ""


def _matches(row: Row, where: Mapping[str, str | None]) -> bool:
    return all(value is None or getattr(row, key) == value for key, value in where.items())


def _counts(claim: Claim, row: Row) -> bool:
    """Return whether a row is among the bins that a claim is about."""
    if not claim.by:
        return True
    low = -math.inf if row.low is None else row.low
    high = math.inf if row.high is None else row.high
    inside = (claim.low is None or low >= claim.low) and (claim.high is None or high <= claim.high)
    return inside and row.entries >= claim.entries


def _reference(claim: Claim, row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the row of the figure that a row's value is divided by."""
    if claim.over is None:
        return None
    own = {name: getattr(row, name) for name in ("model", "figure", "measure", "sample", "by")}
    where = own | claim.over.model_dump(exclude_none=True)
    edges = (None, None) if not claim.by else (row.low, row.high)
    found = (other for other in rows if _matches(other, where))
    return next((other for other in found if not claim.by or (other.low, other.high) == edges), None)


def _quotient(row: Row, other: Row | None) -> tuple[float, float]:
    value, error = float(row.value or 0.0), float(row.uncertainty or 0.0)
    if other is None:
        return value, error
    divisor, its_error = float(other.value or 0.0), float(other.uncertainty or 0.0)
    return value / divisor, math.hypot(error / divisor, value * its_error / divisor**2)


def _beyond(claim: Claim, value: float, uncertainty: float) -> float:
    """Return by how much a value lies beyond the limits and what they allow for; negative where it lies within."""
    low, high = claim.limits
    excess = max(-math.inf if low is None else low - value, -math.inf if high is None else value - high)
    return excess - claim.sigmas * uncertainty


def _missing(claim: Claim, model: str, rows: Sequence[Row]) -> str:
    """Return why a run has no figure that a claim asks for: the first of its keys that nothing matches."""
    left = list(rows)
    asked = {"sample": claim.sample, "model": model, "measure": claim.measure, "figure": claim.figure}
    for key, value in asked.items():
        known = sorted({str(getattr(row, key)) for row in left})
        left = [row for row in left if value is None or getattr(row, key) == value]
        if not left:
            hint = nearest(str(value), known) or (f": there are {listing(known)}" if known else "")
            return f"the run has no such {key}, '{value}'{hint}"
    columns = listing(sorted({row.by for row in left if row.by}))
    binned = f"it has bins of {columns}" if columns else "it has no bins"
    if not claim.by:
        return f"it has no inclusive value: {binned}"
    return f"no bin of {claim.by} has a value (too few objects, or the measure has no such bins): {binned}"


def _required(claim: Claim) -> str:
    low, high = claim.limits
    if low is not None and high is not None:
        text = f"{exactly(low)} to {exactly(high)}"
    elif low is not None:
        text = f"≥ {exactly(low)}"
    else:
        text = f"≤ {exactly(high or 0.0)}"
    return f"{text}, {claim.sigmas:g} σ allowed" if claim.sigmas else text


def _found(claim: Claim, values: Sequence[_Value]) -> str:
    """Return the value, or the range of several and where the worst is."""
    if not values:
        return "–"
    if len(values) == 1:
        return with_uncertainty(values[0].value, values[0].uncertainty)
    worst = max(values, key=lambda each: each.beyond)
    ends = min(each.value for each in values), max(each.value for each in values)
    low, high = (with_uncertainty(end, worst.uncertainty).partition(" ± ")[0] for end in ends)
    spread = f"{low} to {high}"
    missed = sum(value.beyond > 0 for value in values)
    of = f" in {len(values)} bins" if claim.by else ""
    if not missed:
        return spread + of
    furthest = f"{with_uncertainty(worst.value, worst.uncertainty)} {_place(worst.row)}"
    return f"{spread}{of}, {missed} of them beyond: {furthest}"


def _place(row: Row) -> str:
    """Return what a value is of, as part of a sentence."""
    bins = f" at {row.low:g} to {row.high:g} of {row.by}" if row.by and row.low is not None else ""
    return f"of {row.model} on {row.sample}{bins}"
