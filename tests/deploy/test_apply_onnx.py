"""The examples that a colleague runs without lineshape: they find what the bundle finds, row by row."""

import json
import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import onnx
import pytest
import uproot
from distributed import Client

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.export.exporting import export
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.running.run import open_run
from lineshape.jobs import api
from lineshape.jobs.simulate.orders import simulator

PROCESSES = 6

pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")
pytestmark = pytest.mark.processes

DEPLOY = Path(__file__).parents[2] / "deploy"
EVENT = "EventInfoAuxDyn.eventNumber"
#: Runs scripts with their arguments, each as if it were alone, where lineshape cannot be imported.
WITHOUT = """
import contextlib, io, json, runpy, sys, traceback
sys.modules['lineshape'] = None
done = []
for script, *arguments in json.loads(sys.argv[1]):
    sys.argv, sys.path[0], status = [script, *arguments], script.rpartition('/')[0], 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            runpy.run_path(script, run_name='__main__')
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            print(stop.code if isinstance(stop.code, str) else '', file=sys.stderr)
        except Exception:
            status = 1
            traceback.print_exc()
    done.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(done))
"""


def apply(*calls: tuple[object, ...]) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of scripts with their arguments."""
    words = [(str(DEPLOY / str(script)), *map(str, arguments)) for script, *arguments in calls]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(words)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: list[tuple[int, str, str]] = json.loads(done.stdout)
    assert len(found) == len(calls)
    return found


@pytest.mark.parametrize(("model", "to"), [("mdn", "onnx"), ("brt", "onnx-trees")])
def test_a_colleague_finds_the_same_of_each_tau(
    model: str, to: str, finished: api.Result, ntuples: list[Path], tmp_path: Path
) -> None:
    run = RunFolder(finished.folder)
    (exported,) = export(run, model, to, tmp_path / "model.onnx")
    targets = [tmp_path / f"{number}.root" for number in range(len(ntuples))]
    calls = [("apply_onnx.py", exported.path, path, target) for path, target in zip(ntuples, targets, strict=True)]
    found: dict[tuple[int, float], float] = {}
    for (status, told, errors), path, target in zip(apply(*calls), ntuples, targets, strict=True):
        assert status == 0, errors
        assert "3000 taus to truthPtVis" in told
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
    (exported,) = export(recoil, "brt", "onnx-trees", tmp_path / "model.onnx")
    (source,) = recoil.simulated.rglob("*.root")
    ((status, told, errors),) = apply(("apply_onnx_recoil.py", exported.path, source, tmp_path / "found.root"))
    assert status == 0, errors
    assert "36 columns of 2000 events to pxTrue, pyTrue" in told
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
    model = export(recoil, "brt", "onnx-trees", tmp_path / "recoil.onnx")[0].path
    target = tmp_path / "found.root"
    folded = onnx.load(model)
    next(each for each in folded.metadata_props if each.key == "events").value = '{"folds": 5, "fold": 0}'
    onnx.save(folded, tmp_path / "fold.onnx")
    cases: list[tuple[str, list[Path], str]] = [
        ("apply_onnx.py", [], "usage:"),
        ("apply_onnx_recoil.py", [model], "python apply_onnx_recoil.py dense.onnx events.root recoil.root"),
        ("apply_onnx.py", [tmp_path / "none.onnx", ntuples[0], target], "no file "),
        ("apply_onnx.py", [model, ntuples[0], target], "takes ux, uy, sumET"),
        ("apply_onnx_recoil.py", [tmp_path / "fold.onnx", ntuples[0], target], "is for the events of one fold alone"),
        ("apply_onnx_recoil.py", [model, ntuples[0], target], "no branch AntiKt4EMPFlowJetsAuxDyn.eta"),
        ("apply_onnx_recoil.py", [model, ntuples[0], target], "there are "),
    ]
    done = apply(*((script, *arguments) for script, arguments, _ in cases))
    for (status, _, errors), (_, _, said) in zip(done, cases, strict=True):
        assert status == 1
        assert said in errors
        assert "Traceback" not in errors
    assert not target.exists()
