"""Nothing lost, nothing twice: real workers and drivers are killed, stopped and starved, and the result is the same.

A run is compared with an undisturbed one of the same job, file by file and bit by bit.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import uproot

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.errors import DataError, RequestError, RunError, StorageError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.input.catalogue import FileRecord, chunks_of
from lineshape.engine.input.tasks import tasks_of
from lineshape.engine.job.job import Job
from tests.conftest import SOAK, TREE, small_job
from tests.faults.runs import (
    content,
    faulty_job,
    killing_workers,
    process_and_histogram,
    process_with,
    run,
    worker_pids,
)

PROCESSES = 150

#: A killed worker's last words are not ours to hush.
pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("default")]


#: Entries of a chunk: there are ten of them in two files.
ENTRIES = 500


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture
def faults(place: Path) -> Iterator[Path]:
    """A folder for this test's faults, the same for all tests, as it is one of the processor's settings."""
    yield place
    for path in place.iterdir():
        path.unlink()


def job_of(files: list[Path], faults: Path, **changes: object) -> Job:
    """A job of few chunks, each with random numbers of its own."""
    return faulty_job(files, faults, **{"chunk_entries": ENTRIES, "processor.smear": 0.1} | changes)


@pytest.fixture(scope="module")
def plain(ntuples: list[Path], place: Path, workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """What the job leaves where nothing happens, on two workers."""
    return process_with(job_of(ntuples, place), tmp_path_factory.mktemp("plain"), workers)


@pytest.fixture(scope="module")
def undisturbed(plain: FeatureStore) -> dict[str, str]:
    """Digests of it."""
    return content(plain.folder.parent)


@pytest.fixture
def copied(plain: FeatureStore, tmp_path: Path) -> Path:
    """The folder of a run like that, to be damaged."""
    shutil.copytree(plain.folder.parent, tmp_path / "run")
    return tmp_path / "run"


def slow(faults: Path, seconds: float = 0.1) -> None:
    """Make each chunk take longer, in the same job."""
    (faults / "slow").write_text(str(seconds), encoding="utf-8")


def first_events(path: Path, entries: int = ENTRIES) -> list[int]:
    """Number of the first event of each chunk of a file."""
    with uproot.open(path) as file:
        numbers = file[TREE]["EventInfoAuxDyn.eventNumber"].array(library="np")
    count = -(-len(numbers) // entries)
    return [int(numbers[len(numbers) * i // count]) for i in range(count)]


@pytest.mark.parametrize("number", [1, pytest.param(4, marks=pytest.mark.drill)])
def test_the_same_bits_with_any_number_of_workers(
    number: int, ntuples: list[Path], tmp_path: Path, faults: Path, undisturbed: dict[str, str]
) -> None:
    """As with two; the drill adds more of them."""
    run(job_of(ntuples, faults), tmp_path / "run", number)
    assert content(tmp_path / "run") == undisturbed


def test_workers_killed_again_and_again(
    ntuples: list[Path], tmp_path: Path, faults: Path, undisturbed: dict[str, str]
) -> None:
    slow(faults, 0.2)
    with killing_workers(tmp_path / "run", every=2, seed=3) as killed:
        run(job_of(ntuples, faults), tmp_path / "run")
    assert len(set(killed)) >= 3
    assert content(tmp_path / "run") == undisturbed


def test_every_chunk_kills_its_worker_once(
    ntuples: list[Path], tmp_path: Path, faults: Path, undisturbed: dict[str, str]
) -> None:
    """Also where the kills of a task's chunks are more than Dask itself would forgive."""
    (faults / "once").touch()
    store = run(job_of(ntuples, faults), tmp_path / "run")
    assert len(list(faults.glob("flag_*"))) == len(store.shards)
    assert not store.quarantined
    assert content(tmp_path / "run") == undisturbed


def test_a_chunk_that_always_kills_is_quarantined_alone(
    ntuples: list[Path], tmp_path: Path, faults: Path, plain: FeatureStore
) -> None:
    (faults / "always").write_text(str(first_events(ntuples[0])[1]), encoding="utf-8")
    store = run(job_of(ntuples, faults), tmp_path / "run")
    (lost,) = store.quarantined
    assert lost.cause == "killed its worker"
    assert lost.file == str(ntuples[0])
    assert store.processed + lost.stop - lost.start == store.entries == plain.entries
    assert len(store.shards) == len(plain.shards) - 1


