"""Ten variations of a million taus: time beside the job itself, and memory.

    python -m tests.benchmarks.variations [TAUS, 1,000,000 by default]

The tau energy scale without trained models on simulated taus, varied by ten factors of its momenta, one direction each,
on two workers. Seconds are those of the ledger: of processing and histogramming once, and of each variation, which is
both.
"""

import sys
import tempfile
import threading
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from lineshape.engine.core import ledger
from lineshape.jobs import api

MIB = 1 << 20


def peak(process: psutil.Process) -> float:
    """Return the MiB of the largest process below this one."""
    sizes = [0]
    for each in process.children(recursive=True):
        try:
            sizes.append(each.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return max(sizes) / MIB


def main(taus: int) -> None:
    """Measure and print."""
    factors = {
        f"scale_{number}": {
            "kind": "scale",
            "columns": ["ptCombined", "ptPanTauCellBased"],
            "up": 1 + 0.002 * (number + 1),
            "symmetrise": True,
        }
        for number in range(10)
    }
    changes: dict[str, Any] = {
        "samples.gammatautau.simulate.taus": taus,
        "variations": factors,
        "models": {name: {"kind": "column", "column": column} for name, column in COLUMNS.items()},
        "baseline": "combined",
        "claims": {},
        "search": {},
        "measures": {"response": {"kind": "response", "truth": "truthPtVis"}},
        "cluster": {"kind": "local", "workers": 2},
    }
    seen: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            seen.append(peak(psutil.Process()))

    with tempfile.TemporaryDirectory() as name:
        job = api.load("tau_energy_scale", None, changes)
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            api.run(job, Path(name))
        finally:
            stop.set()
            thread.join()
        seconds = {record.stage: record.seconds for record in ledger.stages(Path(name) / "ledger.jsonl")}
    once = seconds["processing"] + seconds["histogramming"]
    varied = [value for stage, value in seconds.items() if stage.startswith("variation ")]
    print(
        f"{taus:,} taus: processing {seconds['processing']:.1f} s, histogramming {seconds['histogramming']:.1f} s; ten "
        f"variations {sum(varied):.1f} s (each {min(varied):.1f} to {max(varied):.1f}); all together "
        f"{(once + sum(varied)) / once:.1f} times the job itself; largest process {median(seen):.0f} MiB, at most "
        f"{max(seen):.0f}"
    )


COLUMNS = {"combined": "ptCombined", "particle_flow": "ptPanTauCellBased"}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
