"""Samples of W or Z in a run's feature store side by side: objects, spectrum, response and width of the plain recoil.

lineshape process hadronic_recoil_pythia && python -m tests.benchmarks.recoils runs/hadronic_recoil_pythia pythia fast
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore

Table = dict[str, NDArray[np.float64]]
COUNTS = ("nCharged", "nNeutral", "nPV")
SUMS = ("sumET", "sumETCharged", "sumETNeutralEM")
READ = (*COUNTS, *SUMS, "ux", "uy", "pxTrue", "pyTrue", "ptTrue", "mu")
JETS = ("jet1Px", "jet1Py", "jet2Px", "jet2Py")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
PT_EDGES = (0, 5, 10, 20, 30, 50, 100)
MU_EDGES = (0, 15, 30, 45, 60)
#: Fewer events are not shown.
FEW = 50


def read(store: FeatureStore, sample: str) -> Table:
    """The columns of a sample, and u along the direction opposite to the true momentum, and across it, GeV."""
    tables = [table for _, table in store.read([*READ, *JETS], samples={sample})]
    found = {name: np.concatenate([table[name] for table in tables]).astype(float) for name in (*READ, *JETS)}
    found["along"] = -(found["ux"] * found["pxTrue"] + found["uy"] * found["pyTrue"]) / found["ptTrue"]
    found["across"] = (found["ux"] * found["pyTrue"] - found["uy"] * found["pxTrue"]) / found["ptTrue"]
    return found


def mean(values: NDArray[np.float64]) -> str:
    """With its statistical uncertainty."""
    return f"{values.mean():.4g} ± {values.std() / np.sqrt(len(values)):.1g}"


def share(values: NDArray[np.bool_]) -> str:
    """Of events, in percent."""
    part = values.mean()
    return f"{100 * part:.1f} ± {100 * np.sqrt(part * (1 - part) / len(values)):.1f} %"


def response(table: Table) -> tuple[float, float]:
    """Mean of what is along the true momentum over its mean length."""
    length = table["ptTrue"].mean()
    value = table["along"].mean() / length
    scatter = (table["along"] - value * table["ptTrue"]).std()
    return float(value), float(scatter / length / np.sqrt(len(table["along"])))


def width(table: Table) -> tuple[float, float]:
    """Half of the central 68 % of what is across; its uncertainty is that of a Gaussian's quantiles."""
    low, high = np.quantile(table["across"], [0.16, 0.84])
    return float(high - low) / 2, float(0.96 * (high - low) / 2 / np.sqrt(len(table["across"])))


def corrected(table: Table) -> tuple[float, float]:
    """The width over the response."""
    (value, error), (own, its_error) = width(table), response(table)
    return value / own, value / own * float(np.hypot(error / value, its_error / own))


def rows(heads: list[str], lines: list[list[str]]) -> None:
    """Print a table."""
    print("\n| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    for line in lines:
        print("| " + " | ".join(line) + " |")


def overall(samples: dict[str, Table]) -> None:
    """What there is in an event."""
    jets = {name: np.hypot(t["jet1Px"], t["jet1Py"]) for name, t in samples.items()}
    second = {name: np.hypot(t["jet2Px"], t["jet2Py"]) for name, t in samples.items()}
    lines = [["events", *(f"{len(t['mu']):,}" for t in samples.values())]]
    lines += [[f"{name}, mean", *(mean(t[name]) for t in samples.values())] for name in COUNTS]
    lines += [[f"{name} [GeV], mean", *(mean(t[name]) for t in samples.values())] for name in SUMS]
    cells = [", ".join(f"{x:.1f}" for x in np.quantile(t["ptTrue"], QUANTILES)) for t in samples.values()]
    lines.append([f"boson pT [GeV], {', '.join(f'{100 * q:.0f}' for q in QUANTILES)} %", *cells])
    lines.append(["one jet or more above 20 GeV", *(share(jets[name] > 0) for name in samples)])
    lines.append(["two jets or more", *(share(second[name] > 0) for name in samples)])
    lines.append(["hardest jet [GeV], median", *(f"{np.median(each[each > 0]):.1f}" for each in jets.values())])
    rows(["", *samples], lines)


def binned(samples: dict[str, Table], column: str, edges: tuple[float, ...], title: str) -> None:
    """Response and widths of plain u in bins of a column."""
    figures: dict[str, Callable[[Table], tuple[float, float]]] = {
        "response": response,
        "σ(u⊥) [GeV]": width,
        "σ(u⊥) / response [GeV]": corrected,
    }
    lines = []
    for low, high in pairwise(edges):
        chosen = [(t[column] >= low) & (t[column] < high) for t in samples.values()]
        if min(rows.sum() for rows in chosen) < FEW:
            continue
        parts = [{k: v[r] for k, v in t.items()} for t, r in zip(samples.values(), chosen, strict=True)]
        cells = ["{:.3g} ± {:.1g}".format(*figure(part)) for figure in figures.values() for part in parts]
        lines.append([f"{low}–{high}", *cells])
    rows([title, *(f"{figure}, {name}" for figure in figures for name in samples)], lines)


def main(folder: Path, *names: str) -> None:
    store = FeatureStore.load(RunFolder(folder).features)
    samples = {name: read(store, name) for name in names}
    overall(samples)
    binned(samples, "ptTrue", PT_EDGES, "true pT [GeV]")
    binned(samples, "mu", MU_EDGES, "mu")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
