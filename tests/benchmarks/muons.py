"""True muons of the fast simulation beside Pythia 8's: per event, spectra, impact parameters, isolation; speeds.

python -m tests.benchmarks.muons [folder with muons.parquet]

Pythia's set has all W and Z decay to muons and taus, so here they do as well. No pions or kaons decay in it: those are
left out on both sides. It counts a muon of b → c → μ as the charmed hadron's.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lineshape.jobs.simulate.families.stau_pairs import StauPairs
from lineshape.jobs.simulate.families.ttbar import TTbar
from lineshape.jobs.simulate.families.w_lnu import WLnu
from lineshape.jobs.simulate.families.w_star import WStar
from lineshape.jobs.simulate.families.z_ll import ZLl
from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.true_muons import FAKE, PROMPT, TAU

Floats = NDArray[np.float64]
ORIGINS = {"prompt": PROMPT, "tau": TAU, "fake": FAKE}
#: Pythia's processes, as the fast simulation gives them.
PROCESSES: dict[str, MuonFamily] = {
    "ttbar": TTbar(w_to_muon=0.5, w_to_tau=0.5, w_to_quarks=0.0),
    "wlnu": WLnu(),
    "zll": ZLl(),
}
COLUMNS = ("pt", "eta", "d0", "z0", "etcone20", "etcone30")
QUANTITIES = ("pt", "|eta|", "|d0| [um]", "|z0| [um]", "etcone20", "etcone30")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
#: Truth origins of what Pythia's set lacks: decays in flight and punch-through.
NOT_IN_PYTHIA = (0, 34, 35)


@dataclass(frozen=True)
class Muons:
    """Of one process and origin: muons per event, and their quantities."""

    per_event: float
    columns: dict[str, Floats]


def pythia(path: Path, process: str, origin: str, minimum_pt: float) -> Muons:
    """Of the set at this path, above a pT in GeV."""
    table = pq.read_table(path, filters=[("process", "=", process), ("origin", "=", origin)])
    events = json.loads(table.schema.metadata[b"events"].replace(b"'", b'"'))[process]
    columns = {
        name: table[name].to_numpy().astype(np.float64) for name in ("pt", "eta", "d0", "z0", "etcone20", "etcone30")
    }
    return _muons(columns, events, minimum_pt)


def fast(process: str, events: int, minimum_pt: float, seed: int = 1) -> dict[str, Muons]:
    """By origin, from so many events."""
    family = PROCESSES[process].model_copy(update={"minimum_pt": minimum_pt})
    found: dict[str, list[dict[str, Floats]]] = {origin: [] for origin in ORIGINS}
    rng = np.random.default_rng(seed)
    for _ in range(max(1, events // family.batch)):
        muons, _ = family.true_muons(min(events, family.batch), rng)
        comparable = ~np.isin(muons.truth_origin, NOT_IN_PYTHIA)
        for name, number in ORIGINS.items():
            rows = (muons.origin == number) & comparable
            found[name].append({column: getattr(muons, column)[rows] for column in COLUMNS})
    joined = {
        origin: {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for origin, parts in found.items()
    }
    return {origin: _muons(columns, events, minimum_pt) for origin, columns in joined.items()}


def _muons(columns: dict[str, Floats], events: int, minimum_pt: float) -> Muons:
    kept = (columns["pt"] > minimum_pt) & (np.abs(columns["eta"]) < 2.5)
    values = {name: column[kept] for name, column in columns.items()}
    return Muons(
        kept.sum() / events,
        {
            "pt": values["pt"],
            "|eta|": np.abs(values["eta"]),
            "|d0| [um]": 1e3 * np.abs(values["d0"]),
            "|z0| [um]": 1e3 * np.abs(values["z0"]),
            "etcone20": values["etcone20"],
            "etcone30": values["etcone30"],
        },
    )


def compare(path: Path) -> None:
    """Print means and quantiles, ours/Pythia's."""
    print("mean, then quantiles " + ", ".join(map(str, QUANTILES)) + "; ours/Pythia")
    for process in PROCESSES:
        for minimum_pt in (5.0, 10.0):
            ours = fast(process, 200_000, minimum_pt)
            for origin in ORIGINS:
                theirs = pythia(path, process, origin, minimum_pt)
                mine = ours[origin]
                print(
                    f"\n{process} {origin} pT > {minimum_pt:g}: per event {mine.per_event:.4f}, "
                    f"Pythia {theirs.per_event:.4f} ({mine.per_event / theirs.per_event - 1:+.0%})"
                )
                for name in QUANTITIES:
                    if origin == "prompt" and "0|" in name:
                        continue
                    a, b = (np.quantile(each.columns[name], QUANTILES) for each in (mine, theirs))
                    means = mine.columns[name].mean(), theirs.columns[name].mean()
                    row = "  ".join(f"{x:8.2f}/{y:8.2f}" for x, y in zip((means[0], *a), (means[1], *b), strict=True))
                    print(f"  {name:10s} {row}")


def speeds(amount: int) -> None:
    """Print reconstructed muons per core-second of each family."""
    for family in (TTbar(), WLnu(), ZLl(), WStar(), StauPairs()):
        rng = np.random.default_rng(1)
        family.generate(2000, rng)
        rates = []
        for _ in range(3):
            start = time.process_time()
            family.generate(amount, rng)
            rates.append(amount / (time.process_time() - start))
        load = os.getloadavg()[0]
        print(f"{type(family).__name__:10s} {np.median(rates):10,.0f} muons per core-second (load average {load:.1f})")


if __name__ == "__main__":
    compare(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/pythia") / "muons.parquet")
    speeds(100_000)
