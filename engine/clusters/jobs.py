"""Jobs of a batch system: what each asks for, how long it lasts, and how many there are to be."""

from typing import Annotated, Self

from dask.utils import parse_bytes, parse_timedelta
from pydantic import BeforeValidator, Field, model_validator

from lineshape.engine.clusters.worker_counts import Scaled

#: Part of its wall time that a job takes work for by default; a chunk, or an epoch, must fit into the rest.
_WORKING = 0.8
#: How far apart jobs that began together end, as a part of the wall time.
_STAGGER = 0.05


def _seconds(value: object) -> object:
    """A time as batch systems write it (2:30:00, 1-12:00:00), or as Dask does (2h, 90m), in seconds."""
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
    """A group of jobs that are alike, each one worker process.

    workers: how many there are to be at all times; minimum, maximum: between how many, as there is work, instead.
    cores: of each; a worker takes one task at a time, whose libraries use them all. memory: of each. walltime: after
    which the batch system ends a job. lifetime: after which a worker takes no more work and ends by itself; 80 % of the
    wall time by default. idle: for so long a group that adapts keeps workers that have nothing to do. queue, account:
    as the batch system calls them. directives: further lines of the job script's head, without their prefix.
    """

    cores: int = Field(1, gt=0)
    memory: Size = "2GiB"
    walltime: Seconds = 3600
    lifetime: Seconds | None = None
    idle: Seconds = 120
    queue: str | None = None
    account: str | None = None
    directives: list[str] = []

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
        """Seconds, at most, by which that differs among them, so that not all end at once."""
        return _STAGGER * self.walltime

    @property
    def fewest(self) -> int:
        """Of them, work or none."""
        return self.workers or self.minimum or 0

    @property
    def most(self) -> int:
        """Of them, however much work there is."""
        return self.workers or self.maximum or 1


def clock(seconds: float) -> str:
    """A time as HH:MM:SS, which every batch system but LSF reads."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"
