"""Check that the columns a feature store computes are those of the job: its classes and its weight."""

from lineshape.engine.core.errors import RequestError
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.weighting import row_weight


def require_same(job: Job, store: FeatureStore) -> None:
    """Raise RequestError where the classes or the weight of a feature store are not those of the job."""
    again = "run 'lineshape process' again, which keeps the shards that are there"
    if dict(store.classes) != dict(job.class_columns):
        raise RequestError(f"the classes that the job file defines are not those of the feature store: {again}")
    weight = row_weight(job.weight, job.samples, job.luminosity, store.generated) if job.is_weighted else None
    if store.weight != weight:
        raise RequestError(f"the weight that the job file defines is not that of the feature store: {again}")
