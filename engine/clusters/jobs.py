"""Settings of batch jobs: what each requests, how long it runs, and how many there are."""

from typing import Annotated, Self

from dask.utils import parse_bytes, parse_timedelta
from pydantic import BeforeValidator, Field, model_validator

from lineshape.engine.clusters.worker_counts import Scaled

#: Default fraction of the wall time for which a job takes work; a chunk, or an epoch, must fit into the rest.
_WORKING = 0.8
#: Largest deviation of a worker's lifetime, as a fraction of the wall time, so that not all end at once.
_STAGGER = 0.05


def _seconds(value: object) -> object:
    """Return a time in seconds, from a batch system's notation (2:30:00, 1-12:00:00) or Dask's (2h, 90m)."""
    if not isinstance(value, str):
        return value
    days, dashed, clock = value.rpartition("-")
    parts = clock.split(":")
    if len(parts) == 3 and all(part.strip().isdigit() for part in [*parts, *([days] if dashed else [])]):
        hours, minutes, seconds = map(int, parts)
        return (int(days or 0) * 24 + hours) * 3600 + minutes * 60 + seconds
    try:
        return float(parse_timedelta(value, default="seconds"))
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"'{value}' is no time: expected one like '2h', '90m' or '02:30:00'") from error


def _size(value: object) -> object:
    if isinstance(value, str):
        try:
            parse_bytes(value)
        except ValueError as error:
            raise ValueError(f"'{value}' is no size: expected one like '3GiB'") from error
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Size = Annotated[str, BeforeValidator(_size)]


class Jobs(Scaled):
    """A group of identical jobs, each with one worker process; without `workers` or `maximum`, there is one at most."""

    cores: int = Field(1, gt=0)
    """Cores of each job. A worker runs one task at a time, whose libraries use all of them."""
    memory: Size = "2GiB"
    """Memory of each job, such as 2GiB."""
    walltime: Seconds = 3600
    """Time after which the batch system ends a job: in seconds, or as in 2h, 90m, 02:30:00 or 1-12:00:00."""
    lifetime: Seconds | None = None
    """Time after which a worker takes no more work and ends by itself, written like `walltime`.
    Null: 80 % of `walltime`, so that a chunk or an epoch in progress can finish in the rest.
    """
    idle: Seconds = 120
    """Time for which an adaptive group keeps workers that have nothing to do, written like `walltime`.
    Between two stages there are no tasks for a moment, and new jobs may have to queue.
    """
    queue: str | None = None
    """Queue that jobs are submitted to (Slurm: partition); null: that of the site's Dask configuration, if any."""
    account: str | None = None
    """Account or project that jobs are charged to, as the batch system names it.
    Null: as in the site's Dask configuration, if it names one.
    """
    directives: list[str] = []
    """Further directives of the job script's header, without their prefix; empty: none.
    For HTCondor these are lines of the submit file.
    """

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.minimum is not None and not self.maximum:
            raise ValueError("'minimum' needs a 'maximum'")
        if self.ends_at + self.stagger >= self.walltime:
            raise ValueError(
                f"lifetime ({self.ends_at:.0f} s, give or take {self.stagger:.0f} s) must be shorter than walltime "
                f"({self.walltime:.0f} s) by more than a chunk or an epoch takes"
            )
        return self

    @property
    def ends_at(self) -> float:
        """Seconds after which a worker ends by itself, give or take the stagger."""
        return self.lifetime or _WORKING * self.walltime

    @property
    def stagger(self) -> float:
        """Largest deviation of that time among workers, in seconds, so that not all end at once."""
        return _STAGGER * self.walltime

    @property
    def fewest(self) -> int:
        """Number of jobs to keep even without work."""
        return self.workers or self.minimum or 0

    @property
    def most(self) -> int:
        """Maximum number of jobs, however much work there is."""
        return self.workers or self.maximum or 1


def clock(seconds: float) -> str:
    """Return a time as HH:MM:SS, which every batch system but LSF reads."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"
