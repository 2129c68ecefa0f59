"""`lineshape new`: what it writes for a file runs as it is, and what it cannot do is said."""

import re
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from distributed import Client

from lineshape.engine.core.columns import Column
from lineshape.jobs import api
from tests.conftest import select
from tests.jobs.commands import here
from tests.jobs.toys import events, write_events

#: File, and a target with a value for each object of a collection, or for each entry.
REAL = {
    "atlas_wt_ntuple.root": "reg2j1b",
    "delphes.root": "Jet.PT",
    "nano_dimuon.root": "Muon_pt",
    "nano_dy.root": "Jet_pt",
    "nano_dy_rntuple.root": "Muon_pt",
    "nano_tt_v12.root": "MET_pt",
    "pfnano.root": "Jet_pt",
    "physlite_r21_ttbar.root": "AnalysisJetsAuxDyn.pt",
    "physlite_r22_zee.root": "AnalysisElectronsAuxDyn.pt",
    "physlite_r23_ttbar.root": "AnalysisJetsAuxDyn.pt",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def written(name: str) -> Any:
    """The processor that was written."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(Path(f"{name}.py").read_text(encoding="utf-8"), f"{name}.py", "exec"), names)
    own = names["".join(part.capitalize() for part in name.split("_"))]
    return own(own.Settings())


#: uproot looks through all 1,600 fields of an RNTuple again and again.
SLOW = "nano_dy_rntuple.root"


@pytest.mark.parametrize("file", [pytest.param(name, marks=pytest.mark.drill if name == SLOW else ()) for name in REAL])
def test_of_genuine_files_columns_are_read(file: str, shared: Path) -> None:
    target = REAL[file]
    path = shared / "real" / file
    # A module of that name stays imported.
    study = f"of_{path.stem}"
    status, out, err = here("new", study, "--from", str(path), "--target", target)
    assert status == 0, err
    assert f"Written: {study}.py, {study}.yaml" in out
    job = api.load(f"{study}.yaml")
    assert list(job.models)[-2:] == ["trees", "network"]
    processor = written(study)
    assert all(isinstance(column, Column) for column in processor.outputs.values())
    with uproot.open(path) as opened:
        (sample,) = job.samples.values()
        values = opened[sample.tree][target].array()
    found = select(processor, path, sample.tree)
    assert found.cut_flow == {"read": ak.count(values)}
    scale = getattr(processor, "scales", {}).get("target", 1)
    assert np.array_equal(ak.to_numpy(found.columns["target"]), ak.to_numpy(ak.flatten(values, axis=None)) / scale)
    assert not [name for name in job.feature_sets["all"] if "truth" in processor.inputs[name].lower()]


def find_modules_in(folder: str) -> None:
    """As PYTHONPATH does, in a worker that runs already."""
    sys.path.insert(0, folder)


@pytest.mark.processes
def test_a_label_gives_a_roc_curve(folder: Path, client: Client) -> None:
    write_events(folder / "a.root", events(3000))
    client.run(find_modules_in, str(folder))
    status, _, err = here("new", "of_a_label", "--from", "a.root", "--target", "label")
    assert status == 0, err
    job = api.load("of_a_label.yaml", None, {"models.network.epochs": 2, "models.trees.rounds": 20})
    assert job.baseline == "d0_alone"
    result = api.run(job, folder / "run", client)
    assert result.figure("trees", "auc").value > 0.7
    assert (folder / "run" / "report" / "plots" / "roc_background.png").is_file()


@pytest.mark.processes
def test_a_quantity_of_each_object_gives_a_line_shape(folder: Path, client: Client) -> None:
    """Momenta in MeV, several objects an entry, of which each entry's pile-up is a feature, too."""
    random = np.random.default_rng(3)
    counts = random.integers(0, 5, 2000)
    true = 20_000 + random.exponential(30_000, counts.sum())
    with uproot.recreate(folder / "b.root") as file:
        file["CollectionTree"] = {
            "eventNumber": np.arange(2000),
            "averageMu": random.uniform(10, 60, 2000).astype(np.float32),
            "jets_truthPt": ak.unflatten(true.astype(np.float32), counts),
            "jets_pt": ak.unflatten((true * random.normal(1, 0.2, len(true))).astype(np.float32), counts),
        }
    client.run(find_modules_in, str(folder))
    status, _, err = here("new", "of_a_quantity", "--from", "b.root", "--target", "jets_truthPt")
    assert status == 0, err
    assert "taken to be in MeV, and divided by 1000: jets_pt, target" in err
    job = api.load("of_a_quantity.yaml", None, {"models.network.epochs": 2, "models.trees.rounds": 40})
    assert set(job.feature_sets["all"]) == {"jets_pt", "averageMu"}
    result = api.run(job, folder / "run", client)
    assert 0.05 < result.figure("trees", "half_68").value < 0.3


@pytest.mark.processes
def test_two_files_are_told_apart(folder: Path, client: Client) -> None:
    branches = events(4000)
    label = branches.pop("label") == 1
    write_events(
        folder / "s.root", {name: values[label] for name, values in branches.items()} | {"own": branches["pt"][label]}
    )
    write_events(folder / "b.root", {name: values[~label] for name, values in branches.items()})
    client.run(find_modules_in, str(folder))
    status, out, err = here("new", "of_two_files", "--signal", "s.root", "--background", "b.root")
    assert status == 0, err
    assert "s.root, tree tree: " in out
    assert "b.root, tree tree: " in out
    assert "in one of the files alone, and not taken: own" in err
    job = api.load("of_two_files.yaml", None, {"models.network.epochs": 2, "models.trees.rounds": 20})
    assert job.feature_sets["all"] == ["d0", "pt"]
    result = api.run(job, folder / "run", client)
    assert result.figure("trees", "auc").value > 0.7
    assert {row.sample for row in result.rows} == {"all"}


@pytest.mark.processes
def test_weights_are_written_into_the_job(folder: Path, client: Client) -> None:
    """Some of them negative; a branch that is a weight is no feature, and one that looks like it is said."""
    branches = events(4000)
    branches["w"] = np.random.default_rng(3).choice([-0.5, 1.0, 1.5], 4000, p=[0.1, 0.5, 0.4]).astype(np.float32)
    label = branches["label"] == 1
    for name, mask in {"s": label, "b": ~label}.items():
        write_events(folder / f"{name}.root", {key: each[mask] for key, each in branches.items() if key != "label"})
    client.run(find_modules_in, str(folder))
    both = "--signal", "s.root", "--background", "b.root"
    status, _, err = here("new", "unweighted", *both)
    assert status == 0
    assert "all rows count the same; weights, by their names: w (--weight BRANCH" in " ".join(err.split())
    status, _, err = here("new", "weighted_study", *both, "--weight", "w")
    assert status == 0, err
    assert "% of the weights are negative: trainings drop these rows" in " ".join(err.split())
    job = api.load("weighted_study.yaml", None, {"models.network.epochs": 2, "models.trees.rounds": 20})
    assert job.feature_sets["all"] == ["d0", "pt"]
    assert job.weight is not None
    assert job.weight.columns == ["w"]
    result = api.run(job, folder / "run", client)
    assert result.figure("trees", "auc").value > 0.7
    assert result.figure("trees", "auc").entries < 3500


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("event", "it is what is learnt, or the event's number"),
        ("nothing", "has no such branch"),
        ("bad", "NaN or infinite"),
        ("none", "its sum is 0"),
    ],
)
def test_branches_that_are_no_weights(folder: Path, branch: str, said: str) -> None:
    branches = events(200)
    branches |= {"bad": np.where(np.arange(200) == 7, np.nan, 1.0), "none": np.zeros(200)}
    write_events(folder / "a.root", branches)
    status, _, err = here("new", "of_a_label", "--from", "a.root", "--target", "label", "--weight", branch)
    assert status == 2
    assert said in " ".join(err.split())


