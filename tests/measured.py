"""Peaks of memory, measured in processes of their own."""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.execution.workers import Workers
from lineshape.engine.input.catalogue import FileRecord, remembered
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from tests.conftest import TREE, small_job
from tests.faults.runs import process_with


def high_water() -> int:
    """Peak resident size of this process so far, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def of_processing(chunks: int, entries: int, folder: Path, workers: int = 1) -> dict[str, Any]:
    """Process so many chunks of so many entries: peaks of the client and of its largest worker, and seconds."""
    # Every event has one or two taus; the file holds a few more events than are asked for.
    path = folder / "taus.root"
    order = FileOrder(GammaTauTau(), int(1.34 * chunks * entries) + 10, 1, 0, TREE, path)
    # Elsewhere, as this process's own peak is of what it processes.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        elsewhere.submit(write_file, order).result()
    job = small_job([path], chunk_entries=entries)
    with Local(workers=workers).open() as client:
        start = time.monotonic()
        store = process_with(job, folder / "run", Workers(lambda: client))
        seconds = time.monotonic() - start
        peaks = client.run(high_water)
    (record,) = remembered(folder / "run" / "features").values()
    assert isinstance(record, FileRecord)
    return {
        "chunks": len(store.shards),
        "client": high_water(),
        "worker": max(peaks.values()),
        "seconds": seconds,
        "entry_bytes": record.entry_bytes,
    }


if __name__ == "__main__":
    print(json.dumps(of_processing(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))
