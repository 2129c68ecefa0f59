"""A row of the summary: a figure of merit of a model, and what it is of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure of merit with its statistical uncertainty, as it stands in summary.json.

    by: column that the figure is binned in; empty where it is inclusive, and low and high are then None, or the range
    of the bins that it is a mean over. value, uncertainty: None where they are not finite. entries: number of objects
    that it was read off. remark: what a reader must know of it, such as the bins of a mean. shown: unit that tables
    show the figure in, where that is another one. training_mean, training_spread: of a model that is the mean of
    several trainings, the mean of the figure over them, each measured by itself, and its standard deviation; None of
    other models. systematic: systematic uncertainty, of the job's variations together; None where none is of it.
    """

    sample: str
    model: str
    measure: str
    figure: str
    by: str
    low: float | None
    high: float | None
    value: float | None
    uncertainty: float | None
    unit: str
    entries: int
    remark: str
    shown: str = ""
    training_mean: float | None = None
    training_spread: float | None = None
    systematic: float | None = None
