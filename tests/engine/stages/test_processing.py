"""Processing with real files on real workers: what is wrong is named, quarantined and counted; the rest is kept."""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.core.errors import LineshapeError, RequestError, RunError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.reprocessing.file_changes import states_of
from lineshape.engine.stages.processing.stage import process
from tests.conftest import TREE, small_job

pytestmark = pytest.mark.processes

Damage = Callable[[Path, Path], None]


def branches_of(path: Path) -> dict[str, ak.Array]:
    with uproot.open(path) as file:
        return {name: values for name, values in file[TREE].arrays(how=dict).items() if not name.startswith("nTau")}


def rewrite(source: Path, target: Path, change: Callable[[dict[str, ak.Array]], dict[str, ak.Array]]) -> None:
    """A copy of a file with its branches changed."""
    changed = change(branches_of(source))
    with uproot.recreate(target) as file:
        file.mktree(TREE, {name: values.type.content for name, values in changed.items()})
        if len(next(iter(changed.values()))):
            file[TREE].extend(changed)


def truncated(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])


def damaged(source: Path, target: Path) -> None:
    content = bytearray(source.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 20_000] = bytes(20_000)
    target.write_bytes(content)


def not_root(source: Path, target: Path) -> None:
    target.write_text("event,pt\n1,2\n", encoding="utf-8")


def zero_bytes(source: Path, target: Path) -> None:
    target.write_bytes(b"")


def missing(source: Path, target: Path) -> None:
    pass


def wrong_tree(source: Path, target: Path) -> None:
    with uproot.recreate(target) as file:
        file["ColectionTree"] = branches_of(source)


def missing_branch(source: Path, target: Path) -> None:
    def change(branches: dict[str, ak.Array]) -> dict[str, ak.Array]:
        branches["TauJetsAuxDyn.ptCombine"] = branches.pop("TauJetsAuxDyn.ptCombined")
        return branches

    rewrite(source, target, change)


def empty_tree(source: Path, target: Path) -> None:
    rewrite(source, target, lambda branches: {name: values[:0] for name, values in branches.items()})


def nan(source: Path, target: Path) -> None:
    def change(branches: dict[str, ak.Array]) -> dict[str, ak.Array]:
        pt = branches["TauJetsAuxDyn.ptCombined"]
        flat = ak.to_numpy(ak.flatten(pt)).copy()
        flat[1700], flat[1701] = np.nan, np.inf
        branches["TauJetsAuxDyn.ptCombined"] = ak.unflatten(flat, ak.num(pt))
        return branches

    rewrite(source, target, change)


def wrong_type(source: Path, target: Path) -> None:
    def change(branches: dict[str, ak.Array]) -> dict[str, ak.Array]:
        branches["TauJetsAuxDyn.etaPanTauCellBased"] = branches["EventInfoAuxDyn.averageInteractionsPerCrossing"]
        return branches

    rewrite(source, target, change)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (missing, r"no such file; expected a ROOT file"),
    "zero_bytes": (zero_bytes, r"the file is empty \(0 bytes\)"),
    "not_root": (not_root, r"not a ROOT file: it starts with b'even', expected b'root'"),
    "truncated": (truncated, r"damaged or cut short"),
    "wrong_tree": (wrong_tree, r"no tree 'CollectionTree': it has ColectionTree; nearest: ColectionTree"),
    "missing_branch": (
        missing_branch,
        r"ptCombined: no branch TauJetsAuxDyn.ptCombined; nearest: TauJetsAuxDyn.ptCombine\b",
    ),
    "nan": (
        nan,
        r"branch TauJetsAuxDyn.ptCombined holds NaN or infinite values in [12] of \d+ entries, first in entry",
    ),
    "damaged": (damaged, r"branch \S+ is damaged or cut short: \w+"),
    "wrong_type": (wrong_type, r"column eta has one value an event; expected one for each object"),
}