def test_genuine_files_are_told_apart_by_numbers_an_entry(shared: Path) -> None:
    files = [str(shared / "real" / name) for name in ("nano_dy.root", "nano_tt_v12.root")]
    status, _, err = here("new", "dy_or_tt", "--signal", files[0], "--background", files[1])
    assert status == 0, err
    job = api.load("dy_or_tt.yaml")
    assert job.feature_sets["all"]
    processor = written("dy_or_tt")
    found = select(processor, Path(files[1]), "Events")
    assert set(job.feature_sets["all"]) | {"event"} == set(found.columns)
    assert not [name for name in job.feature_sets["all"] if "Gen" in processor.inputs[name]]
    assert "lists, where a row is an entry, and not taken: " in " ".join(err.split())
    assert "looked at the first" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--target is missing: name the branch to learn; labels of 0 and 1: label"),
        (("--target", "labl"), "--target labl: tree tree of .*a.root has no such branch of numbers; nearest: label"),
        (("--target", "d0"), r"--target d0: it runs from .* a quantity above zero"),
        (("--target", "label", "--tree", "tre"), "--tree tre: .* has no such tree; nearest: tree: it has tree"),
        (("--target", "label", "--event", "evnt"), "--event evnt: .*nearest: event"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    write_events(folder / "a.root", events(300))
    status, _, err = here("new", "mine", "--from", "a.root", *arguments)
    assert status == 2
    assert re.search(said, " ".join(err.split())), err
    assert not list(folder.glob("mine.*"))


def test_an_aod_file_needs_its_event_number_named(shared: Path) -> None:
    """Its EventInfo is an object that is no list of numbers."""
    path = shared / "real" / "aod_r21_three_events.root"
    status, _, err = here("new", "mine", "--from", str(path), "--target", "TauJetsAuxDyn.pt")
    assert status == 2
    assert "no branch looks like the event's number" in err


def test_more_that_is_wrong(folder: Path) -> None:
    branches = events(300)
    write_events(folder / "a.root", {name: values for name, values in branches.items() if name != "event"})
    write_events(folder / "none.root", {name: values[:0] for name, values in branches.items()})
    write_events(folder / "ones.root", branches | {"label": np.ones(300, dtype=np.int32)})
    for arguments, said in (
        (("mine", "--from", "a.root", "--target", "label"), "no branch looks like the event's number"),
        (("mine", "--from", "none.root", "--target", "label"), "has no entries"),
        (("mine", "--from", "ones.root", "--target", "label"), "it is 1 in all of the first 300 entries"),
        (("mine", "--from", "nix.root", "--target", "label"), "no such file"),
        (("mine",), "expected --from FILE, or --signal FILE and --background FILE, found none of them"),
        (("mine", "--signal", "a.root"), "found --signal"),
        (("mine", "--signal", "a.root", "--background", "nix.root"), "--background nix.root: no such file"),
        (("mine", "--signal", "ones.root", "--background", "none.root"), "has no entries"),
        (("mine", "--signal", "ones.root", "--background", "ones.root", "--target", "pt"), "leave it out"),
        (("mine", "--signal", "ones.root", "--background", "a.root"), "has no branch event, the event's number"),
        (("My Study", "--from", "a.root", "--target", "label"), "expected lower-case letters"),
    ):
        status, _, err = here("new", *arguments)
        assert status == 2, err
        assert said in " ".join(err.split())
    (folder / "mine.py").touch()
    status, _, err = here("new", "mine", "--from", "ones.root", "--target", "pt")
    assert status == 2
    assert "mine.py is there already, and is not overwritten" in err
