"""Read lwtnn's JSON in NumPy, for the layers that are written here and those that lwtnn's own tests have.

The reader is independent of networks and bundles: it replaces lwtnn where that is not available, and is itself compared
with what the library printed (tests/data/lwtnn_golden.json).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError

Floats = NDArray[np.float64]
Json = Mapping[str, Any]


def evaluate(config: Json, variables: Mapping[str, Any]) -> dict[str, Floats]:
    """Return outputs (n, size) by name, `out` for a sequence of layers; raise RequestError where sizes do not fit.

    variables: n values each; for an input sequence n arrays of any length.
    """
    if "nodes" not in config:
        x = _scaled(config["inputs"], variables, config.get("defaults") or {})
        return {"out": _through(config["layers"], x)}
    flat = [_scaled(each["variables"], variables, {}) for each in config["inputs"]]
    lists = [_scaled_lists(each["variables"], variables) for each in config.get("input_sequences", [])]
    values: list[Any] = []
    for node in config["nodes"]:
        sources = node["sources"]
        match node["type"]:
            case "input":
                values.append(flat[sources[0]])
            case "input_sequence":
                values.append(lists[sources[0]])
            case "concatenate":
                values.append(np.concatenate([values[source] for source in sources], axis=1))
            case "feed_forward":
                values.append(_layer(config["layers"][node["layer_index"]], values[sources[0]]))
            case "time_distributed":
                layer = config["layers"][node["layer_index"]]
                rows, content = values[sources[0]]
                values.append((rows, _layer(layer, content)))
            case "sum":
                rows, content = values[sources[0]]
                summed = np.zeros((len(flat[0]), content.shape[1]))
                np.add.at(summed, rows, content)
                values.append(summed)
            case kind:
                raise RequestError(f"lwtnn node of type '{kind}' is not known")
    return {name: values[output["node_index"]] for name, output in config["outputs"].items()}


def _scaled(inputs: Sequence[Json], variables: Mapping[str, Any], defaults: Mapping[str, float]) -> Floats:
    """Return (x + offset) · scale, with NaN replaced by the default before, where there is one."""
    columns = []
    for each in inputs:
        x = np.asarray(variables[each["name"]], dtype=np.float64)
        if each["name"] in defaults:
            x = np.where(np.isnan(x), defaults[each["name"]], x)
        columns.append((x + each["offset"]) * each["scale"])
    return np.column_stack(columns)


def _scaled_lists(inputs: Sequence[Json], variables: Mapping[str, Any]) -> tuple[NDArray[np.int64], Floats]:
    """Return the row of each object, and the scaled objects of all rows, one after the other."""
    counts = [len(row) for row in variables[inputs[0]["name"]]]
    joined = {each["name"]: np.concatenate(list(variables[each["name"]])) for each in inputs}
    return np.repeat(np.arange(len(counts)), counts), _scaled(inputs, joined, {})


def _through(layers: Sequence[Json], x: Floats) -> Floats:
    for layer in layers:
        x = _layer(layer, x)
    return x


def _layer(layer: Json, x: Floats) -> Floats:
    weights, bias = (np.asarray(layer[key], dtype=np.float64) for key in ("weights", "bias"))
    if layer["architecture"] == "normalization":
        return np.asarray((x + bias) * weights)
    if layer["architecture"] != "dense":
        raise RequestError(f"lwtnn layer of architecture '{layer['architecture']}' is not known")
    if weights.size % x.shape[1]:
        raise RequestError(f"{weights.size} weights do not divide by {x.shape[1]} inputs")
    with np.errstate(invalid="ignore", over="ignore"):
        return _activated(layer["activation"], x @ weights.reshape(-1, x.shape[1]).T + bias)


def _activated(activation: str | Json, x: Floats) -> Floats:
    named: Json = {"function": activation} if isinstance(activation, str) else activation
    function = named["function"]
    # By default lwtnn has an alpha of 1 for elu, and NaN for swish.
    alpha = float(named.get("alpha", 1.0 if function == "elu" else np.nan))
    known: dict[str, Callable[[], Any]] = {
        "linear": lambda: x,
        "rectified": lambda: np.where(x < 0, 0.0, x),
        "leakyrelu": lambda: np.where(x < 0, alpha * x, x),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "hard_sigmoid": lambda: np.clip(0.2 * x + 0.5, 0, 1),
        "elu": lambda: np.where(x < 0, alpha * np.expm1(x), x),
        "swish": lambda: x / (1 + np.exp(-alpha * x)),
        "abs": lambda: np.abs(x),
        "softmax": lambda: _softmax(x),
    }
    if function not in known:
        raise RequestError(f"lwtnn activation '{function}' is not known")
    return np.asarray(known[function]())


def _softmax(x: Floats) -> Floats:
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
