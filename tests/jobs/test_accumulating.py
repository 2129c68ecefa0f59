"""Coffea processors from job files and the command line, and studies whose events are in a schema."""

import json
import runpy
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import BaseSchema, NanoAODSchema
from coffea.util import load
from distributed import Client

from lineshape.engine import Column, Settings, Study
from lineshape.engine.accumulators.part import AccumulatorPart
from lineshape.engine.core.errors import RequestError
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.input.processor_state import digest_of_processor, digest_of_state
from lineshape.jobs import api
from lineshape.jobs.accumulating import accumulate, job_of_fileset, load_accumulating
from tests.jobs import stock_processors as stock
from tests.jobs.commands import here
from tests.jobs.toys import job_of, toy_values

PROCESSES = 1


class CleanJets(Study):
    """Jets beside muons, of whole events: records, cross-references, and a value that may be missing."""

    schema = "NanoAODSchema"
    outputs = {
        "jet_pt": Column("pT", "GeV", 0, 300),
        "jet_eta": Column("η", "", -5, 5),
        "muon_pt": Column("pT of the nearest muon", "GeV", 0, 300),
    }

    def select(self, events: Any) -> Any:
        jets = events.Jet[events.Jet.pt > 15]
        flat = ak.flatten(jets)
        muon = ak.flatten(jets.nearest(events.Muon).pt)
        event = np.repeat(ak.to_numpy(events.event), ak.to_numpy(ak.num(jets)))
        return {"event": ak.Array(event), "jet": flat, "muon_pt": muon}, {"read": len(events), "jets": len(flat)}


@pytest.mark.processes
def test_a_study_of_whole_events(shared: Path, tmp_path: Path, client: Client) -> None:
    """Makes shards as any other, with the fields of records by name."""
    path = shared / "real" / "nano_tt_v12.root"
    values = toy_values(str(path), processor={"kind": "tests.jobs.test_accumulating:CleanJets"}, chunk_entries=30)
    values["samples"] = {"tt": {"files": [str(path)], "tree": "Events"}}
    values["target"] = {"truth": "jet_pt"}
    values["feature_sets"] = {"f": ["jet_eta"]}
    values["models"] = {"eta": {"kind": "column", "column": "jet_eta"}}
    values |= {"baseline": "eta"}
    bins = {"jet_pt": {"low": 15, "high": 200, "bins": 3}}
    values["measures"] = {"response": {"kind": "response", "truth": "jet_pt", "by": bins}}
    found = api.process(job_of(tmp_path, values), tmp_path / "run", client)
    store = FeatureStore.load(found.store.folder)
    names = ["jet_pt", "jet_eta", "muon_pt"]
    tables = [table for _, table in store.read(names)]
    rows = {name: np.concatenate([table[name] for table in tables]) for name in names}
    with uproot.open(path) as file:
        known = file["Events"].arrays(["Jet_pt", "Jet_eta"])
    chosen = known.Jet_pt > 15
    assert np.array_equal(rows["jet_pt"], ak.to_numpy(ak.flatten(known.Jet_pt[chosen])))
    assert np.array_equal(rows["jet_eta"], ak.to_numpy(ak.flatten(known.Jet_eta[chosen])))
    assert 0 < np.isnan(rows["muon_pt"]).mean() < 1


def written(tmp_path: Path, shared: Path, **changes: Any) -> Path:
    values: dict[str, Any] = {
        "study": "dimuons",
        "processor": {"kind": "tests.jobs.stock_processors:Dimuons", "accumulator": True, "settings": {"low": 4}},
        "samples": {"dy": {"files": [str(shared / "real" / "nano_dy.root")]}},
        "chunk_entries": 15,
    }
    path = tmp_path / "dimuons.yaml"
    path.write_text(json.dumps(values | changes), encoding="utf-8")
    return path


@pytest.mark.processes
def test_a_job_file_of_accumulators(shared: Path, tmp_path: Path, client: Client) -> None:
    found = accumulate(load_accumulating(written(tmp_path, shared)), tmp_path / "run", client)
    assert (found.entries, found.processed, found.chunks, found.made) == (40, 40, 3, 3)
    whole = load(tmp_path / "run" / "output.coffea")
    assert whole["seen"] == ["dy"]
    assert dict(whole["entries"]) == {"dy": 40}
    with uproot.open(tmp_path / "run" / "datasets" / "dy.root") as file:
        assert file["mass"].values(flow=True).sum() == whole["mass"].sum(flow=True)
    assert accumulate(load_accumulating(written(tmp_path, shared)), tmp_path / "run", client).made == 0


@pytest.mark.parametrize("command", ["report", "train", "plan", "vary"])
def test_other_stages_of_accumulators_are_refused(command: str, shared: Path, tmp_path: Path) -> None:
    """Nothing is asked for models that such a job has none of."""
    status, _, told = here(command, str(written(tmp_path, shared)))
    assert status in (1, 2)
    assert "there are no other stages of such a job" in " ".join(told.split())


