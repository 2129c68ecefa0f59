"""Digests: the identity of things by what they were made from."""

import hashlib
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest(*parts: Any) -> str:
    """20 hexadecimal digits over JSON-like values, the same on every machine."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def source_of(kind: type) -> str:
    """The source of the module that defines a class and of the modules beside it that it imports."""
    package = kind.__module__.rpartition(".")[0]
    pending, seen = [kind.__module__], dict[str, str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        module = sys.modules[name]
        seen[name] = inspect.getsource(module)
        values = list(vars(module).values())
        owners = {str(getattr(value, "__module__", "")) for value in values}
        owners |= {value.__name__ for value in values if inspect.ismodule(value)}
        pending += [other for other in owners if package and other.startswith(package + ".") and other in sys.modules]
    return "\n".join(seen[name] for name in sorted(seen))


def uniform(identifiers: NDArray[np.uint64], stream: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each identifier: a hash (splitmix64), so that it is the same wherever it is computed.

    stream: another number gives an independent set of hashes (the split, the jackknife's groups).
    """
    with np.errstate(over="ignore"):
        x = identifiers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(stream + 1)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53


def code_of(package: str) -> str:
    """Digest of all Python files of a package, whatever folder it is installed in."""
    folders = [Path(folder) for folder in importlib.import_module(package).__path__]
    files = sorted((path.relative_to(folder).as_posix(), path) for folder in folders for path in folder.rglob("*.py"))
    return digest([(name, path.read_text(encoding="utf-8")) for name, path in files])
