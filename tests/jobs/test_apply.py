"""The command that writes scores into files, and its function: what they choose, refuse and say."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from distributed import Client

from lineshape import jobs
from lineshape.engine.core.errors import RequestError
from lineshape.engine.learning.bundles import Bundle
from lineshape.jobs import api, applying
from tests.conftest import TREE
from tests.jobs.commands import here, on

PROCESSES = 1

pytestmark = pytest.mark.processes


def arrays(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file[TREE].arrays()


def refused(*words: str, **given: Any) -> str:
    """What a function that is refused says."""
    with pytest.raises(RequestError) as told:
        jobs.apply(*words, **given)
    return str(told.value)


def test_a_run_is_applied_and_a_repeat_is_free(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, client: Client
) -> None:
    words = ["apply", str(finished.folder), "--sample", f"data={ntuples[0]}", "--to", str(tmp_path / "out")]
    words += ["--copy", "EventInfoAuxDyn.eventNumber", "--set", "processor.minimum_true_pt=40", *on(client)]
    code, out, err = here(*words)
    assert code == 0, err
    output = tmp_path / "out" / "data" / ntuples[0].name
    assert out.split() == [str(output)]
    assert "model (brt, dnn, mdn) → files in" in err
    found = arrays(output)
    assert found.fields == ["n_objects", "brt", "dnn", "mdn", "mdn_sigma", "EventInfoAuxDyn.eventNumber"]
    with uproot.open(output) as file:
        assert json.loads(str(file["lineshape"]))["branches"]["mdn_sigma"] == {"model": "MDN", "unit": "GeV"}
        assert file[TREE].title == "brt [GeV], dnn [GeV], mdn [GeV], mdn_sigma [GeV]"
    written = output.stat().st_mtime_ns
    code, _, err = here(*words)
    assert code == 0, err
    assert "0 made, 1 kept" in err
    assert output.stat().st_mtime_ns == written


def test_a_file_that_is_lost_is_status_one_unless_it_is_tolerated(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, client: Client
) -> None:
    for path in ntuples:
        shutil.copy(path, tmp_path)
    broken = tmp_path / ntuples[1].name
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    words = ["apply", str(finished.folder), "-s", f"data={tmp_path}/*.root", "--to", str(tmp_path / "out"), "-m", "brt"]
    code, out, err = here(*words, *on(client))
    assert code == 1
    assert f"quarantined {broken}" in err
    assert "1 file without an output, about 49.99% of the entries, more than 'tolerate: 0.0' allows" in err
    assert out == ""
    assert [path.name for path in (tmp_path / "out" / "data").iterdir()] == [ntuples[0].name]
    code, out, _ = here(*words, "--set", "tolerate=0.6", *on(client))
    assert (code, out.split()) == (0, [str(tmp_path / "out" / "data" / ntuples[0].name)])


def test_a_bundle_alone_needs_the_job(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, client: Client
) -> None:
    """And says the same as in its run; models that were not trained are applied where they are named."""
    files = {"data": [str(ntuples[0])]}
    shutil.copytree(finished.folder / "models" / "brt", tmp_path / "taken" / "brt")
    told = refused(tmp_path / "taken" / "brt", samples=files, to=tmp_path / "out")
    assert "bundle brt is in no run folder, and does not tell how its columns are made" in told
    alone = jobs.apply(tmp_path / "taken" / "brt", files, tmp_path / "out", job=finished.folder, client=client)
    inside = jobs.apply(finished.folder / "models" / "brt", files, tmp_path / "out2", client=client)
    more = jobs.apply(finished.folder, files, tmp_path / "out3", ["brt", "combined"], client=client, tree="scores")
    values = [arrays(each.files[0].output)["brt"] for each in (alone, inside)]
    with uproot.open(more.files[0].output) as file:
        values.append(file["scores"]["brt"].array())
        assert "combined" in file["scores"]
    assert all(ak.array_equal(values[0], each, equal_nan=True) for each in values[1:])


def test_models_of_several_runs_stand_beside_one_another(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, client: Client
) -> None:
    """Those of one name are called by their runs, too."""
    files = {"data": [str(ntuples[0])]}
    other = shutil.copytree(finished.folder, tmp_path / "other")
    both = jobs.apply([finished.folder, other], files, tmp_path / "out", ["brt", "combined"], client=client)
    names = [f"{run.name}_{model}" for run in (finished.folder, other) for model in ("combined", "brt")]
    assert set(names) < set(arrays(both.files[0].output).fields)
    job = json.loads((other / "job.json").read_text(encoding="utf-8"))
    del job["checksum"]
    job["processor"]["maximum_tracks"] = 3
    (other / "job.json").write_text(json.dumps(job), encoding="utf-8")
    assert "have different processors, settings, branches" in refused(
        [finished.folder, other], files, tmp_path / "out2"
    )


def test_requests_that_are_wrong_say_what_is_right(finished: api.Result, ntuples: list[Path], tmp_path: Path) -> None:
    run, files, to = finished.folder, {"data": [str(ntuples[0])]}, tmp_path / "out"
    assert "expected --sample NAME=FILES" in refused(run, {}, to)
    assert "no model 'brd': expected one of" in refused(run, files, to, ["brd"])
    assert "nearest: brt" in refused(run, files, to, ["brd"])
    assert "--format tree: expected one of ttree, rntuple, parquet" in refused(run, files, to, format="tree")
    assert "it is a run folder; name another folder" in refused(run, files, run)
    assert "expected a folder in" in refused(run, files, ntuples[0] / "x")
    assert "no run in" in refused(tmp_path / "nothing", files, to)
    shipped = "tau_energy_scale_physlite"
    assert "which the processor does not make" in refused(run / "models" / "brt", files, to, job=shipped)
    assert not to.exists() or not list(to.rglob("*.root"))


def test_a_bundle_of_a_model_that_is_not_there_is_damaged(
    finished: api.Result, ntuples: list[Path], tmp_path: Path
) -> None:
    run = shutil.copytree(finished.folder, tmp_path / "run")
    bundle = Bundle.load(run / "models" / "brt")
    next(path for path in bundle.folder.iterdir() if path.name in bundle.files).write_bytes(b"")
    code, _, err = here("apply", str(run), "-s", f"data={ntuples[0]}", "--to", str(tmp_path / "out"), "-m", "brt")
    assert code == 1
    assert "is damaged" in err


def root_python() -> list[str]:
    """A Python in which ROOT can be imported in a process of its own, as this one's libraries may not go with it."""
    if importlib.util.find_spec("ROOT") is None:
        pytest.skip("ROOT is not installed: pip install root")
    return [sys.executable]


