"""The schema of a job file that calls a processor of coffea's alone, and adds up whatever it returns."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lineshape.engine.clusters.cluster import CLUSTERS, Cluster
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.settings import Name, Settings


def _with_module(kind: str) -> str:
    """Raise ValueError unless it is the name of a module and of what is in it."""
    module, _, name = kind.partition(":")
    if not (module and name):
        raise ValueError(f"expected their_module:TheirProcessor, found '{kind}'")
    return kind


class StockProcessor(Settings):
    """A processor of coffea's, which is called as coffea's Runner calls it."""

    kind: Annotated[str, AfterValidator(_with_module)]
    """The processor's class, as their_module:TheirProcessor, or a function of events."""
    accumulator: Literal[True]
    """Whether it returns an accumulator: always true."""
    settings: dict[str, Any] = {}
    """Arguments that the class is called with, by name."""
    schema_name: str = Field("NanoAODSchema", alias="schema")
    """Schema of its events: a class of coffea's, by its name, or their_module:TheirSchema."""
    pickle: list[str] = []
    """Types of values that it returns, as module:Class, that are kept by pickle, beside those that are known."""


class DatasetSpec(Settings):
    """Files of one dataset."""

    files: Annotated[list[str], Field(min_length=1)]
    """Paths, URLs, globs, folders or text lists of ROOT files."""
    tree: str = "Events"
    """Name of the TTree or RNTuple to read."""
    metadata: dict[str, Any] = {}
    """What events say of the dataset in their metadata, beside its name."""


class AccumulatorJob(Settings):
    """A validated job file whose processor returns accumulators."""

    study: Name
    """Name of the study, which also names its run folder."""
    processor: StockProcessor
    """The processor, with its settings."""
    samples: Annotated[dict[Name, DatasetSpec], Field(min_length=1)]
    """Datasets, by name."""
    chunk_entries: int = Field(100_000, gt=0)
    """Number of entries in a chunk, about."""
    most_chunks: Annotated[int, Field(gt=0)] | None = None
    """Number of chunks of each dataset that are processed, the first ones; null: all."""
    tolerate: float = Field(0.0, ge=0, le=1)
    """Fraction of the entries that may be quarantined without failing the run; 0: none."""
    cluster: Annotated[KindSpec, CLUSTERS] = KindSpec(kind="local")
    """Cluster to run on, with its settings; by default worker processes on this machine."""

    def built_cluster(self) -> Cluster:
        """Return the cluster to run on."""
        return CLUSTERS.build(self.cluster, ("cluster",))