@pytest.mark.processes
def test_the_command_holds_no_accumulator(
    shared: Path, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are added up and saved on workers, dataset by dataset, where no postprocess asks for the whole."""
    delphes = {"files": [str(shared / "real" / "delphes.root")], "tree": "Delphes"}
    processor = {"kind": "tests.jobs.stock_processors:Towers", "accumulator": True, "schema": "DelphesSchema"}
    path = written(tmp_path, shared, processor=processor, samples=dict.fromkeys(["one", "two", "three"], delphes))

    def refuse(*_: Any) -> Any:
        raise AssertionError("read in the command's own process")

    monkeypatch.setattr(AccumulatorPart, "load", refuse)
    found = accumulate(load_accumulating(path), tmp_path / "run", client)
    assert list(found.sums) == ["one", "two", "three"]
    assert not (tmp_path / "run" / "output.coffea").exists()
    monkeypatch.undo()
    assert [load(tmp_path / "run" / "datasets" / f"{name}.coffea")["n"] for name in found.sums] == [25, 25, 25]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"processor": {"kind": "tests.jobs.stock_processors:Dimuon", "accumulator": True}}, "has no 'Dimuon'"),
        ({"processor": {"kind": "no_module:X", "accumulator": True}}, "no module 'no_module'"),
        ({"processor": {"kind": "fx", "accumulator": True}}, "expected their_module:TheirProcessor, found 'fx'"),
        (
            {"processor": {"kind": "tests.jobs.stock_processors:Dimuons", "accumulator": True, "settings": {"lo": 1}}},
            "unexpected keyword argument 'lo'",
        ),
        (
            {"processor": {"kind": "tests.jobs.stock_processors:Dimuons", "accumulator": True, "schema": "Nano"}},
            "schema 'Nano': expected one of coffea's",
        ),
        ({"chunk_entrees": 3}, "nearest: chunk_entries"),
    ],
)
def test_job_files_that_cannot_be(changes: dict[str, Any], said: str, shared: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as told:
        load_accumulating(written(tmp_path, shared, **changes))
    assert said in str(told.value)
    assert "line 1" in str(told.value)


def test_a_fileset_on_the_command_line(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named beside its processor; what is not there is said before anything is started."""
    monkeypatch.chdir(tmp_path)
    fileset = {"dy": {"files": {str(shared / "real" / "nano_dy.root"): "Events"}}}
    Path("fileset.json").write_text(json.dumps(fileset), encoding="utf-8")
    job = job_of_fileset(Path("fileset.json"), "tests.jobs.stock_processors:Dimuons", "NanoAODSchema", None)
    assert job.study == "Dimuons"
    assert job.samples["dy"].tree == "Events"
    status, _, err = here("process", "fileset.json", "--processor", "tests.jobs.stock_processors:Nothing")
    assert status == 2
    assert "has no 'Nothing'" in err


SCRIPT = """
from lineshape.engine.input.processor_state import digest_of_processor, digest_of_state
LOW = 3
def helper(x):
    return x + 1
class Own:
    def process(self, events):
        return helper(LOW)
found = digest_of_processor(Own())
"""


def test_code_in_a_script_is_told_by_its_source(tmp_path: Path) -> None:
    """With what it uses there: other code or other values are another processor; a notebook's cells are alike."""

    def digest_in(text: str, name: str) -> Any:
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return runpy.run_path(str(path), run_name="__main__")["found"]

    known = digest_in(SCRIPT, "a")
    assert digest_in("\n\n" + SCRIPT, "b") == known
    assert digest_in(SCRIPT.replace("x + 1", "x + 2"), "c") != known
    assert digest_in(SCRIPT.replace("LOW = 3", "LOW = 4"), "d") != known
    text = "from lineshape.engine.input.processor_state import digest_of_processor\n"
    text += (
        "names = {'__name__': '__main__'}\nexec('class Own: pass', names)\nfound = digest_of_processor(names['Own']())"
    )
    with pytest.raises(RequestError, match="the code of Own cannot be read"):
        digest_in(text, "e")


def test_a_processor_is_told_by_what_it_holds() -> None:
    assert digest_of_processor(stock.Dimuons(3)) == digest_of_processor(stock.Dimuons(3))
    assert digest_of_processor(stock.Dimuons(3)) != digest_of_processor(stock.Dimuons(4))
    assert digest_of_processor(stock.Dimuons(3)) != digest_of_processor(stock.CleanedJets())


def test_entries_of_whole_events_are_not_dropped(tmp_path: Path) -> None:
    values = toy_values("a.root", processor={"kind": "tests.jobs.test_accumulating:CleanJets"}, nonfinite="drop")
    with pytest.raises(RequestError, match="nonfinite: a processor of whole events reads what it touches"):
        job_of(tmp_path, values)


def test_settings_of_such_a_study_are_its_own() -> None:
    assert CleanJets(Settings()).inputs == {}


def test_schemas_and_options_are_told_by_their_code() -> None:
    """A user's own schema by its code, coffea's by its version; options by what they choose, not by an address."""
    assert digest_of_processor(NanoAODSchema) != digest_of_processor(BaseSchema)
    assert digest_of_processor(NanoAODSchema) == digest_of_processor(NanoAODSchema)

    def options(suffix: str) -> dict[str, Any]:
        return {"filter_name": lambda name: not name.endswith(suffix)}

    assert digest_of_state(options("_a")) == digest_of_state(options("_a"))
    assert digest_of_state(options("_a")) != digest_of_state(options("_b"))
