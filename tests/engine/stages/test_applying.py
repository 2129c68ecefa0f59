"""Scores in files: each value is at its object's place, whatever is read, cut, damaged, killed or there already."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.shards import as_stored
from lineshape.engine.input.study import Study
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.stages.applying.existing import INDEX
from lineshape.engine.stages.applying.plan import Wanted, names_of
from lineshape.engine.stages.applying.stage import Applied, apply
from lineshape.jobs import api
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale
from lineshape.processors.tau_energy_scale_physlite import TauEnergyScalePhyslite
from tests.conftest import TREE, select, small_job
from tests.engine.stages.traced import (
    FlatRows,
    HashedObjects,
    LateObjects,
    LeadingObject,
    RenumberedObjects,
    RepeatedObjects,
    SomeObjects,
    SortedObjects,
    UnseededObjects,
    column_bundle,
    job_of,
)

pytestmark = pytest.mark.processes

Apply = Callable[..., Applied]


@pytest.fixture
def apply_to(tmp_path: Path, workers: Workers, bars: Bars) -> Apply:
    """Apply bundles, or one that repeats column pt, by a job on its samples, to a folder of the test."""

    def call(job: Job, bundles: Mapping[str, Bundle] | None = None, **wanted: Any) -> Applied:
        files = {name: list(sample.files) for name, sample in job.samples.items()}
        chosen = bundles or {"pt": column_bundle(tmp_path / "bundles" / "pt")}
        to = tmp_path / "out"
        return apply(job, chosen, to / ".lineshape", to, Wanted(**wanted), workers, bars, files)

    return call


def events_file(path: Path, seed: int = 1, entries: int = 100, jets: float = 1.5, start: int = 0) -> Path:
    """A file of jets, the numbers of whose events go on from a start."""
    random = np.random.default_rng(seed)
    counts = random.poisson(jets, entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:  # whose damages are seen
        branches = {
            "event": np.arange(start, start + entries, dtype=np.uint64),
            "Jet_pt": ak.unflatten(random.exponential(30, counts.sum()).astype(np.float32), counts),
        }
        file.mktree("Events", {name: ak.type(ak.Array(values)).content for name, values in branches.items()})
        for part in range(4):
            some = slice(entries * part // 4, entries * (part + 1) // 4)
            file["Events"].extend({name: values[some] for name, values in branches.items()})
    return path


def damage(path: Path) -> None:
    """Damage one of the baskets of a file, which can be opened all the same."""
    content = path.read_bytes()
    baskets = [found.start() for found in re.finditer(rb"ZS\x01", content)]
    middle = baskets[len(baskets) // 2]
    path.write_bytes(content[:middle] + b"XX" + content[middle + 2 :])


def branch(path: Path, name: str, tree: str = "Events") -> ak.Array:
    with uproot.open({str(path): None}) as file:
        return file[tree][name].array()


def same(one: ak.Array, other: ak.Array) -> bool:
    """Whether two lists are the same bit by bit."""
    if one.ndim != other.ndim or (one.ndim == 2 and not ak.all(ak.num(one) == ak.num(other))):
        return False
    flat_one, flat_other = (ak.to_numpy(ak.flatten(each, axis=None)) for each in (one, other))
    return np.array_equal(flat_one, flat_other, equal_nan=True)


def above(pt: ak.Array, minimum: float = 20.0) -> ak.Array:
    """What the scores of objects above a threshold are: their pT, and NaN for the others."""
    return ak.where(pt > minimum, ak.values_astype(pt, np.float64), np.nan)


@pytest.mark.parametrize("output_format", ["ttree", "rntuple", "parquet"])
def test_scores_stand_at_their_objects_in_every_format(tmp_path: Path, apply_to: Apply, output_format: str) -> None:
    files = [events_file(tmp_path / f"jets_{number}.root", number) for number in range(2)]
    applied = apply_to(job_of(SomeObjects, files), format=output_format, copies=("event", "Jet_pt"))
    assert [Path(file.input) for file in applied.files] == files
    assert (applied.entries, applied.made, applied.quarantined, applied.lost) == (200, 2, (), 0)
    for file in applied.files:
        pt = branch(Path(file.input), "Jet_pt")
        if output_format == "parquet":
            read = ak.from_parquet(file.output)
        else:
            with uproot.open(file.output) as opened:
                assert "RNTuple" in opened["Events"].classname or output_format == "ttree"
                read = opened["Events"].arrays()
        assert same(read["pt"], above(pt))
        assert same(read["Jet_pt"], pt)
        assert same(read["event"], branch(Path(file.input), "event"))
        assert file.rows == ak.sum(pt > 20)


@pytest.mark.parametrize("column", ["Jet_pt", "Muon_pt"])
def test_scores_of_nanoaod_stand_at_their_objects(apply_to: Apply, shared: Path, column: str) -> None:
    path = shared / "real" / "nano_dimuon.root"
    job = job_of(SomeObjects, [path], branches={"pt": column}, processor=of(SomeObjects, minimum=15.0))
    (file,) = apply_to(job, tree="scores").files
    assert same(branch(file.output, "pt", "scores"), above(branch(path, column), 15))


def test_an_rntuple_may_be_the_input(tmp_path: Path, apply_to: Apply) -> None:
    path, pt = tmp_path / "jets.root", ak.Array([[30.0, 10.0], [], [50.0]])
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {"event": np.arange(3), "Jet_pt": pt})
    (done,) = apply_to(job_of(SomeObjects, [path])).files
    assert same(branch(done.output, "pt"), above(pt))


def of(study: type[Study], **settings: Any) -> dict[str, Any]:
    """A section of a job file."""
    return {"kind": f"{study.__module__}:{study.__name__}", **settings}


def test_one_value_an_entry_of_a_flat_ntuple(tmp_path: Path, apply_to: Apply, shared: Path) -> None:
    """Where a processor makes one row an entry, the branch is flat."""
    path, tree = shared / "real" / "atlas_wt_ntuple.root", "WtLoop_nominal"
    job = job_of(
        FlatRows,
        [path],
        tree,
        branches={"event": "eventNumber", "pt": "pT_jet1"},
        chunk_entries=4000,
        processor=of(FlatRows, minimum=50.0),
    )
    (file,) = apply_to(job).files
    response = branch(path, "pT_jet1", tree)
    assert same(branch(file.output, "pt", tree), above(response, 50.0))
    assert 0 < file.rows < file.entries


def test_the_leading_object_of_each_entry(tmp_path: Path, apply_to: Apply) -> None:
    path = events_file(tmp_path / "jets.root")
    (file,) = apply_to(job_of(LeadingObject, [path])).files
    first = ak.fill_none(ak.firsts(branch(path, "Jet_pt")), np.nan)
    assert same(branch(file.output, "pt"), above(first))


def test_events_that_are_cut_before_have_their_objects_all_the_same(tmp_path: Path, apply_to: Apply) -> None:
    path = events_file(tmp_path / "jets.root", entries=30)
    (file,) = apply_to(job_of(LateObjects, [path])).files
    expected = above(branch(path, "Jet_pt"))
    cut = np.arange(30) % 15 % 3 == 0
    assert same(branch(file.output, "pt"), ak.where(cut, ak.full_like(expected, np.nan), expected))


def test_entries_that_are_dropped_are_nan(tmp_path: Path, apply_to: Apply) -> None:
    path = tmp_path / "jets.root"
    counts, pt = np.array([2, 0, 3, 1]), np.array([30, 40, 50, np.nan, 60, 70], dtype=np.float32)
    with uproot.recreate(path) as file:
        file["Events"] = {"event": np.arange(4), "Jet_pt": ak.unflatten(pt, counts)}
    (done,) = apply_to(job_of(SomeObjects, [path], nonfinite="drop")).files
    found = branch(done.output, "pt")
    assert same(found, ak.unflatten(np.array([30, 40, np.nan, np.nan, np.nan, 70]), counts))


def taus_by_hand(path: Path, minimum: float) -> NDArray[np.bool_]:
    """Which taus of a simulated file the study selects, from its branches."""
    tau = "TauJetsAuxDyn."
    names = ("nTracks", "truthPtVis", "ptIntermediateAxisEM", "ptIntermediateAxis", "ptPanTauCellBased", "ptCombined")
    values = {name: ak.to_numpy(ak.flatten(branch(path, tau + name, TREE))) for name in names}
    ratios = [
        values["ptIntermediateAxisEM"] / values["ptIntermediateAxis"],
        values["ptPanTauCellBased"] / values["ptCombined"],
        values["ptIntermediateAxis"] / values["ptCombined"],
    ]
    passed: NDArray[np.bool_] = (values["nTracks"] >= 1) & (values["nTracks"] <= 5)
    passed &= values["truthPtVis"] * 0.001 >= minimum
    for ratio in ratios:
        passed &= ratio < 25
    return passed


def test_trained_models_say_of_taus_what_their_bundles_predict(
    finished: api.Result, ntuples: list[Path], apply_to: Apply
) -> None:
    """On columns as a shard holds them, matched by the selection and the objects' order in the file."""
    models = finished.folder / "models"
    bundles = {name: Bundle.load(models / name) for name in ("brt", "dnn", "mdn")}
    job = small_job(ntuples, **{"processor.minimum_true_pt": 40.0})
    applied = apply_to(job, bundles)
    for file in applied.files:
        path = Path(file.input)
        columns = select(TauEnergyScale(TauCuts(minimum_true_pt=40.0)), path).columns
        stored = {name: as_stored(name, values) for name, values in columns.items()}
        passed = taus_by_hand(path, 40.0)
        assert 0 < passed.sum() == len(stored["event"]) == file.rows < len(passed)
        counts = ak.num(branch(path, "TauJetsAuxDyn.nTracks", TREE))
        event = np.repeat(ak.to_numpy(branch(path, "EventInfoAuxDyn.eventNumber", TREE)), ak.to_numpy(counts))
        assert np.array_equal(stored["event"], event[passed])
        for name, bundle in bundles.items():
            prediction = bundle.predict(stored)
            expected = {name: prediction.estimate}
            if prediction.spread is not None:
                expected[f"{name}_sigma"] = prediction.spread * prediction.estimate
            for each, values in expected.items():
                found = branch(file.output, each, TREE)
                assert ak.all(ak.num(found) == counts)
                flat = ak.to_numpy(ak.flatten(found))
                assert np.isnan(flat[~passed]).all()
                np.testing.assert_allclose(flat[passed], values, rtol=1e-6)


