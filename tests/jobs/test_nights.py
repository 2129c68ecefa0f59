"""Nights of scheduled reprocessing: files arrive, change, break, come back, vanish; runs are killed.

Twelve of them with one kill, and under `make soak` thirty with three.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import MANIFEST, FeatureStore
from lineshape.engine.reprocessing.champion import champion_of, recorded, verify
from lineshape.engine.reprocessing.file_changes import known
from lineshape.engine.reprocessing.run_record import RunRecord, read_runs
from lineshape.engine.stages.processing.stage import process
from lineshape.jobs import api
from tests.conftest import SOAK
from tests.jobs.commands import on
from tests.jobs.nights import called, called_here, killed_when, small_study, write_taus

PROCESSES = 10

#: A killed command's last words are not ours to hush.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(1800), pytest.mark.filterwarnings("default")]

#: What a night brings is done to the folder of files, and to what each of them must then be.
World = tuple[Path, dict[str, str]]
ReprocessingRun = Callable[[World], None]


def arrive(*numbers: int, **settings: float) -> ReprocessingRun:
    def night(world: World) -> None:
        for number in numbers:
            write_taus(world[0] / f"{number}.root", number, **settings)
            world[1][f"{number}.root"] = "processed"

    return night


def change(number: int) -> ReprocessingRun:
    """The same path with other events."""

    def night(world: World) -> None:
        write_taus(world[0] / f"{number}.root", 100 + number)

    return night


def cut_short(number: int) -> ReprocessingRun:
    def night(world: World) -> None:
        path = world[0] / f"{number}.root"
        shutil.copy(path, world[0].parent / path.name)
        path.write_bytes(path.read_bytes()[:40_000])
        world[1][path.name] = "quarantined"

    return night


def spoil(number: int) -> ReprocessingRun:
    """What is no ROOT file any more."""

    def night(world: World) -> None:
        (world[0] / f"{number}.root").write_bytes(b"nothing of use")
        world[1][f"{number}.root"] = "quarantined"

    return night


def put_back(number: int) -> ReprocessingRun:
    def night(world: World) -> None:
        shutil.copy(world[0].parent / f"{number}.root", world[0] / f"{number}.root")
        world[1][f"{number}.root"] = "processed"

    return night


def vanish(*numbers: int) -> ReprocessingRun:
    def night(world: World) -> None:
        for number in numbers:
            shutil.move(world[0] / f"{number}.root", world[0].parent / f"{number}.root")
            world[1][f"{number}.root"] = "vanished"

    return night


def copy(number: int, to: int) -> ReprocessingRun:
    def night(world: World) -> None:
        shutil.copy(world[0] / f"{number}.root", world[0] / f"{to}.root")
        world[1][f"{to}.root"] = "repeated"

    return night


def quiet(world: World) -> None:
    """Nothing happens."""


#: What each night brings, what the ledger must say of files, whether a challenger is trained, and how a run ends.
NIGHTS: list[tuple[ReprocessingRun, dict[str, int], bool, int | str]] = [
    (arrive(0, 1, 2), {"new": 3}, True, 0),
    (quiet, {}, False, 0),
    (arrive(3), {"new": 1}, True, 0),
    (quiet, {}, False, 0),
    (change(1), {"changed": 1}, False, 0),
    (cut_short(3), {"broken": 1}, False, 1),
    (quiet, {}, False, 1),
    (put_back(3), {"repaired": 1}, False, 0),
    (arrive(4), {"new": 1}, True, 0),
    (vanish(0), {"vanished": 1}, False, 0),
    (arrive(5, 6), {}, False, "processing"),
    (quiet, {"new": 2}, True, 0),
    (quiet, {}, False, 0),
    (arrive(7, 8), {}, False, "training"),
    (quiet, {"new": 2}, True, 0),
    (quiet, {}, False, 0),
    (quiet, {}, True, 0),  # the model's settings change
    (quiet, {}, False, 0),
    (arrive(9, 10, 11), {}, False, "reporting"),
    (quiet, {"new": 3}, True, 0),
    (spoil(5), {"broken": 1}, False, 1),
    (vanish(5), {"vanished": 1}, False, 0),
    (copy(6, 60), {"repeated": 1}, False, 0),
    (vanish(60), {"vanished": 1}, False, 0),
    (arrive(12, mu_mean=60.0), {"new": 1}, False, 0),
    (quiet, {}, False, 0),
    (vanish(7, 8), {"vanished": 2}, False, 0),
    (put_back(7), {"new": 1}, False, 0),
    (arrive(13, 14, 15), {"new": 3}, True, 0),
    (quiet, {}, False, 0),
]
if not os.environ.get(SOAK):
    NIGHTS = NIGHTS[:12]
#: From which night on the model has other settings.
CHANGED = 17
#: A night that runs as a timer would call it, beside those that are killed and those after; the others are run here.
BY_THE_COMMAND = 2


def moments_of(folder: ReprocessingFolder) -> dict[str, Callable[[], bool]]:
    """When a run is at work on what it is to be killed in."""
    shards, reported = shards_in(folder), folder.challenger.histograms / "measured.json"
    return {
        "processing": lambda: shards_in(folder) > shards,
        "training": lambda: any(folder.challenger.models.glob(".brt.*.work/scratch")),
        "reporting": reported.is_file,
    }


def shards_in(folder: ReprocessingFolder) -> int:
    return len(list((folder.features / "taus").glob("*.parquet")))


@pytest.mark.soak
def test_nights(tmp_path: Path, client: Client, workers: Workers, bars: Bars) -> None:
    data, folder = tmp_path / "data", ReprocessingFolder(tmp_path / "reprocessing" / "tau_energy_scale")
    data.mkdir()
    job = small_study(tmp_path / "job.yaml", f"{data}/*.root")
    world: World = (data, {})
    for number, (night, files, trains, end) in enumerate(NIGHTS, start=1):
        night(world)
        arguments = ["reprocess", str(job)]
        arguments += ["--set", "models.brt.rounds=60"] if number >= CHANGED else []
        champion = champion_of(read_runs(folder.ledger))
        if isinstance(end, str):
            killed_when(tmp_path, moments_of(folder)[end], *arguments)
            assert folder.pointed() == champion
            verify(folder, str(champion), read_runs(folder.ledger))
            continue
        alone = number == BY_THE_COMMAND or isinstance(NIGHTS[number - 2][-1], str)
        status, told, said = called(tmp_path, *arguments) if alone else called_here(tmp_path, *arguments, *on(client))
        assert (status, told["files"]) == (end, files), f"night {number}: {said}"
        assert ("version" in told) == trains, f"night {number}: {said}"
        changed = bool(files) or trains
        assert (told["status"] == "nothing") == (not changed and status == 0), f"night {number}: {told}"
        if number == 25:
            assert "mu" in told["drift"]["above"]
    records = read_runs(folder.ledger)
    check_every_file_is_in_one_state(world, records, folder)
    check_the_ledger_explains_every_night(records)
    check_the_champion_is_the_best_there_was(records, folder)
    check_the_feature_store_is_that_of_a_fresh_run(job, folder, tmp_path / "fresh", workers, bars)


def check_every_file_is_in_one_state(world: World, records: list[RunRecord], folder: ReprocessingFolder) -> None:
    states = known(record.files or {} for record in records)
    assert {Path(path).name: state.state for (_, path), state in states.items()} == world[1]
    there = {str(path) for path in world[0].glob("*.root")}
    assert {path for (_, path), state in states.items() if state.state != "vanished"} == there
    uuids = {path: state.uuid for (_, path), state in states.items() if state.state == "processed"}
    store = FeatureStore.load(folder.features)
    assert {file["path"]: file["uuid"] for file in store.files} == uuids
    assert store.processed == store.entries
    assert not store.quarantined


def check_the_ledger_explains_every_night(records: list[RunRecord]) -> None:
    ends = [end for *_, end in NIGHTS]
    killed = sum(isinstance(end, str) for end in ends)
    assert len(records) == len(NIGHTS) - killed
    after = [i for i, end in enumerate(ends) if isinstance(end, str)]
    expected = [i - sum(k < i for k in after) for i in after]
    assert [i for i, record in enumerate(records) if record.after] == expected
    assert [record.run for record in records] == list(range(1, len(records) + 1))
    for record in records:
        assert record.text
        assert (record.versions or {})["lineshape"]
        assert bool(record.training) == bool(record.decision) == bool(record.version)


def check_the_champion_is_the_best_there_was(records: list[RunRecord], folder: ReprocessingFolder) -> None:
    """By what the ledger says of each comparison, read again here."""
    best = None
    for record in records:
        if record.version and record.decision:
            figure = record.comparison
            better = figure is None or 1 - (figure.value or 0) >= (figure.uncertainty or 0)
            assert (figure.champion if figure else None) == best
            assert record.decision.promoted == better
            best = record.version if better else best
        assert record.champion == best
    assert best == folder.pointed() == champion_of(records)
    assert len({record.champion for record in records}) > 1, "no challenger was ever better: the nights show nothing"
    assert folder.published() == sorted(recorded(records))
    for version in folder.published():
        verify(folder, version, records)
    assert RunFolder.find(folder.path).path == folder.version(str(best))


def check_the_feature_store_is_that_of_a_fresh_run(
    path: Path, folder: ReprocessingFolder, fresh: Path, workers: Workers, bars: Bars
) -> None:
    """Bit by bit: the manifest, the shards that it names and the control histograms."""
    job = api.load(path)
    store = process(job, RunFolder(fresh), workers, bars, {"taus": job.samples["taus"].files})
    own = RunFolder(fresh).features
    names = [MANIFEST, "control.json", *(shard.path for shard in store.shards)]
    assert [digest(own / name) for name in names] == [digest(folder.features / name) for name in names]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
