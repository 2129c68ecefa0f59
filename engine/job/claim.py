"""The settings of a claim: what a figure of a run must be."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lineshape.engine.core.settings import Settings


class Reference(Settings):
    """The figure that a claim's figure is divided by; what is not given is as in the claim."""

    model: str | None = None
    """Name of the model to divide by; null: the same model."""
    figure: str | None = None
    """Name of the figure to divide by; null: the same figure."""
    measure: str | None = None
    """Name of the measure to read it from; null: the same measure."""
    sample: str | None = None
    """Name of the sample to read it from; null: the same sample."""

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expected a model, figure, measure or sample that the figure is divided by")
        return self


class Claim(Settings):
    """A requirement on a figure of the summary, which `lineshape check` and the report hold a run against."""

    says: str = ""
    """Statement of the claim in a sentence, for the report; empty: the figure and its limits."""
    model: str | Annotated[list[str], Field(min_length=1)]
    """Name of the model that the figure is of; a list: each of these models must meet the claim."""
    figure: str
    """Name of the figure, as in summary.json: half_68_over_baseline, auc …"""
    measure: str | None = None
    """Name of the measure that the figure is read from; null: the only one that has it."""
    sample: str | None = None
    """Name of the sample that it is read on; null: every sample that has it."""
    by: str = ""
    """Column whose bins must each meet the claim; empty: the inclusive figure must."""
    low: float | None = None
    """Lower edge, in the column's unit, from which bins count; null: all from the first."""
    high: float | None = None
    """Upper edge, in the column's unit, up to which bins count; null: all to the last."""
    entries: int = Field(0, ge=0)
    """Number of objects from which a bin counts; bins with fewer are left out."""
    over: Reference | None = None
    """Figure that the value is divided by, bin by bin; null: the value itself is compared.
    The uncertainty of the quotient is that of two independent values.
    """
    at_least: float | None = None
    """Lowest value, in the unit of summary.json; null: no lower limit."""
    at_most: float | None = None
    """Highest value, in the unit of summary.json; null: no upper limit."""
    between: tuple[float, float] | None = None
    """Lowest and highest value, in place of `at_least` and `at_most`; null: not used."""
    sigmas: float = Field(0.0, ge=0)
    """Number of its own standard deviations by which a value may lie beyond a limit; 0: none."""
    source: str = ""
    """Where the requirement comes from, such as a paper or slide; empty: nothing is said."""

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        if self.between is not None and not (self.at_least is None and self.at_most is None):
            raise ValueError("expected either between, or at_least and at_most")
        low, high = self.limits
        if low is None and high is None:
            raise ValueError("it has no limit: expected at_least, at_most or between")
        if low is not None and high is not None and low > high:
            raise ValueError(f"no value lies between {low:g} and {high:g}: expected the lower limit first")
        if not self.by and (self.low, self.high, self.entries) != (None, None, 0):
            raise ValueError("low, high and entries select bins: expected `by`, the column that they are of")
        return self

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """Lowest and highest value."""
        return self.between or (self.at_least, self.at_most)

    @property
    def models(self) -> list[str]:
        """Names of the models that must meet the claim."""
        return [self.model] if isinstance(self.model, str) else self.model

    @property
    def samples(self) -> list[str]:
        """Names of the samples that the claim is on, none where it is on any."""
        return [name for name in (self.sample, self.over.sample if self.over else None) if name is not None]
