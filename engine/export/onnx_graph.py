"""Build the parts that ONNX files of networks and of trees share: named inputs and outputs, and metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.row_selection import Condition, Range
from lineshape.engine.export.format import IN_ORDER, ExportedModel, Runtime, Values, beside, encoders_of, needs
from lineshape.engine.learning.prediction import Prediction

if TYPE_CHECKING:
    import onnx

#: Version of ONNX's operators. In version 23 attention is one operator, whose mask onnxruntime 1.32 refuses.
OPSET: Final = 22
#: Version of the file format that goes with it.
IR_VERSION: Final = 10
#: Names inside the graph: features (n, features), and the target and its width before they are multiplied by `per`.
X: Final = "lineshape_x"
TARGET: Final = "lineshape_target"
SIGMA: Final = "lineshape_sigma"
#: Name of the input that holds the number of objects in the padded lists of an encoder.
COUNT: Final = "{}_count"
_ROWS: Final = "n"


def finished(subject: ExportedModel, core: "onnx.ModelProto") -> bytes:
    """Return a file around a graph from X to TARGET: an input for each column before it, and the estimate after it.

    Beside TARGET the graph may give SIGMA, which becomes `sigma` in the estimate's unit; other outputs stay as they
    are.
    """
    import onnx
    from onnx import compose

    # A column may have any name, also that of a value inside the graph.
    core = compose.add_prefix(core, "lineshape_core_", rename_inputs=False, rename_outputs=False)
    bundle, graph = subject.bundle, core.graph
    nodes = _Nodes("before")
    nodes.add("Concat", [nodes.column(name) for name in bundle.features], X, axis=1)
    before, nodes = nodes, _Nodes("after")
    outside = [nodes.outside(name, condition) for name, condition in bundle.built.within.items()]
    names = bundle.gives
    results = {names[0]: TARGET}
    if len(names) > 1:
        results = {
            name: nodes.add("Gather", [TARGET, nodes.constant(np.array(number))], axis=1)
            for number, name in enumerate(names)
        }
    if any(value.name == SIGMA for value in graph.output):
        results["sigma"] = SIGMA
    for name, inside in results.items():
        value = nodes.add("Mul", [inside, bundle.target.per]) if bundle.target.per else nodes.add("Identity", [inside])
        for each in outside:
            value = nodes.add("Where", [each, nodes.constant(np.nan), value])
        nodes.add("Identity", [value], name)
    others = [value for value in graph.output if value.name not in {TARGET, SIGMA}]
    lists = [value for value in graph.input if value.name != X]
    column_metadata = {name: _metadata(subject, name) for name in [*results, *(value.name for value in others)]}
    for value in others:
        value.doc_string = _text(*column_metadata[value.name])
    for value, text in zip(lists, _of_lists(subject, [value.name for value in lists]), strict=True):
        value.doc_string = text
    columns = [name for name in bundle.columns if name not in {value.name for value in lists}]
    whole = onnx.helper.make_graph(
        [*before.made, *graph.node, *nodes.made],
        f"{subject.study}.{bundle.name}",
        [*(_value(name, subject.label(name), subject.unit(name)) for name in columns), *lists],
        [*(_value(name, *column_metadata[name]) for name in results), *others],
        [*graph.initializer, *before.constants, *nodes.constants],
    )
    domains = {entry.domain: entry for entry in core.opset_import} | {"": onnx.helper.make_opsetid("", OPSET)}
    model = onnx.helper.make_model(
        whole,
        opset_imports=list(domains.values()),
        functions=list(core.functions),
        ir_version=IR_VERSION,
        producer_name="lineshape",
        producer_version=subject.version,
        doc_string=f"{bundle.label} of the study {subject.study}",
    )
    outputs = [{"name": name, "unit": unit, "label": label} for name, (label, unit) in column_metadata.items()]
    onnx.helper.set_model_props(model, subject.about | {"outputs": json.dumps(outputs)})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Nodes:
    """Nodes with unique names, and the constants that they need."""

    def __init__(self, part: str) -> None:
        self._part = part
        self.made: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Append a node; return the name of its output."""
        import onnx

        name = output or f"lineshape_{self._part}_{len(self.made)}_{operator}"
        self.made.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, value: float | NDArray[Any]) -> str:
        """Add a tensor, float32 unless it is of integers; return its name."""
        import onnx

        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        name = f"lineshape_{self._part}_constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(array, name))
        return name

    def column(self, name: str) -> str:
        """Append a node that reshapes (n,) to (n, 1); return the name of its output."""
        return self.add("Unsqueeze", [name, self.constant(np.array([1]))])

    def outside(self, name: str, condition: Condition) -> str:
        """Append nodes for whether a value fails a condition, as NaN always does; return the name of their output."""
        if not isinstance(condition, Range):
            same = [self.add("Equal", [name, self.constant(float(value))]) for value in condition]
            any_of = same[0]
            for each in same[1:]:
                any_of = self.add("Or", [any_of, each])
            return self.add("Not", [any_of])
        low = np.finfo(np.float32).min if condition.low is None else condition.low
        inside = self.add("GreaterOrEqual", [name, self.constant(float(low))])
        if condition.high is not None:
            inside = self.add("And", [inside, self.add("Less", [name, self.constant(float(condition.high))])])
        return self.add("Not", [inside])