def test_data_has_no_truth(finished: api.Result, ntuples: list[Path], apply_to: Apply) -> None:
    """Where the job says that truth is missing, all reconstructed taus have scores."""
    bundle = Bundle.load(finished.folder / "models" / "brt")
    truth = {f"branches.{name}": None for name in ("truthPtVis", "truthEtaVis", "truthDecayMode")}
    applied = apply_to(small_job(ntuples[:1], **truth, **{"processor.minimum_true_pt": 40.0}), {"brt": bundle})
    assert applied.rows == taus_by_hand(ntuples[0], 0).sum()


def test_taus_of_physlite_stand_at_their_places(tmp_path: Path, apply_to: Apply, shared: Path) -> None:
    path = shared / "real" / "physlite_r23_ttbar.root"
    column = "eta"
    job = job_of(
        TauEnergyScalePhyslite, [path], TREE, target={"truth": column}, models=columns_of(column), baseline=column
    )
    (file,) = apply_to(job, {"pt": column_bundle(tmp_path / "bundle", column)}).files
    eta = branch(path, "AnalysisTauJetsAuxDyn.eta", TREE)
    found = branch(file.output, "pt", TREE)
    assert ak.all(ak.num(found) == ak.num(eta))
    values, scores = (ak.to_numpy(ak.flatten(each)) for each in (eta, found))
    selected = np.isfinite(scores)
    columns = select(TauEnergyScalePhyslite(TauEnergyScalePhyslite.Settings()), path).columns
    assert 0 < selected.sum() == len(columns["event"]) < len(values)
    np.testing.assert_array_equal(scores[selected], values[selected])
    np.testing.assert_array_equal(scores[selected], ak.to_numpy(columns[column]).astype(np.float32))


