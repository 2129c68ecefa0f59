"""An event variable is a model like any other: it goes to other software, and needs no parameters there."""

from pathlib import Path

import numpy as np
import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Split, Target
from lineshape.engine.export.exporting import export
from lineshape.engine.learning.roles.dataset import Dataset
from tests.engine.learning.stores import make_store, train
from tests.engine.learning.test_event_variable import KNOWN, VARIABLE, drawn

onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    make_store(folder.features, drawn(4000, np.random.default_rng(3)))
    target, trees = Target(truth=("theta", "other")), {"kind": "paired_trees", "rounds": 5}
    for name, settings, features in (("v", VARIABLE, ("a", "b")), ("known", KNOWN, ("a",)), ("trees", trees, ("a",))):
        quick = settings if name == "trees" else settings | {"epochs": 1}
        train(quick, Dataset(folder.features, features, target, Split()), folder.models / name)
    write_json(folder.job, {"study": "toys"})
    return folder


@pytest.mark.parametrize(("to", "output"), [("onnx", "V"), ("lwtnn", "target")])
def test_the_file_says_what_the_bundle_says(to: str, output: str, run: RunFolder) -> None:
    (found,) = export(run, "v", to)
    assert list(found.parity.differences) == [output]
    if to == "onnx":
        session = onnxruntime.InferenceSession(found.path)
        assert [value.name for value in session.get_inputs()] == ["a", "b"]


def test_a_known_variable_is_its_own_file(run: RunFolder, tmp_path: Path) -> None:
    """Scaled, as ONNX; lwtnn has no layer for none, and trees that judge pairs give no variable."""
    assert list(export(run, "known", "onnx", tmp_path / "known.onnx")[0].parity.differences) == ["V"]
    with pytest.raises(RequestError, match="use --to onnx"):
        export(run, "known", "lwtnn")
    for to in ("onnx", "onnx-trees", "xgboost-json"):
        with pytest.raises(RequestError, match="not"):
            export(run, "trees", to)
