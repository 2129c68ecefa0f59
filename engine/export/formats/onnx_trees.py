"""Write boosted trees as ONNX, for onnxruntime, as in Athena."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.core.errors import RequestError
from lineshape.engine.export import onnx_graph
from lineshape.engine.export.format import ExportedModel, Format, Runtime, Values, needs
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.prediction import Prediction

if TYPE_CHECKING:
    import onnx
    import xgboost


class OnnxTrees(Format):
    """A graph with an input for each column, (n,), by its name; a missing value is NaN.

    Output: the estimate by the name of the true quantity, NaN where an object does not meet the model's conditions.
    """

    ending: ClassVar[str] = ".onnx"

    def content(self, subject: ExportedModel) -> bytes:
        """Return the converted trees with their inputs, outputs and metadata."""
        return onnx_graph.finished(subject, _converted(subject))

    def runtime(self, subject: ExportedModel, path: Path) -> Runtime:
        """Return the file in onnxruntime."""
        return onnx_graph.runtime(subject, path)

    def expected(self, subject: ExportedModel, prediction: Prediction) -> Values:
        """Return the estimate."""
        return onnx_graph.estimates(subject, prediction.estimate)


def trees_of(subject: ExportedModel) -> BoostedTrees:
    """Return the model; raise RequestError where it is not of trees."""
    model = subject.bundle.built
    if isinstance(model, BoostedTrees):
        return model
    hint = "use --to onnx" if isinstance(model, NetworkModel) else "there is nothing to export"
    raise RequestError(f"model {subject.bundle.name} is of kind {subject.bundle.model.kind}, not of trees; {hint}")


def _converted(subject: ExportedModel) -> "onnx.ModelProto":
    """Return the graph from the features to the sum of the trees, or to the probability derived from it."""
    trees = trees_of(subject)
    try:
        import onnx
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType
    except ImportError as error:
        raise needs("export", error) from error
    booster = trees.booster(subject.bundle.folder)
    booster.feature_names = None  # the converter knows f0, f1, … alone
    types = [(onnx_graph.X, FloatTensorType([None, len(subject.bundle.features)]))]
    model: onnx.ModelProto = convert_xgboost(booster, initial_types=types, target_opset=15)
    graph = model.graph
    scores = graph.output[-1].name  # (n, 1), or for labels (n, 2), the probability last
    targets = len(subject.bundle.target.truths)
    if targets == 1:
        last = onnx.helper.make_node("Constant", [], ["lineshape_last"], value_int=-1)
        graph.node.extend(
            [last, onnx.helper.make_node("Gather", [scores, "lineshape_last"], [onnx_graph.TARGET], axis=1)]
        )
    else:
        _part(graph.node, booster)
        graph.node.append(onnx.helper.make_node("Identity", [scores], [onnx_graph.TARGET]))
    shape: list[str | int | None] = ["n"] if targets == 1 else ["n", targets]
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(onnx_graph.TARGET, onnx.TensorProto.FLOAT, shape))
    return model


def _part(nodes: "Sequence[onnx.NodeProto]", booster: "xgboost.Booster") -> None:
    """Make each tree add to its own component of the target: the converter lets all add to the first."""
    import onnx

    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    of_tree = learner["gradient_booster"]["model"]["tree_info"]
    start = json.loads(learner["learner_model_param"]["base_score"])
    (ensemble,) = [node for node in nodes if node.op_type == "TreeEnsembleRegressor"]
    trees = {attribute.name: attribute for attribute in ensemble.attribute}["target_treeids"].ints
    kept = [each for each in ensemble.attribute if each.name not in {"n_targets", "target_ids", "base_values"}]
    del ensemble.attribute[:]
    ensemble.attribute.extend(kept)
    changed = {"n_targets": len(start), "target_ids": [of_tree[tree] for tree in trees], "base_values": start}
    ensemble.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in changed.items())
