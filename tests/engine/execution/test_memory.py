"""Memory is computed before launch, refused with every term, and held against what is measured."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.execution.memory import CLIENT_BASE, MIB, Need, Term, check
from lineshape.engine.input.catalogue import FileRecord, chunks_of
from lineshape.engine.job.discovery import Catalogue
from lineshape.engine.stages.histogramming import stage as histogramming
from lineshape.engine.stages.processing.needs import needs
from lineshape.jobs import api
from tests.conftest import SOAK

PROCESSES = 5


def catalogue(entries: int, chunk: int, entry_bytes: float) -> Catalogue:
    record = FileRecord("s", "a.root", "tree", "uuid", entries, 100, dict.fromkeys("abcdef", "x"), entry_bytes)
    return Catalogue([record], chunks_of(record, chunk), [], [])


def measured(chunks: int, entries: int, folder: Path, workers: int = 1) -> dict[str, Any]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.measured", str(chunks), str(entries), str(folder), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_need_is_refused_with_every_term() -> None:
    need = Need("a worker", (Term("Python", 300 * MIB), Term("a chunk", 1800 * MIB)), 2000 * MIB, "Lower it")
    with pytest.raises(RequestError) as refused:
        check([need])
    assert str(refused.value).splitlines() == [
        "too little memory: a worker needs",
        "         300 MiB  Python",
        "       1,800 MiB  a chunk",
        "       2,100 MiB  in all",
        "       2,000 MiB  is its limit",
        "Lower it",
    ]
    check([Need("a worker", need.terms, 2200 * MIB, ""), Need("a worker", need.terms, None, "")])


def test_a_workers_need_is_of_the_chunk_and_the_clients_of_their_number() -> None:
    few, many = (needs(catalogue(10**6, size, 250), None, 6) for size in (10**6, 10**3))
    assert few[0].size > many[0].size + 500 * MIB
    assert few[1].size < many[1].size
    assert needs(catalogue(10**6, 10**3, 500), None, 6)[0].size > many[0].size


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Peaks of ten chunks of four entries, on two workers."""
    return measured(10, 4, tmp_path_factory.mktemp("few") / "10", workers=2)


@pytest.mark.soak
@pytest.mark.processes
def test_the_sum_holds_against_the_measured_peak(tmp_path: Path, few: dict[str, Any]) -> None:
    """The peak is below what was computed, and that is not more than twice of it."""
    large = 80_000 if os.environ.get(SOAK) else 40_000
    for chunks, entries, found in ((10, 4, few), (2, large, measured(2, large, tmp_path / "large"))):
        computed = needs(catalogue(chunks * entries, entries, found["entry_bytes"]), None, 6)
        for need, peak in zip(computed, (found["worker"], found["client"]), strict=True):
            assert peak <= need.size <= 2 * peak, (entries, need.process, peak / MIB, need.size / MIB)


@pytest.mark.soak
@pytest.mark.processes
def test_memory_is_flat_in_the_number_of_chunks(tmp_path: Path, few: dict[str, Any]) -> None:
    """From 10 to 100 (soak: 1,000) chunks of one size: within 20 %, in the worker and the client with its scheduler."""
    most = 1000 if os.environ.get(SOAK) else 100
    many = measured(most, 4, tmp_path / "many", workers=2)
    assert few["chunks"] < 15
    assert many["chunks"] >= most
    for process in ("client", "worker"):
        assert many[process] <= 1.2 * few[process], process


@pytest.mark.processes
def test_histogramming_is_computed_too(finished: api.Result) -> None:
    from lineshape.engine.feature_store.store import FeatureStore

    store = FeatureStore.load(finished.folder / "features")
    worker, client = histogramming.needs(finished.job, store, list(finished.job.models), 3, 10 * MIB)
    assert [term.what for term in worker.terms][1].startswith("a shard: ")
    assert client.size > CLIENT_BASE
    with pytest.raises(RequestError, match="histograms of 5 models × 3 measures"):
        check([worker])