def columns_of(column: str) -> dict[str, Any]:
    return {column: {"kind": "column", "column": column}}


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (HashedObjects, r"HashedObjects computes with event numbers, .*\(column pt\)"),
        (UnseededObjects, r"random numbers without a seed \(column pt\)"),
        (RepeatedObjects, r"returns \d+ rows of one entry, .*make rows of objects by per_object"),
        (SortedObjects, r"none of the lists given to per_object is as the file has it"),
        (RenumberedObjects, r"changes the event numbers|rows of one object|computes with event numbers"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_processors_that_cannot_be_traced_are_refused(
    tmp_path: Path, apply_to: Apply, study: type[Study], reason: str
) -> None:
    path = events_file(tmp_path / "jets.root")
    with pytest.raises(RunError, match=reason):
        apply_to(job_of(study, [path]))
    assert not list((tmp_path / "out").glob("*/*.root"))


def test_files_in_which_nothing_passes_are_like_the_others(tmp_path: Path, apply_to: Apply) -> None:
    """And so is one without entries."""
    files = [events_file(tmp_path / "full.root"), events_file(tmp_path / "none.root", jets=0)]
    files.append(events_file(tmp_path / "empty.root", entries=0))
    applied = apply_to(job_of(SomeObjects, files), copies=("Jet_pt",))
    found = {file.output.stem: branch(file.output, "pt") for file in applied.files}
    assert {name: (len(values), values.ndim) for name, values in found.items()} == {
        "full": (100, 2),
        "none": (100, 2),
        "empty": (0, 2),
    }
    assert applied.rows == ak.sum(found["full"] > 0) > 0
    assert ak.sum(ak.num(found["none"])) == 0


def test_where_nothing_passes_at_all_scores_are_nan_and_it_is_said(tmp_path: Path, apply_to: Apply) -> None:
    path = events_file(tmp_path / "jets.root")
    applied = apply_to(job_of(SomeObjects, [path], processor=of(SomeObjects, minimum=1e6)))
    assert applied.notes == ("no object passes the cuts: all scores are NaN",)
    found = branch(applied.files[0].output, "pt")
    assert ak.all(ak.num(found) == ak.num(branch(path, "Jet_pt")))
    assert ak.all(np.isnan(found))


def test_a_damaged_file_has_no_output_and_the_others_have(tmp_path: Path, apply_to: Apply) -> None:
    files = [events_file(tmp_path / f"jets_{number}.root", number, 2000) for number in range(3)]
    damage(files[1])
    files[2].write_bytes(b"no file of ROOT")
    applied = apply_to(job_of(SomeObjects, files, chunk_entries=500))
    assert [Path(file.input).name for file in applied.files] == ["jets_0.root"]
    assert [Path(item.file).name for item in applied.quarantined] == ["jets_1.root", "jets_2.root"]
    assert "is damaged or cut short" in applied.quarantined[0].reason
    assert "more of its chunks" not in applied.quarantined[0].reason
    assert (applied.quarantined[0].start, applied.quarantined[0].stop) == (0, 2000)
    assert [path.name for path in (tmp_path / "out" / "data").iterdir()] == ["jets_0.root"]
    assert 0.6 < applied.lost < 0.7
    told = json.loads((tmp_path / "out" / INDEX).read_text(encoding="utf-8"))
    assert [*told["outputs"]] == ["data/jets_0.root"]
    assert len(told["quarantined"]) == 2


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.root")}


def test_a_repeat_makes_only_what_is_missing(tmp_path: Path, apply_to: Apply) -> None:
    job = job_of(SomeObjects, [events_file(tmp_path / f"jets_{number}.root", number) for number in range(3)])
    out = tmp_path / "out"
    first = apply_to(job)
    before = times(out)
    assert apply_to(job).made == 0
    assert times(out) == before
    first.files[1].output.unlink()
    assert apply_to(job).made == 1
    changed = {name for name, when in times(out).items() if before[name] != when}
    assert changed == {"data/jets_1.root"}
    (out / INDEX).unlink()  # as after a kill: what is there is asked what it is
    assert apply_to(job).made == 0
    assert not list((out / ".lineshape" / "parts").iterdir())


def test_an_output_that_is_not_of_this_file_is_made_anew(tmp_path: Path, apply_to: Apply) -> None:
    """And it is said: one of another file with other entries, of other models, in another format."""
    short, long = events_file(tmp_path / "short.root", 1, 50), events_file(tmp_path / "long.root", 2, 100)
    job = job_of(SomeObjects, [short, long])
    first = apply_to(job)
    outputs = {Path(file.input).name: file.output for file in first.files}
    shutil.copy(outputs["short.root"], outputs["long.root"])
    second = apply_to(job)
    assert second.notes == ("output data/long.root is made anew: it had 50 entries, and its input has 100",)
    assert len(branch(outputs["long.root"], "pt")) == 100
    other = {"other": column_bundle(tmp_path / "bundles" / "pt")}
    third = apply_to(job, other)
    assert third.notes == tuple(
        f"output data/{name}.root is made anew: it was of other models (pt)" for name in ("long", "short")
    )
    assert apply_to(job, other, copies=("event",)).made == 2
    events_file(short, 3, 60)
    fourth = apply_to(job, other, copies=("event",))
    assert fourth.notes == ("output data/short.root is made anew: it had 50 entries, and its input has 60",)


def test_an_output_of_an_input_that_cannot_be_read_any_more_is_not_left(tmp_path: Path, apply_to: Apply) -> None:
    files = [events_file(tmp_path / f"jets_{number}.root", number, 2000) for number in range(2)]
    job = job_of(SomeObjects, files, chunk_entries=500)
    apply_to(job)
    damage(files[1])
    again = apply_to(job, copies=("event",))
    assert any("data/jets_1.root is removed, as its input cannot be read now" in note for note in again.notes)
    assert not (tmp_path / "out" / "data" / "jets_1.root").exists()


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path, apply_to: Apply) -> None:
    path = events_file(tmp_path / "jets.root")
    theirs = events_file(tmp_path / "out" / "data" / "jets.root", 5)
    content = theirs.read_bytes()
    with pytest.raises(RequestError, match=r"jets\.root is there, and is no output of 'lineshape apply'"):
        apply_to(job_of(SomeObjects, [path]))
    assert theirs.read_bytes() == content


