"""Files far away, through real servers, and files of the other kind: RNTuple."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import awkward as ak
import pytest
import uproot

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.errors import DataError, RequestError
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.input.root_files import open_file
from lineshape.engine.input.sources import expand
from lineshape.engine.job.job import Job
from tests import servers
from tests.conftest import TREE
from tests.faults.runs import faulty_job, process_with

PROCESSES = 12

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("default")]


def rows(store: FeatureStore) -> list[dict[str, bytes]]:
    """All that the shards hold, bit by bit."""
    return [
        {name: values.tobytes() for name, values in table.items()} for table in store.tables(["event", *store.columns])
    ]


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for faults, of which there are none here; it is one of the processor's settings."""
    return tmp_path_factory.mktemp("faults")


def job_of(files: list[Path] | list[str], faults: Path, **changes: object) -> Job:
    return faulty_job(files, faults, **{"chunk_entries": 600} | changes)


@pytest.fixture(scope="module")
def local(
    ntuples: list[Path], faults: Path, workers: Workers, tmp_path_factory: pytest.TempPathFactory
) -> FeatureStore:
    return process_with(job_of(ntuples, faults), tmp_path_factory.mktemp("local"), workers)


@pytest.fixture(scope="module")
def server(ntuples: list[Path]) -> Iterator[servers.XRootD]:
    """An XRootD server; a test that stops it starts it again."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        with servers.xrootd(Path(place), ntuples) as opened:
            yield opened


def test_root_urls(
    server: servers.XRootD, ntuples: list[Path], local: FeatureStore, faults: Path, tmp_path: Path, workers: Workers
) -> None:
    urls = [server.url + path.name for path in ntuples]
    store = process_with(job_of(urls, faults), tmp_path / "run", workers)
    assert not store.quarantined
    assert rows(store) == rows(local)
    assert [shard.identity for shard in store.shards] == [shard.identity for shard in local.shards]

    def none() -> None:
        raise AssertionError("nothing has changed")

    again = process_with(job_of(urls, faults), tmp_path / "run", Workers(none))  # type: ignore[arg-type]
    assert again.digest() == store.digest()


def test_a_glob_of_a_server(server: servers.XRootD, ntuples: list[Path]) -> None:
    found = [source.path for source in expand([server.url + "taus_*.root"]).sources]
    assert [Path(path).name for path in found] == [path.name for path in ntuples]
    with open_file(found[0]) as file:
        assert file[TREE].num_entries > 0
    with pytest.raises(RequestError, match="no file matches root://"):
        expand([server.url + "none_*.root"])


def test_a_file_that_the_server_does_not_have(server: servers.XRootD) -> None:
    with pytest.raises(DataError, match="no such file"):
        open_file(server.url + "none.root")


def test_a_server_that_is_killed_and_comes_back(
    server: servers.XRootD, ntuples: list[Path], local: FeatureStore, faults: Path, tmp_path: Path
) -> None:
    urls = [server.url + path.name for path in ntuples]
    job = job_of(urls, faults, **{"processor.seconds": 0.05})

    def break_down() -> None:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "run").rglob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.05)
        server.stop()
        time.sleep(2)
        server.start()

    thread = threading.Thread(target=break_down)
    thread.start()
    with Local(workers=2).open() as client:
        store = process_with(job, tmp_path / "run", Workers(lambda: client))
    thread.join()
    assert not store.quarantined
    assert rows(store) == rows(local)


def test_a_server_that_stops_answering_is_an_error_that_may_pass(
    server: servers.XRootD, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, as XRootD reads its time-outs once."""
    import subprocess
    import sys

    code = f"from lineshape.engine.input.root_files import open_file; open_file({server.url + 'taus_0.root'!r})"
    for name, value in {"XRD_REQUESTTIMEOUT": "3", "XRD_STREAMERRORWINDOW": "1", "XRD_CONNECTIONWINDOW": "2"}.items():
        monkeypatch.setenv(name, value)
    server.signal(signal.SIGSTOP)
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    finally:
        server.signal(signal.SIGCONT)
    assert "OSError" in done.stderr or "TimeoutError" in done.stderr
    assert "DataError" not in done.stderr