def run(files: list[Path], folder: Path, workers: Workers, bars: Bars, **changes: object) -> FeatureStore:
    job = small_job(files, **changes)
    return process(job, RunFolder(folder), workers, bars, {"ntuples": [str(path) for path in files]})


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_file_alone_is_named(
    name: str, ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    damage, message = DAMAGES[name]
    bad = tmp_path / "bad.root"
    damage(ntuples[0], bad)
    with pytest.raises(LineshapeError, match=message):
        run([bad], tmp_path / "run", workers, bars, chunk_entries=10_000)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_file_is_quarantined_and_the_rest_is_kept(
    name: str, ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    damage, message = DAMAGES[name]
    bad = tmp_path / "bad.root"
    damage(ntuples[0], bad)
    store = run([bad, ntuples[1]], tmp_path / "run", workers, bars)
    assert store.quarantined
    assert {item.file for item in store.quarantined} == {str(bad)}
    assert re.search(message, store.quarantined[0].reason)
    alone = run([ntuples[1]], tmp_path / "alone", workers, bars)
    kept = [shard for shard in store.shards if shard.identity in {s.identity for s in alone.shards}]
    assert len(kept) == len(alone.shards)


def test_a_file_without_entries_is_a_known_zero(
    ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    empty = tmp_path / "empty.root"
    empty_tree(ntuples[0], empty)
    with pytest.raises(RequestError, match="there are no events: the trees of all 1 files have no entries"):
        run([empty], tmp_path / "none", workers, bars)
    job = small_job([empty])
    two = job.model_copy(update={"samples": job.samples | {"full": job.samples["ntuples"]}})
    files = {"ntuples": [str(empty)], "full": [str(empty), str(ntuples[1])]}
    store = process(two, RunFolder(tmp_path / "run"), workers, bars, files)
    assert (store.lost, store.quarantined) == (0, ())
    assert store.processed == store.entries > 0
    assert len(store.files) == 3
    assert "sample ntuples has no events: none of its files has any entries" in store.notes


def test_the_other_store_of_a_format_is_read_and_said(
    ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    """PHYSLITE as RNTuple, by a job file that says CollectionTree."""
    other, branches = tmp_path / "other.root", branches_of(ntuples[0])
    with uproot.recreate(other) as file:
        file.mkrntuple("EventData", {name.replace(".", ":"): values for name, values in branches.items()})
    store = run([other], tmp_path / "run", workers, bars)
    assert store.rows == run([ntuples[0]], tmp_path / "plain", workers, bars).rows
    assert store.notes == (
        "sample ntuples: 1 file has no tree CollectionTree; its EventData is read, as the same format calls it too",
    )


def test_one_file_under_two_samples_is_in_both(
    ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    job = small_job(ntuples)
    two = job.model_copy(update={"samples": dict.fromkeys(("nominal", "up"), job.samples["ntuples"])})
    files = {"nominal": [str(ntuples[0])], "up": [str(ntuples[0]), str(ntuples[1])]}
    store = process(two, RunFolder(tmp_path), workers, bars, files)
    rows = Counter[str]()
    for shard in store.shards:
        rows[shard.sample] += shard.rows
    assert rows["up"] > rows["nominal"] > 0
    assert len({shard.identity for shard in store.shards}) == len(store.shards)
    assert any("1 file is in more than one sample" in note for note in store.notes)
    listed = [(name, path) for name, paths in files.items() for path in paths]
    assert {state.state for state in states_of(listed, store).values()} == {"processed"}


def test_a_sample_of_which_no_file_can_be_read_stops_the_run(
    ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    """However many may be lost: training would go on without the sample."""
    job = small_job(ntuples, tolerate=1.0)
    two = job.model_copy(update={"samples": dict.fromkeys(("nominal", "up"), job.samples["ntuples"])})
    not_root(ntuples[0], tmp_path / "bad.root")

    def run_with(*paths: Path) -> FeatureStore:
        files = {"nominal": [str(path) for path in ntuples], "up": [str(path) for path in paths]}
        return process(two, RunFolder(tmp_path / "run"), workers, bars, files)

    with pytest.raises(RequestError, match=r"sample up: \S+gone\.root: no such file; expected a ROOT file, a folder"):
        run_with(tmp_path / "gone.root")
    with pytest.raises(RequestError, match=r"(?s)sample up: no file can be used:\n.*not a ROOT file.*"):
        run_with(tmp_path / "gone.root", tmp_path / "bad.root")
    nan(ntuples[0], tmp_path / "nan.root")
    with pytest.raises(RunError, match=r"sample up: none of its [\d,]+ entries could be processed:\n.*NaN or infinite"):
        process(
            two.model_copy(update={"chunk_entries": 100_000}),
            RunFolder(tmp_path / "run"),
            workers,
            bars,
            {"nominal": [str(ntuples[1])], "up": [str(tmp_path / "nan.root")]},
        )
    store = run_with(tmp_path / "gone.root", ntuples[0])
    assert [item.file for item in store.quarantined] == [str(tmp_path / "gone.root")]


def test_only_the_chunk_with_nan_is_lost(ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars) -> None:
    bad = tmp_path / "bad.root"
    nan(ntuples[0], bad)
    store = run([bad], tmp_path / "run", workers, bars, chunk_entries=500)
    assert len(store.quarantined) == 1
    assert store.quarantined[0].stop - store.quarantined[0].start <= 500
    processed = sum(shard.rows for shard in store.shards)
    dropped = run([bad], tmp_path / "dropped", workers, bars, chunk_entries=500, nonfinite="drop")
    assert not dropped.quarantined
    assert "left out (nonfinite: drop)" in dropped.notes[0]
    again = run([bad], tmp_path / "dropped", workers, bars, chunk_entries=500)
    assert len(again.quarantined) == 1, "refusing must not find the shards that dropping made"
    assert dropped.rows > processed


def test_a_file_listed_twice_is_counted_once(ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars) -> None:
    copy = tmp_path / "copy.root"
    shutil.copy(ntuples[0], copy)
    store = run([ntuples[0], copy], tmp_path / "run", workers, bars)
    assert store.rows == run([ntuples[0]], tmp_path / "once", workers, bars).rows
    assert len(store.notes) == 1
    assert str(copy) in store.notes[0] or str(ntuples[0]) in store.notes[0]


def test_rows_do_not_depend_on_the_chunks(ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars) -> None:
    columns = ["event", "ptCombined", "truthPtVis"]
    tables = []
    for size in (700, 100_000):
        store = run(ntuples, tmp_path / str(size), workers, bars, chunk_entries=size)
        parts = list(store.tables(columns))
        tables.append({name: np.concatenate([part[name] for part in parts]) for name in columns})
    for name in columns:
        assert tables[0][name].tolist() == tables[1][name].tolist()


def test_a_repeat_makes_nothing_and_a_changed_cut_makes_new_shards(
    ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    first = run(ntuples, tmp_path, workers, bars)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "features").rglob("*.parquet")}
    again = run(ntuples, tmp_path, workers, bars)
    assert again.digest() == first.digest()
    assert {path: path.stat().st_mtime_ns for path in made} == made
    changed = run(ntuples, tmp_path, workers, bars, **{"processor.maximum_tracks": 1})
    assert not {s.identity for s in changed.shards} & {s.identity for s in first.shards}
    assert changed.rows < first.rows


def test_branch_names_of_the_user(ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars) -> None:
    renamed = tmp_path / "renamed.root"

    def change(branches: dict[str, ak.Array]) -> dict[str, ak.Array]:
        branches["my_pt"] = branches.pop("TauJetsAuxDyn.ptCombined")
        return branches

    rewrite(ntuples[0], renamed, change)
    store = run([renamed], tmp_path / "run", workers, bars, branches={"ptCombined": "my_pt"})
    plain = run([ntuples[0]], tmp_path / "plain", workers, bars)
    assert [shard.rows for shard in store.shards] == [shard.rows for shard in plain.shards]
    with pytest.raises(RequestError, match="'ptCombind' is not a column of this study; nearest: ptCombined"):
        run([renamed], tmp_path / "wrong", workers, bars, branches={"ptCombind": "my_pt"})


def test_a_glob_that_matches_nothing(tmp_path: Path, workers: Workers, bars: Bars) -> None:
    with pytest.raises(RequestError, match=r"no file matches .*none_\*\.root"):
        run([tmp_path / "none_*.root"], tmp_path / "run", workers, bars)


def test_the_store_says_what_it_holds(ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars) -> None:
    store = run(ntuples, tmp_path, workers, bars)
    assert store.columns["ptCombined"].unit == "GeV"
    flow = list(store.cut_flows["ntuples"].values())
    assert flow == sorted(flow, reverse=True)
    assert flow[-1] == store.rows
    splits = small_job(ntuples).split.of(np.concatenate([t["event"] for t in store.tables(["event"])]))
    assert all(mask.any() for mask in splits.values())
    with pytest.raises(RequestError, match=r"no column 'ptCombind'.*nearest: ptCombined"):
        store.require(["ptCombind"])


def test_every_entry_is_accounted_for(ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars) -> None:
    bad = tmp_path / "bad.root"
    nan(ntuples[0], bad)
    store = run([bad, ntuples[1]], tmp_path / "run", workers, bars, chunk_entries=500)
    lost = sum(item.stop - item.start for item in store.quarantined)
    with uproot.open(bad) as first, uproot.open(ntuples[1]) as second:
        total = first[TREE].num_entries + second[TREE].num_entries
    assert store.entries == total == store.processed + lost
    assert lost > 0


def test_a_cut_that_nothing_passes_leaves_the_store_as_it_was(
    ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    first = run(ntuples, tmp_path, workers, bars)
    with pytest.raises(LineshapeError, match="no object passes the cuts"):
        run(ntuples, tmp_path, workers, bars, **{"processor.minimum_tracks": 9, "processor.maximum_tracks": 9})
    assert FeatureStore.load(tmp_path / "features").digest() == first.digest()