def _value(name: str, label: str, unit: str) -> "onnx.ValueInfoProto":
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [_ROWS], doc_string=_text(label, unit))


def _text(label: str, unit: str) -> str:
    return f"{label} [{unit}]" if unit else label


def _metadata(subject: ExportedModel, output: str) -> tuple[str, str]:
    """Return label and unit of an output."""
    target = subject.bundle.target
    truth = target.truths[0]
    label, unit, of = subject.label(truth), subject.unit(truth), ""
    unit_of_target = unit
    if target.per:
        per = subject.unit(target.per)
        ratio = f"{unit or 1}/{per}" if per else unit
        of, unit_of_target = f" / {subject.label(target.per)}", "" if per == unit else ratio
    found = {
        "sigma": (f"Width of the estimate of {label}", unit),
        "weights": (f"Weight of each Gaussian component of {label}{of}", ""),
        "means": (f"Mean of each Gaussian component of {label}{of}", unit_of_target),
        "sigmas": (f"Width of each Gaussian component of {label}{of}", unit_of_target),
        "probabilities": (f"Probability of each class of {label}, from class 0 on", ""),
    }
    if output in subject.bundle.gives or output not in found:
        return subject.label(output), subject.unit(output)
    return found[output]


def _of_lists(subject: ExportedModel, names: list[str]) -> list[str]:
    """Return descriptions of padded lists and of their lengths."""
    found: dict[str, str] = {}
    for group, encoder in encoders_of(subject.bundle).items():
        kept = f"in {IN_ORDER}, of which the first {encoder.most} count"
        found |= {name: f"{_text(subject.label(name), subject.unit(name))}, {kept}" for name in encoder.columns}
        found[COUNT.format(group)] = f"Number of {group} in each row; what is behind them is padding"
    return [found[name] for name in names]


def expected(subject: ExportedModel, prediction: Prediction) -> Values:
    """Return the estimate, its width in the same unit, and all other outputs of the bundle."""
    found = estimates(subject, prediction.estimate) | beside(prediction)
    if prediction.spread is not None:
        found["sigma"] = prediction.spread * np.abs(prediction.estimate)
    return found


def estimates(subject: ExportedModel, estimate: NDArray[np.float64]) -> Values:
    """Return the estimate by the name of the true quantity, or of its components."""
    names = subject.bundle.gives
    return {names[0]: estimate} if len(names) == 1 else dict(zip(names, estimate.T, strict=True))


def runtime(subject: ExportedModel, path: Path) -> Runtime:
    """Return a function that runs the file in onnxruntime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise needs("export", error) from error
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [value.name for value in session.get_outputs()]

    def run(columns: Mapping[str, Any]) -> Values:
        found = session.run(outputs, feeds(subject, columns))
        return {name: np.asarray(values, dtype=np.float64) for name, values in zip(outputs, found, strict=True)}

    return run


def feeds(subject: ExportedModel, columns: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return columns as inputs of the graph: float32, and lists padded with zeros to the longest, and lengths."""
    found: dict[str, NDArray[Any]] = {}
    for group, encoder in encoders_of(subject.bundle).items():
        lists: list[Jagged] = [columns[name] for name in encoder.columns]
        counts = np.diff(lists[0].offsets)
        there = np.arange(max(1, int(counts.max(initial=0)))) < counts[:, np.newaxis]
        for name, values in zip(encoder.columns, lists, strict=True):
            found[name] = np.zeros(there.shape, dtype=np.float32)
            found[name][there] = values.content
        found[COUNT.format(group)] = counts.astype(np.int64)
    for name in subject.bundle.columns:
        if name not in found:
            found[name] = np.asarray(columns[name], dtype=np.float32)
    return found