@pytest.mark.parametrize(
    "busy",
    [
        range(4),
        pytest.param(range(12, 16), marks=pytest.mark.drill),
        range(0, 10_000, 60),
    ],
    ids=["first", "later", "often"],
)
def test_http_urls_with_a_server_that_is_busy_now_and_then(
    busy: range, ntuples: list[Path], local: FeatureStore, faults: Path, tmp_path: Path, workers: Workers
) -> None:
    """In the look into the files, and all along; the drill is of four requests in a row in between."""
    with servers.http(ntuples[0].parent, busy=busy) as url:
        job = job_of([url + path.name for path in ntuples], faults)
        store = process_with(job, tmp_path / "run", workers)
    assert not store.quarantined
    assert rows(store) == rows(local)


def test_a_list_of_a_server_and_a_rerun_that_asks_it_for_versions_alone(
    ntuples: list[Path], local: FeatureStore, faults: Path, tmp_path: Path, workers: Workers
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for path in ntuples:
        shutil.copy(path, folder)
    (folder / "files.txt").write_text("".join(f"{path.name}\n" for path in ntuples), encoding="utf-8")

    def none() -> None:
        raise AssertionError("nothing has changed")

    with servers.http(folder) as url:
        job = job_of([url + "files.txt"], faults)
        store = process_with(job, tmp_path / "run", workers)
        assert rows(store) == rows(local)
        process_with(job, tmp_path / "run", Workers(none))  # type: ignore[arg-type]
        os.utime(folder / ntuples[0].name, (1, 1))
        with pytest.raises(AssertionError, match="nothing has changed"):
            process_with(job, tmp_path / "run", Workers(none))  # type: ignore[arg-type]
        with pytest.raises(RequestError, match=r"none\.txt: cannot read this list of files"):
            expand([url + "none.txt"])


def test_what_a_web_server_says(ntuples: list[Path], tmp_path: Path) -> None:
    with servers.http(ntuples[0].parent) as url, pytest.raises(DataError, match="the server answers 404"):
        open_file(url + "none.root")
    with (
        servers.http(ntuples[0].parent, ranges=False) as url,
        pytest.raises(DataError, match=r"ignores range requests \(status 200, expected 206\)"),
    ):
        open_file(url + ntuples[0].name)
    (tmp_path / "page.root").write_text("<html>", encoding="utf-8")
    with servers.http(tmp_path) as url, pytest.raises(DataError, match="not a ROOT file: it starts with b'<htm'"):
        open_file(url + "page.root")
    with pytest.raises(OSError, match="the server cannot be reached"):
        open_file(f"http://127.0.0.1:{servers.free_port()}/a.root")


def to_rntuple(source: Path, target: Path) -> None:
    """The same columns; its fields may hold no dots, and have colons in their place."""
    with uproot.open(source) as file:
        arrays = {name: values for name, values in file[TREE].arrays(how=dict).items() if not name.startswith("nTau")}
    with uproot.recreate(target) as file:
        file.mkrntuple(TREE, {name.replace(".", ":"): ak.Array(values) for name, values in arrays.items()})


def test_rntuples_give_the_same_rows(
    ntuples: list[Path], local: FeatureStore, faults: Path, tmp_path: Path, workers: Workers
) -> None:
    files = [tmp_path / path.name for path in ntuples]
    for source, target in zip(ntuples, files, strict=True):
        to_rntuple(source, target)
    store = process_with(job_of(files, faults), tmp_path / "run", workers)
    assert not store.quarantined
    assert rows(store) == rows(local)


def test_an_rntuple_cut_short_is_named(ntuples: list[Path], faults: Path, tmp_path: Path, workers: Workers) -> None:
    whole, short = tmp_path / "whole.root", tmp_path / "short.root"
    to_rntuple(ntuples[0], whole)
    shutil.copy(whole, short)
    short.write_bytes(short.read_bytes()[: short.stat().st_size // 2])
    store = process_with(job_of([short, ntuples[1]], faults), tmp_path / "run", workers)
    assert {item.file for item in store.quarantined} == {str(short)}
    assert {item.cause for item in store.quarantined} == {"corrupt"}
