"""Write networks as ONNX, for onnxruntime, as in Athena."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    from torch import Tensor, nn

    from lineshape.engine.learning.roles.network import Network


class Onnx(Format):
    """A graph with an input for each column, (n,), by its name, and scaling inside.

    A list column is (n, longest) and padded; an input `NAME_count`, (n,), gives the number of objects in each row.
    Outputs: the estimate by the name of the true quantity, NaN where an object does not meet the model's conditions;
    for a mixture `sigma` in the estimate's unit, and `weights`, `means` and `sigmas`, (n, components), of the target;
    for classes `probabilities`, (n, classes).
    """

    ending: ClassVar[str] = ".onnx"

    def content(self, subject: ExportedModel) -> bytes:
        """Return the traced network with its inputs, outputs and metadata."""
        return onnx_graph.finished(subject, _traced(subject))

    def runtime(self, subject: ExportedModel, path: Path) -> Runtime:
        """Return the file in onnxruntime."""
        return onnx_graph.runtime(subject, path)

    def expected(self, subject: ExportedModel, prediction: Prediction) -> Values:
        """Return all outputs."""
        return onnx_graph.expected(subject, prediction)


def _network(subject: ExportedModel) -> NetworkModel:
    model = subject.bundle.built
    if isinstance(model, NetworkModel):
        return model
    instead = "use --to onnx-trees" if isinstance(model, BoostedTrees) else "there is nothing to export"
    raise RequestError(f"model {subject.bundle.name} is of kind {subject.bundle.model.kind}, not a network; {instead}")


def _traced(subject: ExportedModel) -> "onnx.ModelProto":
    """Return the graph from the features and padded lists to the target and the other outputs."""
    import torch

    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise needs("export", error) from error
    model = _network(subject)
    module, lists = _graph(model.predicting, model.module(subject.bundle.folder), model.longest)
    rows, longest = torch.export.Dim("n"), torch.export.Dim("longest")
    args: list[Tensor] = [torch.zeros(3, len(subject.bundle.features))]
    names, shapes = [onnx_graph.X], [{0: rows}]
    for group, columns in lists.items():
        args += [*(torch.zeros(3, 5) for _ in columns), torch.tensor([0, 2, 5])]
        names += [*columns, onnx_graph.COUNT.format(group)]
        shapes += [*({0: rows, 1: longest} for _ in columns), {0: rows}]
    outputs = list(module(*args))
    with warnings.catch_warnings(), _quiet(logging.getLogger("torch.onnx")):
        warnings.simplefilter("ignore")  # the exporter warns of its own code
        try:
            program = torch.onnx.export(
                module,
                tuple(args),
                dynamo=True,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=(tuple(shapes),),
                opset_version=onnx_graph.OPSET,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise RequestError(f"{_kind(model)} cannot be traced: {_first_cause(error)}") from error
    assert program is not None
    found: onnx.ModelProto = program.model_proto
    if fixed := [value.name for value in found.graph.input if value.type.tensor_type.shape.dim[0].dim_value]:
        raise RequestError(
            f"{_kind(model)} is traced for a fixed number of rows ({', '.join(fixed)}): it takes a size as a Python "
            "number, as len(x) does; write x.shape[0]"
        )
    return found


def _first_cause(error: BaseException) -> str:
    """Return what the exporter's error comes from: its own message is a page of steps that were tried."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _kind(model: NetworkModel) -> str:
    parts = [model.predicting, *model.predicting.encoders.values()]
    return f"network {', '.join(type(part).__name__ for part in parts)}"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Suppress the exporter's messages about packages that are not installed."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _graph(
    network: "Network", module: "nn.Module", longest: dict[str, int]
) -> "tuple[nn.Module, dict[str, Sequence[str]]]":
    """Return the module as a function of tensors alone, and the columns of each kind of list that it takes."""
    import torch
    from torch import nn

    from lineshape.engine.learning.blocks.batch import Sequence as Objects

    lists: dict[str, Sequence[str]] = {name: each.columns for name, each in network.encoders.items()}

    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *inputs: "Tensor") -> "dict[str, Tensor]":
            x, rest = inputs[0], list(inputs[1:])
            sequences = {}
            for name, columns in lists.items():
                values = torch.stack([rest.pop(0) for _ in columns], dim=2)[:, : longest[name]]
                mask = torch.arange(values.shape[1]) < rest.pop(0)[:, None]
                # Padding may hold any values: they must have no effect.
                sequences[name] = Objects(torch.where(mask[:, :, None], values, 0.0), mask)
            outputs = self.module(x, sequences)
            found = {onnx_graph.TARGET: outputs["target"], **network.named(outputs)}
            if "sigma" in found:
                found[onnx_graph.SIGMA] = found.pop("sigma")
            return found

    return Graph().eval(), lists
