"""Write JSON of lwtnn, the library that runs small networks in ATLAS software (D. Guest et al., version 2.14)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.export.format import ExportedModel, Format, Runtime, Values, beside, left_to_user
from lineshape.engine.export.lwtnn_reader import evaluate
from lineshape.engine.learning.blocks.scaling import Affine
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.learning.roles.network import Head, Network

if TYPE_CHECKING:
    from torch import nn

Json = dict[str, Any]
#: lwtnn's names of activations; a plain "swish" gives NaN there.
_ACTIVATIONS: dict[str, Any] = {
    "linear": "linear",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "elu": "elu",
    "ReLU": "rectified",
    "ELU": "elu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "SiLU": {"function": "swish", "alpha": 1.0},
}
#: Name of the input that holds the features.
_NODE = "features"
#: Name of a variable whose logarithm is the input of lwtnn.
_LOGARITHM = "log1p_{}"


class Lwtnn(Format):
    """A sequence of layers for one output, or a graph for several outputs or for lists.

    Scaling is that of lwtnn's inputs. lwtnn has no logarithm: a feature that is scaled by it is a variable
    `log1p_NAME`, log(1 + max(NAME, 0)). Outputs: the target, over `per` where there is one; of a mixture `weights`,
    `means` and `sigmas` of the target; of more than two classes their `probabilities`. A batch norm is folded into the
    layer after it.
    """

    ending: ClassVar[str] = ".lwtnn.json"
    knows_conditions: ClassVar[bool] = False

    def content(self, subject: ExportedModel) -> bytes:
        """Return the JSON of dense layers, batch norms, sums over lists, and the activations that lwtnn has."""
        return json.dumps(_written(subject), indent=1).encode()

    def runtime(self, subject: ExportedModel, path: Path) -> Runtime:
        """Return the file in a NumPy reader of the format, which is independent of the writer."""
        config = json.loads(path.read_text(encoding="utf-8"))
        heads = [head.name for head in _network(subject).heads(Affine.unit(1))]

        def run(columns: Mapping[str, Any]) -> Values:
            found = evaluate(config, _variables(config, subject, columns))
            if "layers" in config and "nodes" not in config:
                return {heads[0]: _shaped(found["out"])}
            return {name: _shaped(values) for name, values in found.items()}

        return run

    def expected(self, subject: ExportedModel, prediction: Prediction) -> Values:
        """Return the outputs that the kind of network names."""
        known = {"target": prediction.target, **beside(prediction)}
        return {head.name: known[head.name] for head in _network(subject).heads(Affine.unit(1))}

    def remarks(self, subject: ExportedModel) -> list[str]:
        """Return what is left to the user."""
        bundle = subject.bundle
        logarithms = [each["name"] for each in _written_inputs(_written(subject)) if each["name"] not in bundle.columns]
        remarks = [f"{', '.join(logarithms)}: log(1 + max(x, 0)) of what the name says"] if logarithms else []
        for name, most in _model(subject).longest.items():
            remarks.append(f"of the list {name} only the first {most} objects are to be given")
        return remarks + left_to_user(subject)


def _shaped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, 0] if values.shape[1] == 1 else values


def _model(subject: ExportedModel) -> NetworkModel:
    model = subject.bundle.built
    if isinstance(model, NetworkModel):
        return model
    trees = isinstance(model, BoostedTrees)
    instead = "lwtnn has no trees; use --to onnx-trees" if trees else "there is nothing to export"
    raise RequestError(f"model {subject.bundle.name} is of kind {subject.bundle.model.kind}, not a network: {instead}")


def _network(subject: ExportedModel) -> Network:
    return _model(subject).predicting


@dataclass
class _Graph:
    """A graph under construction, whose nodes are known by their numbers."""

    inputs: list[Json] = field(default_factory=list)
    input_sequences: list[Json] = field(default_factory=list)
    nodes: list[Json] = field(default_factory=list)
    layers: list[Json] = field(default_factory=list)

    def node(self, kind: str, sources: Sequence[int], **more: Any) -> int:
        self.nodes.append({"type": kind, "sources": list(sources), **more})
        return len(self.nodes) - 1

    def through(self, source: int, layers: Sequence[Json], kind: str = "feed_forward") -> int:
        """Append layers one after the other, and return the last node."""
        for layer in layers:
            self.layers.append(layer)
            source = self.node(kind, [source], layer_index=len(self.layers) - 1)
        return source


def _written(subject: ExportedModel) -> Json:
    """Return the whole file as a dictionary; raise RequestError that names the layer that lwtnn does not have."""
    network = _network(subject)
    module = _model(subject).module(subject.bundle.folder)
    heads = network.heads(Affine.unit(1))
    if not heads:
        raise RequestError(
            f"network {type(network).__name__} has outputs that are more than an activation of its last layer, "
            "which is all that lwtnn knows; use --to onnx"
        )
    if any(head.activation not in _ACTIVATIONS for head in heads):
        wrong = next(head for head in heads if head.activation not in _ACTIVATIONS)
        raise RequestError(
            f"output {wrong.name} is a {wrong.activation} of the last layer, which lwtnn does not have: "
            "train with 'widths: elu' in the network, or use --to onnx"
        )
    trunk: Any = module.trunk
    heads = network.heads(_target(module))
    layers, last = _dense(trunk.body, "body")
    features = _inputs(trunk.inputs, subject.bundle.features)
    about = {key: value for key, value in subject.about.items() if key not in {"features", "inputs"}}
    if len(heads) == 1 and not network.encoders:
        labels, ends = _labels(subject, heads[0]), [*layers, *_head(heads[0], last)]
        return {"inputs": features, "layers": ends, "outputs": labels, "defaults": {}, "miscellaneous": about}
    graph = _Graph([{"name": _NODE, "variables": features}])
    parts = [graph.node("input", [0], size=len(features))]
    for number, (name, encoder) in enumerate(network.encoders.items()):
        if not encoder.sums:
            raise RequestError(
                f"sequences.{name}: lwtnn has no layer for a {type(encoder).__name__}; it has sums over the objects "
                "(deep_sets). Use --to onnx"
            )
        built = trunk.encoders[name]
        variables = _inputs(built.inputs, encoder.columns)
        graph.input_sequences.append({"name": name, "variables": variables})
        source = graph.node("input_sequence", [number], size=len(variables))
        each, _ = _dense(built.each, f"sequences.{name}", ends=False)
        parts.append(graph.node("sum", [graph.through(source, each, "time_distributed")]))
    body = graph.through(graph.node("concatenate", parts) if len(parts) > 1 else parts[0], layers)
    outputs = {
        head.name: {"labels": _labels(subject, head), "node_index": graph.through(body, _head(head, last))}
        for head in heads
    }
    return {**vars(graph), "outputs": outputs, "miscellaneous": about}


def _written_inputs(written: Json) -> list[Json]:
    groups = [*written["inputs"], *written.get("input_sequences", [])]
    return [each for group in groups for each in group.get("variables", [group])]


def _target(module: Any) -> Affine:
    """Return the scaling of the target; the unit scaling for a classifier, which has none."""
    if not hasattr(module, "target"):
        return Affine.unit(1)
    return Affine(module.target.offset.numpy(), module.target.scale.numpy())


def _labels(subject: ExportedModel, head: Head) -> list[str]:
    number = head.stop - head.start
    if head.name == "target":
        return list(subject.bundle.gives)
    return [f"{head.name}_{i}" for i in range(number)]


def _inputs(inputs: Any, names: Sequence[str]) -> list[Json]:
    """Return offset and scale of each variable, which lwtnn applies as (x + offset) · scale."""
    offset, scale = (values.double().numpy() for values in (inputs.standardise.offset, inputs.standardise.scale))
    logarithm = inputs.logarithm.numpy()
    return [
        {
            "name": _LOGARITHM.format(name) if logarithm[i] else name,
            "offset": -float(offset[i]),
            "scale": 1 / float(scale[i]),
        }
        for i, name in enumerate(names)
    ]


@dataclass(frozen=True)
class _Linear:
    """A dense layer's weights (out, in) and bias (out,), in float64."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def layer(self, activation: Any) -> Json:
        """Return the layer as lwtnn has it, the weights row by row."""
        return {
            "architecture": "dense",
            "activation": activation,
            "weights": self.weights.ravel().tolist(),
            "bias": self.bias.tolist(),
        }


