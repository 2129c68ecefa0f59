"""Settings of the number of workers of a cluster, fixed or adaptive."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lineshape.engine.core.settings import Settings


class Scaled(Settings):
    """A fixed number of workers, or bounds between which it follows the amount of work."""

    workers: Annotated[int, Field(gt=0)] | None = None
    """Fixed number of workers, which excludes `minimum` and `maximum`; null: as these say."""
    minimum: Annotated[int, Field(ge=0)] | None = None
    """Smallest number of workers of an adaptive cluster, kept even without work; null: 0."""
    maximum: Annotated[int, Field(gt=0)] | None = None
    """Largest number of workers of an adaptive cluster; null: no limit, where `minimum` is given.
    A batch system needs it where `minimum` is given.
    """

    @model_validator(mode="after")
    def _one_way_of_scaling(self) -> Self:
        if self.workers and (self.minimum is not None or self.maximum):
            raise ValueError("expected either 'workers', or 'minimum' and 'maximum'")
        if self.minimum is not None and self.maximum and self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is more than maximum ({self.maximum})")
        return self

    def scale(self, cluster: Any) -> None:
        """Scale a Dask cluster accordingly; an adaptive one replaces workers that die, one of fixed size does not."""
        if self.workers:
            cluster.scale(self.workers)
        elif self.minimum is not None or self.maximum:
            cluster.adapt(minimum=self.minimum or 0, maximum=self.maximum)