def test_a_stopped_worker(ntuples: list[Path], tmp_path: Path, faults: Path, undisturbed: dict[str, str]) -> None:
    """One that neither works nor dies: its tasks go to others."""
    slow(faults, 0.2)
    stopped: list[int] = []

    def stop_one() -> None:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "run").rglob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.05)
        stopped.append(worker_pids()[-1])
        os.kill(stopped[0], signal.SIGSTOP)

    thread = threading.Thread(target=stop_one)
    thread.start()
    run(job_of(ntuples, faults), tmp_path / "run", patience=5)
    thread.join()
    assert stopped
    assert content(tmp_path / "run") == undisturbed


@pytest.mark.soak
def test_a_driver_killed_at_many_moments(ntuples: list[Path], tmp_path: Path, workers: Workers) -> None:
    """Processing and histogramming, with a rerun after each kill; a moment is a number of files made, not a time."""
    soak = bool(os.environ.get(SOAK))
    kills, of_stores, of_sums = (20, 5, 2) if soak else (1, 1, 0)
    plain, folder = RunFolder(tmp_path / "plain"), RunFolder(tmp_path / "run")
    path = tmp_path / "job.json"
    write_json(path, small_job(ntuples, chunk_entries=100 if soak else 200).model_dump(mode="json"))
    command = [sys.executable, "-m", "tests.faults.runs", str(path), str(folder.path)]
    process_and_histogram(path, plain.path, workers)
    expected, made_in_all = content(plain.path), _made(plain.path)
    shards = len(FeatureStore.load(plain.features).shards)
    rng = random.Random(7)
    met: list[int] = []

    def enough() -> bool:
        """So many kills, some of which met half-made stores and some half-made sums: a slow machine needs more."""
        in_stores, in_sums = sum(0 < made < shards for made in met), sum(shards < made < made_in_all for made in met)
        return len(met) >= kills and in_stores >= of_stores and in_sums >= of_sums

    while not enough():
        assert len(met) < 80, f"eighty kills met too few half-made stores and sums: {met} of {shards} and {made_in_all}"
        moment = rng.randint(_made(folder.path), made_in_all - 1) if soak else shards // 3
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while _made(folder.path) < moment and driver.poll() is None:
            time.sleep(0.005)
        driver.kill()
        driver.wait()
        met.append(_made(folder.path))
        if not enough() and met[-1] == made_in_all:
            shutil.rmtree(folder.path)
    process_and_histogram(path, folder.path, workers)
    assert content(folder.path) == expected


def _made(folder: Path) -> int:
    """Files made so far: shards, partial sums and the manifest, parts of histograms and their sum."""
    return len(content(folder))