READ = """
import json, sys, ROOT, numpy as np
main, friend, tree = sys.argv[1:]
file, other = ROOT.TFile.Open(main), ROOT.TFile.Open(friend)
events = file.Get(tree)
events.AddFriend(other.Get(tree), "scores")
frame = ROOT.RDataFrame(events)
columns = frame.AsNumpy(["scores.mdn", "scores.mdn_sigma", "TauJetsAuxDyn.nTracks"])
lists = {name: [np.asarray(each, dtype=float).tolist() for each in values] for name, values in columns.items()}
print(json.dumps(lists))
"""


def test_root_reads_the_same_numbers_as_a_friend(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, client: Client
) -> None:
    python = root_python()
    (file,) = jobs.apply(finished.folder, {"data": [str(ntuples[0])]}, tmp_path / "out", ["mdn"], client=client).files
    words = [*python, "-c", READ, file.input, str(file.output), TREE]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    read = json.loads(done.stdout.splitlines()[-1])
    expected = arrays(file.output)
    for name in ("mdn", "mdn_sigma"):
        found = ak.Array(read[f"scores.{name}"])
        assert ak.all(ak.num(found) == ak.num(expected[name]))
        values, others = (ak.to_numpy(ak.flatten(each)) for each in (found, expected[name]))
        np.testing.assert_array_equal(values, others)
    assert [len(each) for each in read["TauJetsAuxDyn.nTracks"]] == ak.num(expected["mdn"]).to_list()


def test_names_of_the_state_are_hidden() -> None:
    """So that a glob of outputs does not find it."""
    assert applying.STATE.startswith(".")
