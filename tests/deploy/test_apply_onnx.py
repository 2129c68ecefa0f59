"""The examples that a colleague runs without lineshape: they find what the bundle finds, row by row."""

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from distributed import Client

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.export.exporting import export
from lineshape.engine.feature_store.shards import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.run import open_run
from lineshape.jobs import api
from lineshape.jobs.simulate.orders import simulator

pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")
pytestmark = pytest.mark.processes

DEPLOY = Path(__file__).parents[2] / "deploy"
EVENT = "EventInfoAuxDyn.eventNumber"
#: Runs a script, the first argument, where lineshape cannot be imported.
WITHOUT = """
import runpy, sys
sys.modules['lineshape'] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition('/')[0])
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def apply(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT, str(DEPLOY / script), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(("model", "to"), [("mdn", "onnx"), ("brt", "onnx-trees")])
def test_a_colleague_finds_the_same_of_each_tau(
    model: str, to: str, finished: api.Result, ntuples: list[Path], tmp_path: Path
) -> None:
    run = RunFolder(finished.folder)
    exported = export(run, model, to, tmp_path / "model.onnx")
    found: dict[tuple[int, float], float] = {}
    for number, path in enumerate(ntuples):
        target = tmp_path / f"{number}.root"
        done = apply("apply_onnx.py", exported.path, path, target)
        assert done.returncode == 0, done.stderr
        assert "3000 taus to truthPtVis" in done.stdout
        tree, made = uproot.open(path)["CollectionTree"], uproot.open(target)["taus"]
        assert made.classname == "TTree"
        pt = tree["TauJetsAuxDyn.ptCombined"].array() * 0.001
        event, pt = (ak.to_numpy(ak.flatten(each)) for each in ak.broadcast_arrays(tree[EVENT].array(), pt))
        values = ak.to_numpy(ak.flatten(made["truthPtVis"].array()))
        found |= dict(zip(zip(event.tolist(), np.float32(pt).tolist(), strict=True), values.tolist(), strict=True))
    assert len(found) == 6000
    bundle = Bundle.load(run.models / model)
    rows = 0
    # Taus that the study cuts away are in the file as well.
    for table in FeatureStore.load(run.features).tables([*bundle.columns, "event"]):
        keys = zip(table["event"].tolist(), np.float32(table["ptCombined"]).tolist(), strict=True)
        assert [found[key] for key in keys] == pytest.approx(bundle.predict(table).estimate, rel=2e-5)
        rows += len(table["event"])
    assert rows > 5400


@pytest.fixture(scope="module")
def recoil(tmp_path_factory: pytest.TempPathFactory, client: Client) -> RunFolder:
    """Trees of all 36 inputs."""
    changes = {"samples.w.simulate.events": 2000, "samples.w.simulate.files": 1, "models.brt.rounds": 20}
    job = api.load("hadronic_recoil", None, changes | {"models.brt.minimum_entries": 100})
    with open_run(job, tmp_path_factory.mktemp("recoil"), None, client) as opened:
        opened.process(opened.simulate(simulator(job)))
        opened.train(["brt"])
        return opened.folder


def test_a_colleague_finds_the_same_of_each_event(recoil: RunFolder, tmp_path: Path) -> None:
    exported = export(recoil, "brt", "onnx-trees", tmp_path / "model.onnx")
    (source,) = recoil.simulated.rglob("*.root")
    done = apply("apply_onnx_recoil.py", exported.path, source, tmp_path / "found.root")
    assert done.returncode == 0, done.stderr
    assert "36 columns of 2000 events to pxTrue, pyTrue" in done.stdout
    made = uproot.open(tmp_path / "found.root")["events"]
    assert made.classname == "TTree"
    found = np.column_stack([made[name].array(library="np") for name in ("pxTrue", "pyTrue")])
    event = uproot.open(source)["CollectionTree"][EVENT].array().to_numpy()
    row = {number: place for place, number in enumerate(event.tolist())}
    bundle = Bundle.load(recoil.models / "brt")
    (table,) = FeatureStore.load(recoil.features).tables([*bundle.columns, "event"])
    places = [row[number] for number in table["event"].tolist()]
    assert len(places) > 500
    # Where a sum lies within a rounding of a tree's threshold it may go the other way.
    off = np.abs(found[places] - bundle.predict(table).estimate)
    assert (off < 1e-3).mean() > 0.995


def test_what_is_wrong_is_said_without_a_traceback(recoil: RunFolder, ntuples: list[Path], tmp_path: Path) -> None:
    model = export(recoil, "brt", "onnx-trees", tmp_path / "recoil.onnx").path
    target = tmp_path / "found.root"
    for script, arguments, said in (
        ("apply_onnx.py", [], "usage:"),
        ("apply_onnx_recoil.py", [model], "python apply_onnx_recoil.py dense.onnx events.root recoil.root"),
        ("apply_onnx.py", [tmp_path / "none.onnx", ntuples[0], target], "no file "),
        ("apply_onnx.py", [model, ntuples[0], target], "takes ux, uy, sumET"),
        ("apply_onnx_recoil.py", [model, ntuples[0], target], "no branch AntiKt4EMPFlowJetsAuxDyn.eta"),
        ("apply_onnx_recoil.py", [model, ntuples[0], target], "there are "),
    ):
        done = apply(script, *arguments)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not target.exists()
