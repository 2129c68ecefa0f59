"""How many workers a cluster has, or between how many it scales itself."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lineshape.engine.core.settings import Settings


class Scaled(Settings):
    """workers: a fixed number; minimum, maximum: as there is work, instead."""

    workers: Annotated[int, Field(gt=0)] | None = None
    minimum: Annotated[int, Field(ge=0)] | None = None
    maximum: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_way_of_scaling(self) -> Self:
        if self.workers and (self.minimum is not None or self.maximum):
            raise ValueError("expected either 'workers', or 'minimum' and 'maximum'")
        if self.minimum is not None and self.maximum and self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is more than maximum ({self.maximum})")
        return self

    def scale(self, cluster: Any) -> None:
        """Scale a cluster of Dask so; one that adapts replaces what dies, and one that was scaled does not."""
        if self.workers:
            cluster.scale(self.workers)
        elif self.minimum is not None or self.maximum:
            cluster.adapt(minimum=self.minimum or 0, maximum=self.maximum)
