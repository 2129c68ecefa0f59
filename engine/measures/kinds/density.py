"""Measure whether a predicted density, and so a model's own uncertainty, is right.

Beyond the point estimate: −log p, the probability integral transform (PIT), pulls, and the coverage of the central
intervals that the density predicts.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Final

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.learning.roles.model import Mixture
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Plot, Series

Floats = NDArray[np.float64]

#: Bin edges of the PIT, 0.025, 0.16, 0.84 and 0.975 among them.
PIT_EDGES: Final = np.linspace(0, 1, 201)
PULL_EDGES: Final = np.linspace(-8, 8, 641)
NLL_EDGES: Final = np.concatenate([np.linspace(-10, 30, 4001), np.geomspace(30, 1e6, 301)[1:]])
COVERAGES: Final = {"coverage_68": 0.68, "coverage_95": 0.95}


class Density(Measure):
    """NLL, PIT, pulls and coverage of a predicted density, in the target's own units."""

    title: str = "Predicted uncertainty"
    """Heading of the measure's tables in the report; its plots stand under "Predicted uncertainty"."""

    figure_words: ClassVar[Mapping[str, str]] = {
        r"coverage_(\d+)": r"coverage of the central \1 % interval",
        "pull_width": "width of the pull",
        "pull_median": "median of the pull",
        "pull_total_variance_width": "width of the pull with the total variance",
        "pull_total_variance_median": "median of the pull with the total variance",
        "pull_total_variance_std": "standard deviation of the pull with the total variance, within ±8",
        "pull_total_variance_beyond_8": "share of pulls with the total variance beyond ±8",
        "nll": "negative log-likelihood",
        "pit_chi2_per_degree": "χ² per degree of freedom of the PIT against a flat one",
    }

    def columns(self) -> list[str]:
        """Return the column of the truth."""
        return [self.truth]

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return histograms of PIT, pull by total variance, pull as the Gaussian quantile of the PIT, and −log p."""
        axes = {
            "pit": (PIT_EDGES, "Probability integral transform"),
            "pull_total_variance": (PULL_EDGES, r"$(t - \mu)/\sigma$"),
            "pull": (PULL_EDGES, r"$\Phi^{-1}$(PIT)"),
            "nll": (NLL_EDGES, "−log p of the target [nats]"),
        }
        return {
            name: hist.Hist(
                hist.axis.Variable(edges, name=name, label=label),
                group_axis(),
                storage=self.storage(column_metadata),
            )
            for name, (edges, label) in axes.items()
        }

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects of a model that predicts a density."""
        from scipy.special import ndtri

        mixture = objects.prediction.mixture
        if mixture is None:
            return
        per = objects.prediction.estimate / objects.prediction.target
        target = np.asarray(objects.columns[self.truth], dtype=np.float64) / per
        good = np.isfinite(target)
        target, entries = target[good], objects.chosen(good)
        mixture = Mixture(mixture.weights[good], mixture.means[good], mixture.sigmas[good])
        pit, nll = cumulative(mixture, target), negative_log(mixture, target)
        entries.fill(histograms["pit"], pit.clip(0, 1 - 1e-12))
        entries.fill(histograms["pull_total_variance"], (target - mixture.mean) / mixture.sigma)
        entries.fill(histograms["pull"], ndtri(pit.clip(1e-15, 1 - 1e-15)))
        entries.fill(histograms["nll"], nll)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return NLL, coverage, median and width of pulls, and χ² per degree of freedom of the PIT against uniformity.

        pull: Φ⁻¹ of the PIT, which is (t − μ)/σ for a single Gaussian. pull_total_variance: with the mixture's mean and
        total variance; its standard deviation is taken within ±8, and the share beyond is given beside it.
        """
        pit = by_group(histograms["pit"])
        entries = int(pit.entries())
        if entries == 0:
            return []
        found = []
        for name, level in COVERAGES.items():
            value, error = statistics.jackknife(pit.values, partial(coverage, level=level))
            found.append(Figure(name, 100 * float(value), 100 * float(error), "%", entries))
        for name in ("pull", "pull_total_variance"):
            counts = by_group(histograms[name]).values
            width, error = statistics.jackknife(counts, lambda c: statistics.half_width(c, PULL_EDGES, 0.6827))
            found.append(Figure(f"{name}_width", float(width), float(error), "", entries))
            middle, error = statistics.jackknife(counts, lambda c: statistics.quantiles(c, PULL_EDGES, [0.5])[..., 0])
            found.append(Figure(f"{name}_median", float(middle), float(error), "", entries))
        total = by_group(histograms["pull_total_variance"]).values
        deviation, error = statistics.jackknife(total, _deviation)
        found.append(Figure("pull_total_variance_std", float(deviation), float(error), "", entries))
        beyond, error = statistics.jackknife(total, lambda c: 1 - c[..., 1:-1].sum(axis=-1) / c.sum(axis=-1))
        found.append(Figure("pull_total_variance_beyond_8", 100 * float(beyond), 100 * float(error), "%", entries))
        nll = by_group(histograms["nll"]).values
        value, error = statistics.jackknife(nll, lambda c: statistics.mean(c, NLL_EDGES))
        found.append(Figure("nll", float(value), float(error), "nats", entries))
        coarse = pit.map(lambda counts: counts[:, 1:-1].reshape(len(counts), 20, 10).sum(axis=2).sum(axis=0))
        mean = coarse.values.mean()
        # The variance that a flat distribution would have in each bin: of counts the mean itself.
        chi2 = float(((coarse.values - mean) ** 2 / coarse.squares.mean()).sum() / (len(coarse.values) - 1))
        found.append(Figure("pit_chi2_per_degree", chi2, math.sqrt(2 / (len(coarse.values) - 1)), "", entries))
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return plots of the PIT and of the pulls."""
        pits, pulls = [], []
        for model, histograms in measured.histograms.items():
            pit = by_group(histograms["pit"]).map(lambda c: c[:, 1:-1].reshape(len(c), 50, 4).sum(axis=2))
            if not pit.values.any():
                continue
            label = measured.labels[model]
            values = pit.values.sum(axis=0)
            expected = values.sum() / len(values)
            pits.append(Series(model, label, PIT_EDGES[::4], values / expected, pit.errors() / expected))
            for name, how, dashed in (("pull", "quantile", False), ("pull_total_variance", "total variance", True)):
                counts = by_group(histograms[name]).values.sum(axis=0)[1:-1].reshape(160, 4).sum(axis=1)
                density = counts / (counts.sum() or 1) / 0.1
                pulls.append(Series(model, f"{label}, {how}", PULL_EDGES[::4], density, None, "steps", dashed))
        if not pits:
            return []
        x = np.linspace(-5, 5, 201)
        pulls.append(
            Series("reference", "Unit Gaussian", x, np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi), None, "line")
        )
        return [
            Plot(
                "pit",
                "Predicted uncertainty",
                "Where the true target falls in the predicted density: uniform if the density is right.",
                "Probability integral transform",
                "Objects over expectation",
                pits,
                reference=1.0,
                y_range=(0.7, 1.3),
            ),
            Plot(
                "pulls",
                "Predicted uncertainty",
                "Pull of the true target: through the density (Φ⁻¹ of the PIT), and with the mixture's mean and total "
                "variance, which a tail makes wide.",
                "Pull",
                "Density",
                pulls,
                x_range=(-5, 5),
                y_log=True,
                y_range=(1e-5, 3),
            ),
        ]


