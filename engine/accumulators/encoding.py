"""Encode accumulators as JSON and arrays: a closed list of types, exactly, and nothing that runs when it is read."""

import base64
import json
import math
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import awkward as ak
import boost_histogram
import hist
import numpy as np
from coffea.analysis_tools import WeightStatistics
from coffea.processor import (
    column_accumulator,
    defaultdict_accumulator,
    dict_accumulator,
    list_accumulator,
    set_accumulator,
    value_accumulator,
)
from numpy.typing import NDArray

from lineshape.engine.core.errors import ProcessorError

#: Types of dictionaries, sets and sequences that are known.
MAPPINGS: Final[Mapping[str, type]] = {
    each.__name__: each for each in (dict, dict_accumulator, defaultdict, defaultdict_accumulator, Counter, OrderedDict)
}
SETS: Final[Mapping[str, type]] = {each.__name__: each for each in (set, set_accumulator, frozenset)}
SEQUENCES: Final[Mapping[str, type]] = {each.__name__: each for each in (list, list_accumulator, tuple)}
HISTOGRAMS: Final[Mapping[str, type]] = {"hist": hist.Hist, "boost_histogram": boost_histogram.Histogram}
#: Makers of default values of dictionaries and of `value_accumulator`.
_FACTORIES: Final[Mapping[str, Callable[[], Any]]] = {
    each.__name__: each
    for each in (int, float, complex, str, bool, *MAPPINGS.values(), *SETS.values(), *SEQUENCES.values())
}
#: Values that are written as they are.
_PLAIN: Final = (bool, int, str, type(None))


def place_of(path: Sequence[str]) -> str:
    """Return where in an accumulator a value stands, as in out['zmumu']['mass']."""
    return "out" + "".join(f"[{key}]" for key in path)


def name_of(kind: type) -> str:
    """Return the name by which a job file accepts a type: module:Class."""
    return f"{kind.__module__}:{kind.__qualname__}"


#: For storages whose contents are arrays alone: words of UHI, and the field of a view that each is; None: the view.
_CONTENTS: Final[Mapping[type, Mapping[str, str | None]]] = {
    hist.storage.Int64: {"values": None},
    hist.storage.Double: {"values": None},
    hist.storage.Weight: {"values": "value", "variances": "variance"},
}
#: Words of the latest histogram at each place, with what they depend on but for its contents; of so many at most.
_KNOWN: Final[dict[tuple[str, ...], tuple[Any, Any]]] = {}
_MOST_KNOWN: Final = 10_000
#: Types of storages by the classes that implement them.
_STORAGES: Final[dict[type, type]] = {}
#: Histograms that were decoded, by their words without contents.
_DECODED_AXES: Final[dict[str, Any]] = {}


def _item(words: Any, key: str) -> Any:
    """Return the value of a key in an encoded dictionary."""
    return next(value for name, value in words["dict"] if name == key)


def _storage_of(histogram: Any) -> type:
    """Return the type of a histogram's storage, for which boost_histogram looks through all its classes each time."""
    own = type(histogram._hist)
    if own not in _STORAGES:
        _STORAGES[own] = histogram.storage_type
    return _STORAGES[own]


def _has_nan(key: Any) -> bool:
    if isinstance(key, tuple):
        return any(map(_has_nan, key))
    return isinstance(key, float | np.floating) and math.isnan(key)


def _is_array(node: Any) -> bool:
    return isinstance(node, dict) and "array" in node


