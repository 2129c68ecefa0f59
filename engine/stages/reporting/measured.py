"""Collect what a measure has of all models on a sample, and its plots of that."""

from collections.abc import Mapping

from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import label_of
from lineshape.engine.measures.measure import Measured
from lineshape.engine.measures.plots import Plot
from lineshape.engine.results.performance import Performance


def measured_of(
    job: Job, store: FeatureStore, performance: Performance, labels: Mapping[str, str], sample: str, name: str
) -> Measured:
    """Return the histograms of a measure on a sample or group. labels: of the models."""
    measure = job.built_measures()[name]
    shown = [model for model in performance.models if sample in performance.subjects.shown(name, measure, model)]
    histograms = {model: performance.of(sample, model, name) for model in shown}
    found = {model: each for model, each in histograms.items() if each}
    return Measured(sample, found, labels, job.baseline, store.columns, label_of(job, sample))


def plots_of(
    job: Job, store: FeatureStore, performance: Performance, labels: Mapping[str, str], sample: str, name: str
) -> list[Plot]:
    """Return the plots of a measure that show anything; arguments are those of `measured_of`."""
    measured = measured_of(job, store, performance, labels, sample, name)
    drawn = job.built_measures()[name].plots(measured) if measured.histograms else []
    return [*filter(None, (plot.without_empty() for plot in drawn))]
