"""ONNX, of boosted trees: read by onnxruntime, as in Athena."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.bundles import Prediction
from lineshape.engine.errors import RequestError
from lineshape.engine.export import onnx_graph
from lineshape.engine.export.format import Format, Runtime, Subject, Values, needs
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.models.network_model import NetworkModel

if TYPE_CHECKING:
    import onnx


class OnnxTrees(Format):
    """A graph with an input for each column, (n,), by its name; a missing value is NaN.

    Output: the estimate by the name of the true quantity, NaN where the model is not for the object.
    """

    ending: ClassVar[str] = ".onnx"

    def check(self, subject: Subject) -> None:
        """Trees."""
        trees_of(subject, "onnx")

    def write(self, subject: Subject, path: Path) -> None:
        """Convert the trees, and put names and units around them."""
        onnx_graph.finish(subject, _converted(subject), path)

    def runtime(self, subject: Subject, path: Path) -> Runtime:
        """By onnxruntime."""
        return onnx_graph.runtime(subject, path)

    def expected(self, subject: Subject, prediction: Prediction) -> Values:
        """The estimate."""
        return {subject.bundle.target.truth: prediction.estimate}


def trees_of(subject: Subject, instead: str) -> BoostedTrees:
    """The model; raises RequestError where it is none of trees. instead: the format for a network."""
    model = subject.bundle.built
    if isinstance(model, BoostedTrees):
        return model
    hint = f"use --to {instead}" if isinstance(model, NetworkModel) else "there is nothing to export"
    raise RequestError(f"model {subject.bundle.name} is of kind {subject.bundle.model.kind}, not of trees; {hint}")


def _converted(subject: Subject) -> "onnx.ModelProto":
    """From the features to the trees' sum, or the probability that it stands for."""
    try:
        import onnx
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType
    except ImportError as error:
        raise needs("export", error) from error
    booster = trees_of(subject, "onnx").booster(subject.bundle.folder)
    booster.feature_names = None  # the converter knows f0, f1, … alone
    types = [(onnx_graph.X, FloatTensorType([None, len(subject.bundle.features)]))]
    model: onnx.ModelProto = convert_xgboost(booster, initial_types=types, target_opset=15)
    graph = model.graph
    scores = graph.output[-1].name  # (n, 1), or for labels (n, 2), the probability last
    nodes = [
        onnx.helper.make_node("Constant", [], ["lineshape_last"], value_int=-1),
        onnx.helper.make_node("Gather", [scores, "lineshape_last"], [onnx_graph.TARGET], axis=1),
    ]
    graph.node.extend(nodes)
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(onnx_graph.TARGET, onnx.TensorProto.FLOAT, ["n"]))
    return model