@dataclass
class AccumulatorEncoder:
    """AccumulatorEncoder of one accumulator.

    accepted: names of types, as module:Class, that are pickled. arrays: filled with the arrays that the JSON refers to.
    pickles: filled with pickled objects.
    """

    accepted: Sequence[str] = ()
    arrays: list[NDArray[Any]] = field(default_factory=list)
    pickles: list[bytes] = field(default_factory=list)

    def encode(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Return a value as JSON; raise ProcessorError with its place where its type is not on the list."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        for names, encode in (
            (MAPPINGS, self._mapping),
            (SETS, self._set),
            (SEQUENCES, self._sequence),
            (HISTOGRAMS, self._histogram),
        ):
            if found := next((name for name, known in names.items() if kind is known), None):
                return encode(found, value, path)
        if kind in _OTHERS:
            return _OTHERS[kind](self, value, path)
        if isinstance(value, np.generic | np.ndarray):
            return self._array(value, path)
        if isinstance(value, ak.Array):
            return self._awkward(value)
        if name_of(kind) in self.accepted:
            self.pickles.append(pickle.dumps(value))
            return {"pickle": [len(self.pickles) - 1, name_of(kind)]}
        # What is defined within a function cannot be found by its name when it is read.
        advice = (
            f"to have it pickled add '{name_of(kind)}' to 'pickle'"
            if getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind
            else "return what it holds"
        )
        raise ProcessorError(
            f"{place_of(path)}: a {name_of(kind)} is not kept on disk: expected dictionaries, sets, lists, numbers, "
            f"texts, histograms, arrays and coffea's accumulators; {advice}"
        )

    def key(self, key: Any, path: tuple[str, ...]) -> Any:
        """Return a key of a dictionary as JSON; raise ProcessorError for NaN, which equals no other key."""
        if _has_nan(key):
            raise ProcessorError(f"{place_of(path)}: NaN is a key, which equals no other: expected a number or a text")
        return self.encode(key, (*path, repr(key)))

    def _mapping(self, name: str, value: Any, path: tuple[str, ...]) -> Any:
        node: dict[str, Any] = {
            name: [[self.key(key, path), self.encode(each, (*path, repr(key)))] for key, each in value.items()]
        }
        if isinstance(value, defaultdict):
            node["default"] = self._factory(value.default_factory, path)
        return node

    def _factory(self, factory: Any, path: tuple[str, ...]) -> str:
        if factory is None:
            return ""
        if found := next((name for name, known in _FACTORIES.items() if known is factory), None):
            return found
        # A function of the user's: what it makes is in the dictionary already, and nothing is looked up in a sum.
        return ""

    def _set(self, name: str, value: Any, path: tuple[str, ...]) -> Any:
        members = [self.key(each, path) for each in value]
        return {name: sorted(members, key=lambda each: json.dumps(each, sort_keys=True))}

    def _sequence(self, name: str, value: Any, path: tuple[str, ...]) -> Any:
        return {name: [self.encode(each, (*path, str(number))) for number, each in enumerate(value)]}

    def _histogram(self, name: str, value: Any, path: tuple[str, ...]) -> Any:
        # UHI does not say that contents are sums of weights whose squares were not kept: these have no variances.
        node = {name: self._words(value, path), "variances": vars(value).get("_variance_known", True)}
        # UHI keeps variances, and means are added by sums of squares: what comes back may differ in a last digit.
        if value.kind == boost_histogram.Kind.MEAN:
            node["raw"] = self._array(np.asarray(value.view(flow=True)), path)
        return node

    def _words(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return the UHI words of a histogram; those of its axes are made once while they stay as they are.

        For a chunk with few entries, they take longer than the contents.
        """
        storage_type = _storage_of(value)
        contents = _CONTENTS.get(storage_type)
        others = {key: each for key, each in vars(value).items() if key != "_variance_known"}
        about = value.axes, storage_type, others
        known, words = _KNOWN.get(path, (None, {}))
        if known != about or contents is None:
            uhi = value._to_uhi_()
            # Edges as lists: words that are used again must not refer to this encoder's arrays.
            axes = [
                {key: np.asarray(each).tolist() if key == "edges" else each for key, each in axis.items()}
                for axis in uhi["axes"]
            ]
            words = self.encode(uhi | {"axes": axes}, path)
            if contents is not None and len(_KNOWN) < _MOST_KNOWN:
                _KNOWN[path] = about, words
            return words
        view = value.view(flow=True)
        arrays = {key: np.array(view[field] if field else view) for key, field in contents.items()}
        # As `encode` writes a dictionary.
        storage = [[key, each] for key, each in _item(words, "storage")["dict"] if key not in arrays]
        storage += [[key, self._array(array, path)] for key, array in arrays.items()]
        return {"dict": [[key, {"dict": storage} if key == "storage" else each] for key, each in words["dict"]]}

    def _array(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, np.ma.MaskedArray):
            return {"masked": [self._array(each, path) for each in (value.data, np.ma.getmaskarray(value))]}
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise ProcessorError(f"{place_of(path)}: an array of Python objects: expected numbers, or a list")
        self.arrays.append(array)
        return {"scalar" if isinstance(value, np.generic) else "array": len(self.arrays) - 1}

    def _awkward(self, value: ak.Array) -> Any:
        form, length, buffers = ak.to_buffers(ak.materialize(ak.to_packed(value)))
        node: dict[str, Any] = {"form": json.loads(form.to_json()), "length": length, "buffers": {}}
        for key, buffer in buffers.items():
            self.arrays.append(np.asarray(buffer))
            node["buffers"][key] = len(self.arrays) - 1
        return {"awkward": node}

    def _bytes(self, value: bytes, _: tuple[str, ...]) -> Any:
        return {"bytes": base64.b64encode(value).decode()}

    def _complex(self, value: complex, _: tuple[str, ...]) -> Any:
        return {"complex": [value.real.hex(), value.imag.hex()]}

    def _column(self, value: Any, path: tuple[str, ...]) -> Any:
        return {"column_accumulator": self.encode(value.value, path)}

    def _value(self, value: Any, path: tuple[str, ...]) -> Any:
        factory = self._factory(value.default_factory, path)
        if not factory:
            raise ProcessorError(f"{place_of(path)}: expected one of {', '.join(_FACTORIES)} as its default_factory")
        return {"value_accumulator": [factory, self.encode(value.value, path)]}

    def _statistics(self, value: Any, path: tuple[str, ...]) -> Any:
        return {"WeightStatistics": {name: self.encode(each, path) for name, each in vars(value).items()}}


_OTHERS: Final[Mapping[type, Callable[[AccumulatorEncoder, Any, tuple[str, ...]], Any]]] = {
    float: lambda _, value, __: {"float": value.hex()},
    bytes: AccumulatorEncoder._bytes,
    complex: AccumulatorEncoder._complex,
    column_accumulator: AccumulatorEncoder._column,
    value_accumulator: AccumulatorEncoder._value,
    WeightStatistics: AccumulatorEncoder._statistics,
}


@dataclass(frozen=True)
class AccumulatorDecoder:
    """AccumulatorDecoder of an accumulator; what is pickled is read where its type is accepted."""

    arrays: Sequence[NDArray[Any]]
    pickles: Sequence[bytes] = ()
    accepted: Sequence[str] = ()

    def decode(self, node: Any) -> Any:
        """Return the value that was encoded; raise ValueError where the node is not what an encoder writes."""
        if not isinstance(node, dict):
            return node
        name, value = next(iter(node.items()))
        if name in MAPPINGS:
            return self._mapping(name, value, node.get("default", ""))
        if name in SETS:
            return SETS[name](self.decode(each) for each in value)
        if name in SEQUENCES:
            return SEQUENCES[name](self.decode(each) for each in value)
        if name in HISTOGRAMS:
            return self._histogram(name, node)
        if name not in _DECODED:
            raise ValueError(f"'{name}' is nothing that an accumulator holds")
        return _DECODED[name](self, value)

    def _mapping(self, name: str, items: Any, default: str) -> Any:
        kind = MAPPINGS[name]
        found: Any = kind(_FACTORIES[default] if default else None) if issubclass(kind, defaultdict) else kind()
        for key, each in items:
            found[self.decode(key)] = self.decode(each)
        return found

    def _histogram(self, name: str, node: Any) -> Any:
        found = self._filled(name, node[name])
        found._variance_known = node["variances"]
        if "raw" in node:
            found.view(flow=True)[...] = self.decode(node["raw"])
        return found

    def _filled(self, name: str, words: Any) -> Any:
        """Return the histogram of UHI words, a copy of one with the same axes where there was one before.

        Copies take a tenth of the time, and the parts of a dataset differ in their contents alone.
        """
        storage = _item(words, "storage")
        arrays = {key: self.arrays[each["array"]] for key, each in storage["dict"] if _is_array(each)}
        others = {"dict": [[key, each] for key, each in storage["dict"] if key not in arrays]}
        axes = json.dumps([name, [[key, others if key == "storage" else each] for key, each in words["dict"]]])
        if (known := _DECODED_AXES.get(axes)) is not None:
            found = known.copy()
            view = found.view(flow=True)
            for key, of in _CONTENTS[_storage_of(found)].items():
                (view[of] if of else view)[...] = arrays[key]
            return found
        found = HISTOGRAMS[name](self.decode(words))
        # An array anywhere else is one of this decoder's.
        if set(_CONTENTS.get(_storage_of(found), ())) == set(arrays) and '{"array": ' not in axes:
            if len(_DECODED_AXES) >= _MOST_KNOWN:
                _DECODED_AXES.clear()
            _DECODED_AXES[axes] = found.copy()
        return found

    def _awkward(self, node: Any) -> ak.Array:
        buffers = {key: self.arrays[number] for key, number in node["buffers"].items()}
        return ak.from_buffers(ak.forms.from_dict(node["form"]), node["length"], buffers)

    def _pickled(self, value: Any) -> Any:
        number, name = value
        if name not in self.accepted:
            raise ValueError(f"{name} was pickled, and is not accepted")
        return pickle.loads(self.pickles[number])  # noqa: S301 - the job file accepts this type by name

    def _statistics(self, value: Any) -> Any:
        found = WeightStatistics()
        for name, each in value.items():
            setattr(found, name, self.decode(each))
        return found


_DECODED: Final[Mapping[str, Callable[[AccumulatorDecoder, Any], Any]]] = {
    "float": lambda _, value: float.fromhex(value),
    "complex": lambda _, value: complex(*(float.fromhex(each) for each in value)),
    "bytes": lambda _, value: base64.b64decode(value),
    "array": lambda self, value: self.arrays[value],
    "scalar": lambda self, value: self.arrays[value][()],
    "masked": lambda self, value: np.ma.MaskedArray(*map(self.decode, value)),
    "awkward": AccumulatorDecoder._awkward,
    "column_accumulator": lambda self, value: column_accumulator(self.decode(value)),
    "value_accumulator": lambda self, value: value_accumulator(_FACTORIES[value[0]], self.decode(value[1])),
    "WeightStatistics": AccumulatorDecoder._statistics,
    "pickle": AccumulatorDecoder._pickled,
}
