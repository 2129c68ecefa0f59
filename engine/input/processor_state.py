"""Digest a processor that is given as an object: its code, wherever it is defined, and what it holds."""

import functools
import hashlib
import inspect
import io
import pickle
import sys
import types
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from importlib.metadata import version
from typing import Any, Final

import cloudpickle
import numpy as np

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, is_installed
from lineshape.engine.core.source_code import source_of, source_of_module

#: How Python 3.11 and later say what an object holds; a class may say it in another way.
_GET_STATE: Final = getattr(object, "__getstate__", None)
#: Module of what is defined in a script or a notebook.
_MAIN: Final = "__main__"


def digest_of_processor(processor: Any) -> str:
    """Return a digest of a processor's code and state, or of a class; raise RequestError where code cannot be read."""
    known = isinstance(processor, types.FunctionType | type)
    try:
        return digest(_code_of(processor if known else type(processor)), digest_of_state(processor))
    except RecursionError as error:
        raise RequestError(f"{processor!r:.80} holds itself: expected a processor that does not") from error


def _code_of(thing: Any) -> str:
    """Return the code of a class or a function, and of all that is local and that it imports or uses."""
    if thing.__module__.partition(".")[0] == "coffea":
        return version("coffea")
    if thing.__module__ != _MAIN:
        return source_of(thing)
    found: dict[str, str] = {}
    _collect(thing, found)
    return "\n".join(found[name] for name in sorted(found))


def _collect(thing: Any, found: dict[str, str]) -> None:
    """Add the source of something that is defined in a script or notebook, and of what it uses there."""
    if thing.__qualname__ in found:
        return
    functions = [thing] if isinstance(thing, types.FunctionType) else [*_functions_of(thing)]
    found[thing.__qualname__] = _written(thing, functions)
    if isinstance(thing, type):
        found[f"values of {thing.__qualname__}"] = digest_of_state(_values_of(thing))
    for function in functions:
        defaults = function.__defaults__, function.__kwdefaults__
        found[f"defaults of {function.__qualname__}"] = digest_of_state(defaults)
    for base in getattr(thing, "__mro__", ()):
        if base.__module__ == _MAIN:
            _collect(base, found)
        elif base is not object:
            found[f"{base.__module__}.{base.__qualname__}"] = source_of(base)
    for function in functions:
        _collect_used(function, found)


def _collect_used(function: types.FunctionType, found: dict[str, str]) -> None:
    """Add what a function uses of what is defined around it."""
    for name in _names_in(function.__code__):
        used = function.__globals__.get(name)
        if isinstance(used, types.FunctionType | type):
            if used.__module__ == _MAIN:
                _collect(used, found)
            else:
                found[f"{used.__module__}.{used.__qualname__}"] = source_of(used)
        elif isinstance(used, types.ModuleType):
            found[f"module {used.__name__}"] = source_of_module(used.__name__)
        elif used is not None and not isinstance(used, types.BuiltinFunctionType):
            found[f"value of {name}"] = digest_of_state(used)


def _written(thing: Any, functions: Sequence[types.FunctionType]) -> str:
    """Return the source of a class or function; of a class in a notebook's cell, which has no file, its functions'."""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError) as error:
        try:
            if isinstance(thing, type) and functions:
                return "\n".join(map(inspect.getsource, functions))
        except (OSError, TypeError):
            pass
        raise RequestError(
            f"the code of {thing.__qualname__} cannot be read, so that no change of it would be noticed: expected a "
            "processor in a notebook's cell, a script, or a module"
        ) from error


def _values_of(kind: type) -> dict[str, Any]:
    """Return what a class holds beside its functions."""
    functions = (types.FunctionType, staticmethod, classmethod, property, types.GetSetDescriptorType)
    return {
        name: value
        for name, value in vars(kind).items()
        if not name.startswith(("__", "_abc_")) and not isinstance(value, (*functions, types.MemberDescriptorType))
    }


def _functions_of(kind: type) -> list[types.FunctionType]:
    members = (getattr(each, "__func__", getattr(each, "fget", each)) for each in vars(kind).values())
    return [each for each in members if isinstance(each, types.FunctionType)]


def _names_in(code: types.CodeType) -> set[str]:
    names = {*code.co_names}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names


def digest_of_state(value: Any) -> str:
    """Return a digest of a value that is the same in every process."""
    about: Any
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes():
            about = repr(value)
        case defaultdict():
            about = digest_of_state(value.default_factory), digest_of_state(dict(value))
        case Mapping():
            about = [(digest_of_state(key), digest_of_state(each)) for key, each in value.items()]
        case Set():
            about = sorted(map(digest_of_state, value))
        case list() | tuple():
            about = [*map(digest_of_state, value)]
        case np.ndarray() if not value.dtype.hasobject:
            about = str(value.dtype), value.shape, hashlib.blake2b(value.tobytes()).hexdigest()
        case types.FunctionType():
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            code = value.__code__
            # Of two lambdas in a line the module's code is the same.
            own = (
                code.co_code.hex(),
                code.co_names,
                repr([each for each in code.co_consts if not hasattr(each, "co_code")]),
            )
            about = value.__qualname__, _code_of(value), own, [*map(digest_of_state, cells)]
        case functools.partial():
            about = [*map(digest_of_state, (value.func, value.args, value.keywords))]
        case types.MethodType():
            about = digest_of_state(value.__func__), digest_of_state(value.__self__)
        case type():
            about = value.__module__, value.__qualname__, _code_if_own(value)
        case _:
            about = _of_object(value)
    return digest(type(value).__name__, about)


def _of_object(value: Any) -> object:
    """Return what tells an object from others of its class: what it holds, or, of an extension's, how it is pickled."""
    kind: Any = type(value)
    code = _code_if_own(kind)
    plain = kind.__reduce_ex__ is object.__reduce_ex__ and getattr(kind, "__getstate__", None) is _GET_STATE
    if plain and hasattr(value, "__dict__"):
        return kind.__module__, kind.__qualname__, code, digest_of_state(vars(value))
    try:
        content, used = _pickled(value, pickle.Pickler)
    except Exception:  # noqa: BLE001 - pickle raises whatever the object's own code does
        content, used = _pickled(value, cloudpickle.Pickler)
    return hashlib.blake2b(content).hexdigest(), code, sorted(map(_code_if_own, used))


def _pickled(value: Any, pickler: type[pickle.Pickler]) -> tuple[bytes, list[Any]]:
    """Return a pickled value, and the classes and functions that it refers to, whose code is not in it."""
    used: dict[int, Any] = {}

    class Recording(pickler):  # type: ignore[misc, valid-type]
        """A pickler that notes what it is given."""

        def persistent_id(self, item: Any) -> None:
            """Note a class, a function, or the class of an object."""
            thing = item if isinstance(item, types.FunctionType | type) else type(item)
            used[id(thing)] = thing

    file = io.BytesIO()
    Recording(file).dump(value)
    return file.getvalue(), [*used.values()]


def _code_if_own(thing: Any) -> str:
    """Return the code of a class or function that is of no installed package, nor of Python's own; else nothing."""
    name = getattr(thing, "__module__", None)
    file = getattr(sys.modules.get(str(name)), "__file__", None)
    if name == _MAIN or (isinstance(file, str) and not is_installed(file)):
        return _code_of(thing)
    return ""
