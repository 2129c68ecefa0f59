"""The example that a colleague runs without lineshape: it finds what the bundle finds."""

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.bundles import Bundle
from lineshape.engine.export.exporting import export
from lineshape.engine.folders import RunFolder
from lineshape.engine.shards import FeatureStore
from lineshape.jobs import api

pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")
pytestmark = pytest.mark.processes

EXAMPLE = Path(__file__).parents[2] / "deploy" / "apply_onnx.py"
#: Runs a script where lineshape cannot be imported.
WITHOUT = "import runpy, sys; sys.modules['lineshape'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"


@pytest.mark.parametrize(("model", "to"), [("mdn", "onnx"), ("brt", "onnx-trees")])
def test_a_colleague_finds_the_same(
    model: str, to: str, finished: api.Result, ntuples: list[Path], tmp_path: Path
) -> None:
    run = RunFolder(finished.folder)
    exported = export(run, model, to, tmp_path / "model.onnx")
    command = [sys.executable, "-c", f"{WITHOUT.replace('sys.argv[1]', repr(str(EXAMPLE)))}"]
    for number, path in enumerate(ntuples):
        target = tmp_path / f"{number}.root"
        done = subprocess.run(
            [*command, str(exported.path), str(path), str(target)], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "3000 taus to truthPtVis" in done.stdout
    trees = [uproot.open(tmp_path / f"{number}.root")["taus"] for number in range(len(ntuples))]
    found = np.concatenate([ak.to_numpy(ak.flatten(tree["truthPtVis"].array())) for tree in trees])
    bundle = Bundle.load(run.models / model)
    tables = list(FeatureStore.load(run.features).tables(bundle.columns))
    wanted = np.concatenate([bundle.predict(table).estimate for table in tables])
    # Taus that the study cuts away are in the file as well.
    assert 0.9 * len(found) < len(wanted) <= len(found)
    nearest = np.sort(found)[np.searchsorted(np.sort(found), wanted * (1 - 1e-5)).clip(max=len(found) - 1)]
    assert nearest == pytest.approx(wanted, rel=2e-5)
