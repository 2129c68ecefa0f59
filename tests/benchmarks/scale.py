"""From 100,000 taus to the 12.6 million of the talk: time of each stage, its exponent, and the peak of any process.

    lineshape run tau_energy_scale && python -m tests.benchmarks.scale [run folder, whose models are applied]

Simulation, processing and histogramming on two workers; the models of the run are applied as they are, to other data.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import Bundle, read_index
from lineshape.engine.running.run import open_run
from lineshape.jobs import api
from lineshape.jobs.simulate.orders import simulator

SIZES = (100_000, 1_000_000, 12_600_000)
STAGES = ("simulation", "processing", "histogramming")


def one(taus: int, folder: Path, models: Path) -> dict[str, float]:
    """Seconds of each stage; then once more, with nothing left to do."""
    files = max(2, taus // 200_000)
    simulate = {"samples.gammatautau.simulate.taus": taus, "samples.gammatautau.simulate.files": files}
    job = api.load("tau_energy_scale", changes=simulate | {"chunk_entries": 100_000, "cluster.workers": 2})
    seconds = {}
    with open_run(job, folder) as run:
        start = time.monotonic()
        found = run.simulate(simulator(job))
        seconds["simulation"], start = time.monotonic() - start, time.monotonic()
        run.process(found)
        seconds["processing"] = time.monotonic() - start
        adopt(job, RunFolder(folder), models)
        start = time.monotonic()
        run.histogram()
        seconds["histogramming"] = time.monotonic() - start
    return seconds


def adopt(job: Job, folder: RunFolder, models: Path) -> None:
    """Bundles of another run, taken for this one's."""
    shutil.copytree(models, folder.models)
    store = FeatureStore.load(folder.features)
    for name in read_index(folder).bundles:
        digest = inputs_of(job, job.built_models()[name]).digest(job, store)
        replace(Bundle.load(folder.models / name), digest=digest).save()


def peak_of(process: subprocess.Popen[str]) -> int:
    """Largest peak resident size of a process and all that it starts, until it ends; in bytes."""
    peak = 0
    while process.poll() is None:
        try:
            root = psutil.Process(process.pid)
            for each in [root, *root.children(recursive=True)]:
                peak = max(peak, _high_water(each.pid))
        except psutil.Error:
            pass
        time.sleep(0.2)
    return peak


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def main(run: Path) -> None:
    print("| taus | " + " | ".join(f"{stage} [s]" for stage in STAGES) + " | peak of any process [GiB] |")
    print("|---|---|---|---|---|")
    times: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for taus in SIZES:
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "tests.benchmarks.scale", str(taus), place, str(run / "models")]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            peak = peak_of(process)
            assert process.stdout is not None
            assert process.returncode == 0
            seconds = json.loads(process.stdout.read().splitlines()[-1])
        for stage in STAGES:
            times[stage].append(seconds[stage])
        cells = " | ".join(f"{seconds[stage]:.1f}" for stage in STAGES)
        print(f"| {taus:,} | {cells} | {peak / 2**30:.2f} |", flush=True)
    for stage in STAGES:
        # From the second size on: the start of the cluster is not a matter of size.
        whole = np.polyfit(np.log(SIZES), np.log(times[stage]), 1)[0]
        last = np.log(times[stage][-1] / times[stage][-2]) / np.log(SIZES[-1] / SIZES[-2])
        print(f"{stage}: time grows as N^{whole:.2f}; from {SIZES[-2]:,} on as N^{last:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(one(int(sys.argv[1]), Path(sys.argv[2]) / "run", Path(sys.argv[3]))))
    else:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/tau_energy_scale"))