def test_a_full_disk(
    ntuples: list[Path], tmp_path: Path, faults: Path, workers: Workers, undisturbed: dict[str, str]
) -> None:
    """The run stops and blames no chunk; with room, the same command goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = "size=400k"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    try:
        job = job_of(ntuples, faults)
        with pytest.raises(StorageError, match=r"No space left on device; make room, .* what is done is kept"):
            process_with(job, disk, workers)
        made = {path: path.stat().st_mtime_ns for path in disk.rglob("*.parquet")}
        assert made
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        store = process_with(job, disk, workers)
        assert not store.quarantined
        assert content(disk) == undisturbed
        assert made.items() <= {path: path.stat().st_mtime_ns for path in disk.rglob("*.parquet")}.items()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_torn_files(
    ntuples: list[Path], copied: Path, faults: Path, workers: Workers, undisturbed: dict[str, str]
) -> None:
    """Half a shard under its own name, as a machine that lost its power leaves it, and half of one not yet renamed."""
    store = FeatureStore.load(copied / "features")
    shutil.rmtree(copied / "features" / "partial_sums")  # else they are known, and found out when they are read
    paths = [store.path(shard) for shard in store.shards]
    paths[3].write_bytes(paths[3].read_bytes()[:1000])
    paths[5].write_bytes(b"")
    old = paths[7].with_name(f".{paths[7].name}.0123456789ab.tmp")
    paths[7].rename(old)
    old.write_bytes(old.read_bytes()[:1000])
    os.utime(old, (0, 0))
    process_with(job_of(ntuples, faults), copied, workers)
    assert content(copied) == undisturbed


def test_a_torn_tally_is_made_again(
    ntuples: list[Path], copied: Path, faults: Path, workers: Workers, undisturbed: dict[str, str]
) -> None:
    for partial_sum in (copied / "features" / "partial_sums").iterdir():
        partial_sum.write_bytes(b"")
    process_with(job_of(ntuples, faults), copied, workers)
    assert content(copied) == undisturbed


def test_a_shard_that_the_disk_spoils_is_found_when_it_is_read(
    ntuples: list[Path], copied: Path, faults: Path, workers: Workers, undisturbed: dict[str, str]
) -> None:
    """Long after it was made and added up; the next run makes it anew."""
    store = FeatureStore.load(copied / "features")
    spoilt = store.path(store.shards[3])
    column = pq.ParquetFile(spoilt).metadata.row_group(0).column(0)
    whole = spoilt.read_bytes()
    end = column.data_page_offset + column.total_compressed_size
    spoilt.write_bytes(whole[: end - 8] + bytes(8) + whole[end:])
    with pytest.raises(DataError, match=f"{spoilt.name} was damaged on disk, and is removed: run 'lineshape process'"):
        list(store.tables(["event", *store.columns]))
    process_with(job_of(ntuples, faults), copied, workers)
    assert content(copied) == undisturbed


def test_tasks_are_of_one_tree_each() -> None:
    """Two samples may read two trees of one file."""
    records = [FileRecord(name, "a.root", name, "uuid", 1300, 100, {"pt": "pt"}) for name in ("nominal", "up")]
    tasks = tasks_of([chunk for record in records for chunk in chunks_of(record, 100)], 2)
    assert all(len({chunk.file.tree for chunk in task}) == 1 for task in tasks)
    assert sum(map(len, tasks)) == 26


def test_tasks_become_smaller_towards_the_end() -> None:
    """So that no worker is at work on a large one when the others have ended; a task is never hardly worth a file."""
    record = FileRecord("s", "a.root", "tree", "uuid", 3_000_000, 100, {"pt": "pt"})
    tasks = tasks_of(chunks_of(record, 10_000), 2)
    sizes = [sum(chunk.stop - chunk.start for chunk in task) for task in tasks]
    assert sum(sizes) == 3_000_000
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 300_000
    assert 20_000 <= sizes[-2] < 40_000


def test_a_processor_that_raises_on_some_events(
    ntuples: list[Path], tmp_path: Path, faults: Path, workers: Workers
) -> None:
    job = job_of(ntuples, faults)
    bad = [first_events(ntuples[0])[4], first_events(ntuples[1])[0]]
    (faults / "raises").write_text("\n".join(map(str, bad)), encoding="utf-8")
    store = process_with(job, tmp_path / "run", workers)
    assert [(item.file, item.cause) for item in store.quarantined] == [(str(p), "processor") for p in ntuples]
    assert "ZeroDivisionError: in the processor" in store.quarantined[0].reason
    lost = sum(item.stop - item.start for item in store.quarantined)
    assert store.processed + lost == store.entries
    (faults / "raises").unlink()
    assert not process_with(job, tmp_path / "run", workers).quarantined


def test_a_processor_that_always_raises_stops_the_run_early(
    ntuples: list[Path], tmp_path: Path, workers: Workers
) -> None:
    """With faults of its own, as the tasks that run then go on."""
    job = faulty_job(ntuples, tmp_path / "faults", **{"processor.seconds": 0.01, "chunk_entries": 20})
    (tmp_path / "faults" / "raises_always").touch()
    with pytest.raises(RunError, match="stopped early, as each of the first 16 chunks failed: ZeroDivisionError"):
        process_with(job, tmp_path / "run", workers)


def test_a_file_that_vanishes(ntuples: list[Path], tmp_path: Path, faults: Path, workers: Workers) -> None:
    """Between the look into it and its turn: its chunks are listed, each with its entries."""
    second = tmp_path / "z_second.root"
    shutil.copy(ntuples[1], second)
    job = job_of([ntuples[0], second], faults)
    (faults / "vanish").write_text(str(second), encoding="utf-8")
    with Local(workers=1).open() as client:
        store = process_with(job, tmp_path / "run", Workers(lambda: client))
    assert store.quarantined
    assert {item.file for item in store.quarantined} == {str(second)}
    assert "no such file" in store.quarantined[0].reason
    assert all(item.start >= 0 for item in store.quarantined)
    assert store.processed + sum(item.stop - item.start for item in store.quarantined) == store.entries


def test_random_numbers_are_of_the_seed_and_the_chunk(
    ntuples: list[Path], tmp_path: Path, faults: Path, workers: Workers, plain: FeatureStore
) -> None:
    """Wherever the files are; and, as all tests of the same bits show, whichever worker does it, and however often."""
    moved = [tmp_path / "moved" / path.name for path in ntuples]
    moved[0].parent.mkdir()
    for source, target in zip(ntuples, moved, strict=True):
        shutil.copy(source, target)
    again = process_with(job_of(moved, faults), tmp_path / "run", workers)
    for first, second in zip(*(store.tables(["event", "ptCombined"]) for store in (plain, again)), strict=True):
        assert first["ptCombined"].tolist() == second["ptCombined"].tolist()
    bare = process_with(job_of(ntuples[:1], faults, **{"processor.smear": 0}), tmp_path / "bare", workers)
    smeared = next(plain.tables(["ptCombined"]))["ptCombined"]
    ratio = smeared / next(bare.tables(["ptCombined"]))["ptCombined"]
    assert 0.05 < ratio.std() < 0.2
    assert len(set(ratio[:20])) == 20


def test_a_new_file_is_processed_alone(ntuples: list[Path], tmp_path: Path, faults: Path, workers: Workers) -> None:
    first = process_with(job_of(ntuples[:1], faults), tmp_path / "run", workers)
    made = {first.path(shard): first.path(shard).stat().st_mtime_ns for shard in first.shards}
    both = process_with(job_of(ntuples, faults), tmp_path / "run", workers)
    now = {both.path(shard): both.path(shard).stat().st_mtime_ns for shard in both.shards}
    assert made.items() < now.items()


def test_a_changed_file_redoes_what_it_touches(
    ntuples: list[Path], tmp_path: Path, faults: Path, workers: Workers
) -> None:
    mine = [tmp_path / path.name for path in ntuples]
    for source, target in zip(ntuples, mine, strict=True):
        shutil.copy(source, target)
    job = job_of(mine, faults)
    before = process_with(job, tmp_path / "run", workers)
    with uproot.open(ntuples[1]) as file:
        arrays = {k: v for k, v in file[TREE].arrays(how=dict).items() if not k.startswith("nTau")}
    with uproot.recreate(mine[1]) as file:
        file.mktree(TREE, {name: values.type.content for name, values in arrays.items()})
        file[TREE].extend(arrays)
    after = process_with(job, tmp_path / "run", workers)
    old = {shard.identity for shard in before.shards}
    kept = [shard.identity in old for shard in after.shards]
    half = len(first_events(mine[0]))
    assert kept == [True] * half + [False] * (len(kept) - half)


def test_a_rerun_starts_no_cluster(
    ntuples: list[Path], copied: Path, faults: Path, undisturbed: dict[str, str]
) -> None:
    def none() -> None:
        raise AssertionError("a rerun with nothing to do must not start a cluster")

    process_with(job_of(ntuples, faults), copied, Workers(none))  # type: ignore[arg-type]
    assert content(copied) == undisturbed


def test_a_file_that_is_bad_for_good_is_not_looked_into_again(
    ntuples: list[Path], copied: Path, tmp_path: Path, faults: Path, workers: Workers
) -> None:
    bad = tmp_path / "bad.root"
    bad.write_bytes(b"no ROOT")
    job = job_of([*ntuples, bad, tmp_path / "none.root"], faults)
    first = process_with(job, copied, workers)

    def none() -> None:
        raise AssertionError("nothing has changed")

    again = process_with(job, copied, Workers(none))  # type: ignore[arg-type]
    assert len(again.quarantined) == 2
    assert again.quarantined == first.quarantined
    shutil.copy(ntuples[0], bad)
    mended = process_with(job, copied, workers)
    assert [Path(item.file).name for item in mended.quarantined] == ["none.root"]


def test_too_little_memory_is_refused_term_by_term(ntuples: list[Path], tmp_path: Path, faults: Path) -> None:
    with pytest.raises(RequestError) as refused:
        run(job_of(ntuples, faults), tmp_path / "run", 1, memory="256MiB")
    text = str(refused.value)
    assert "a worker needs" in text
    assert "Python and libraries" in text
    assert " entries of 2" in text
    assert "MiB  in all" in text
    assert "205 MiB  is its limit" in text
    assert "Lower 'chunk_entries'" in text
    assert not list((tmp_path / "run").rglob("*.parquet"))


def test_the_manifest_lists_every_entry_once(plain: FeatureStore) -> None:
    manifest = json.loads((plain.folder / "manifest.json").read_text(encoding="utf-8"))
    assert len({shard["identity"] for shard in manifest["shards"]}) == len(manifest["shards"])
    assert manifest["processed"] == manifest["entries"]