def test_an_input_is_not_overwritten_even_by_its_own_output(tmp_path: Path, apply_to: Apply) -> None:
    (file,) = apply_to(job_of(SomeObjects, [events_file(tmp_path / "jets.root")]), copies=("event", "Jet_pt")).files
    content = file.output.read_bytes()
    with pytest.raises(RequestError, match="is an input, and would be overwritten"):
        apply_to(job_of(SomeObjects, [file.output]))
    assert file.output.read_bytes() == content


def test_a_branch_to_copy_that_is_not_there_is_named(tmp_path: Path, apply_to: Apply) -> None:
    path = events_file(tmp_path / "jets.root")
    with pytest.raises(RunError, match="no branch Jet_pd to copy in tree Events; nearest: Jet_pt"):
        apply_to(job_of(SomeObjects, [path]), copies=("Jet_pd",))


def test_copies_of_a_file_have_an_output_each(tmp_path: Path, apply_to: Apply) -> None:
    path = events_file(tmp_path / "a" / "jets.root")
    for folder in ("b", "c"):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder / "jets.root")
    applied = apply_to(job_of(SomeObjects, [tmp_path / folder / "jets.root" for folder in "abc"]))
    assert [file.output.name for file in applied.files] == ["a_jets.root", "b_jets.root", "c_jets.root"]
    assert same(branch(applied.files[0].output, "pt"), branch(applied.files[2].output, "pt"))


def test_names_of_outputs_are_told_apart_by_folders() -> None:
    inputs = ["/d/one/x.root", "/d/two/x.root", "root://host//e/two/x.root", "/d/y.pool.root.1", "/d/y.pool.root.2"]
    names = names_of([("s", path) for path in inputs] + [("t", "/d/one/x.root")], "parquet")
    assert [*names.values()] == [
        "s/one_x.parquet",
        "s/d_two_x.parquet",
        "s/e_two_x.parquet",
        "s/y.pool.1.parquet",
        "s/y.pool.2.parquet",
        "t/x.parquet",
    ]


def test_lists_of_a_part_are_as_long_as_they_were() -> None:
    from lineshape.engine.input.tracing import Places
    from lineshape.engine.stages.applying.make_parts import aligned

    places = Places(np.array([2, 0]), np.array([1, 0]), np.array([1, 0, 2]), "pt")
    found = aligned(places, np.array([5.0, 7.0]), 3)
    assert isinstance(found, Jagged)
    assert found.offsets.tolist() == [0, 1, 1, 3]
    np.testing.assert_array_equal(found.content, [7, np.nan, 5])