def _dense(body: "nn.Sequential", where: str, ends: bool = True) -> tuple[list[Json], _Linear]:
    """Return the layers of a stack, and its last linear layer apart where the stack ends in one."""
    import torch

    layers: list[Json] = []
    pending: _Linear | None = None
    norm: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    for module in body:
        kind = type(module).__name__
        if isinstance(module, torch.nn.Linear):
            weights, bias = module.weight.detach().double().numpy(), module.bias.detach().double().numpy()
            if norm:  # x becomes x · norm[0] + norm[1] before it is multiplied
                weights, bias, norm = weights * norm[0], bias + weights @ norm[1], None
            pending = _Linear(weights, bias)
        elif isinstance(module, torch.nn.BatchNorm1d):
            norm = _norm(module)
        elif isinstance(module, torch.nn.Dropout):
            continue
        elif kind in _ACTIVATIONS and pending:
            layers.append(pending.layer(_ACTIVATIONS[kind]))
            pending = None
        else:
            raise RequestError(f"{where}: lwtnn has no layer for {kind}; use --to onnx")
    if not ends:
        return layers, _Linear(np.zeros((0, 0)), np.zeros(0))
    assert pending is not None, "a stack ends in a linear layer"
    return layers, pending


def _norm(module: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the factor and offset that a trained batch norm applies."""
    mean, variance = module.running_mean.double().numpy(), module.running_var.double().numpy()
    factor = module.weight.detach().double().numpy() / np.sqrt(variance + module.eps)
    return factor, module.bias.detach().double().numpy() - mean * factor


def _head(head: Head, last: _Linear) -> list[Json]:
    """Return an output's rows of the last layer, and its scaling as one more linear layer."""
    own = _Linear(last.weights[head.start : head.stop], last.bias[head.start : head.stop])
    layers = [own.layer(_ACTIVATIONS[head.activation])]
    scale, offset = (np.broadcast_to(each, head.stop - head.start) for each in (head.scale, head.offset))
    if (scale != 1).any() or offset.any():
        layers.append(_Linear(np.diag(scale), offset).layer("linear"))
    return layers


def _variables(config: Json, subject: ExportedModel, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns by the names of lwtnn's variables, in float64, with logarithms taken and long lists truncated.

    A list is an array of objects for each row.
    """
    most = {name: number for group, number in _model(subject).longest.items() for name in _columns(subject, group)}
    names = set(subject.bundle.columns)
    found: dict[str, Any] = {}
    for each in _written_inputs(config):
        name = each["name"] if each["name"] in names else each["name"].removeprefix(_LOGARITHM.format(""))
        values = columns[name]
        if isinstance(values, Jagged):
            content = _as_given(values.content, name != each["name"])
            starts = values.offsets[:-1]
            stops = np.minimum(values.offsets[1:], starts + most[name])
            found[each["name"]] = [content[start:stop] for start, stop in zip(starts, stops, strict=True)]
        else:
            found[each["name"]] = _as_given(values, name != each["name"])
    return found


def _columns(subject: ExportedModel, group: str) -> list[str]:
    return _network(subject).encoders[group].columns


def _as_given(values: NDArray[Any], logarithm: bool) -> NDArray[np.float64]:
    values = values.astype(np.float64)
    return np.log1p(np.maximum(values, 0)) if logarithm else values