def _deviation(counts: Floats) -> Floats:
    """Return the standard deviation of pulls within ±8, from bin centres."""
    inside, centres = counts[..., 1:-1], (PULL_EDGES[1:] + PULL_EDGES[:-1]) / 2
    total = inside.sum(axis=-1)
    mean = (inside * centres).sum(axis=-1) / total
    return np.asarray(np.sqrt((inside * centres**2).sum(axis=-1) / total - mean**2))


def cumulative(mixture: Mixture, target: Floats) -> Floats:
    """Return the mixture's probability of values below the target, (n,)."""
    from scipy.special import ndtr

    pulls = (target[:, np.newaxis] - mixture.means) / mixture.sigmas
    return np.asarray((mixture.weights * ndtr(pulls)).sum(axis=1))


def negative_log(mixture: Mixture, target: Floats) -> Floats:
    """Return −log p of the target, (n,), in nats."""
    from scipy.special import logsumexp

    pulls = (target[:, np.newaxis] - mixture.means) / mixture.sigmas
    log_density = -0.5 * pulls**2 - np.log(mixture.sigmas) - 0.5 * math.log(2 * math.pi)
    return np.asarray(-logsumexp(log_density, b=mixture.weights, axis=1))


def coverage(counts: Floats, level: float) -> Floats:
    """Return the share of PIT counts (..., bins + 2) in the central interval of a level whose limits are bin edges."""
    low = round((1 - level) / 2 * (len(PIT_EDGES) - 1))
    inside = counts[..., 1 + low : -1 - low].sum(axis=-1)
    return np.asarray(inside / counts.sum(axis=-1))
