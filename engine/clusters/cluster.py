"""What a cluster is: settings that open a Dask client."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineshape.engine.settings import Settings

if TYPE_CHECKING:
    from distributed import Client


class Cluster(Settings, ABC):
    """A kind of cluster. `open` gives a client and closes everything that it started when the block ends."""

    @abstractmethod
    @contextmanager
    def open(self) -> Iterator["Client"]:
        """Start or join the cluster."""
        yield  # type: ignore[misc]
