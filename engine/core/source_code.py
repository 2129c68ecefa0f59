"""Source code as an input: digests that change when the code behind a result does.

Code is what Python parses of a file: comments, docstrings and layout do not count.
"""

import importlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name
from pathlib import Path
from types import FunctionType
from typing import Final

from lineshape.engine.core.digests import digest
from lineshape.engine.core.parsed_code import parsed

#: The engine has its own version numbers (of shards, bundles, histograms): its source is left out.
_ENGINE: Final = "lineshape.engine."
_OURS: Final = "lineshape"
#: Suffixes of template files that results are rendered into.
_TEMPLATES: Final = (".html", ".js")
#: Packages that make the report.
REPORTING: Final = ("lineshape.engine.results", "lineshape.engine.stages.reporting")
#: Modules, beside those of the measures, that the values filled into histograms depend on.
READING: Final = (
    "lineshape.engine.learning.bundles",
    "lineshape.engine.learning.prediction",
    "lineshape.engine.core.row_selection",
    "lineshape.engine.core.statistics",
)


def source_of(kind: type | FunctionType) -> str:
    """Return the code of the module that defines a class or function, of its bases' modules, and of all these import.

    Installed packages other than the class's own (numpy, coffea …), and the engine outside the class's own folder, are
    left out.
    """
    parts = kind.__module__.split(".")
    modules = [base.__module__ for base in getattr(kind, "__mro__", (kind,))]
    return _source_from(modules, parts[0], ".".join(parts[:3]) + ".")


def source_of_module(name: str) -> str:
    """Return the code of a module and of all that it imports; of an installed one, nothing."""
    return _source_from([name], "", _ENGINE)


def _source_from(pending: list[str], home: str, own: str) -> str:
    """Return the code of modules and of all that they import. home: see `_file_of`. own: start of names that count."""
    seen = dict[str, str]()
    while pending:
        name = pending.pop()
        path = _file_of(name, home)
        if name in seen or path is None or (f"{name}.".startswith(_ENGINE) and not name.startswith(own)):
            continue
        found = parsed(path)
        seen[name] = found.code
        pending += _imported(found.imports, name if path.name == "__init__.py" else name.rpartition(".")[0])
    return "\n".join(seen[name] for name in sorted(seen))


def _imported(statements: Iterable[tuple[int, str, tuple[str, ...]]], package: str) -> Iterator[str]:
    """Yield the names of what may be modules among all that is imported anywhere in a module of a package."""
    for level, module, names in statements:
        base = resolve_name("." * level + module, package) if level else module
        yield from _with_parents(base)
        yield from (f"{base}.{name}" for name in names)


def _with_parents(name: str) -> Iterator[str]:
    """Yield a module and its parent packages, whose __init__ runs first, except those of lineshape, which re-export."""
    parts = name.split(".")
    yield from (".".join(parts[: i + 1]) for i in range(0 if parts[0] != _OURS else len(parts) - 1, len(parts)))


@cache
def _file_of(name: str, home: str) -> Path | None:
    """Return the file of a local module; None for one of Python's own or of an installed package, with two exceptions.

    home: a package that counts wherever it is installed; lineshape is the other.
    """
    top = name.partition(".")[0]
    spec = _found(name) if top in {home, _OURS} or _is_local(_found(top)) else None
    return Path(spec.origin) if spec and spec.has_location and spec.origin and spec.origin.endswith(".py") else None


def _found(name: str) -> ModuleSpec | None:
    """Return a module's import specification without importing its parents, unlike importlib; None where there is none.

    A name that looks like a module may be a class: importing its parent would run that module, and may take seconds.
    """
    if name in sys.modules:  # its file may be outside every search path
        return getattr(sys.modules[name], "__spec__", None)
    parent = name.rpartition(".")[0]
    above = _found(parent) if parent else None
    if parent and (above is None or above.submodule_search_locations is None):
        return None
    path = list(above.submodule_search_locations or ()) if above else None
    try:
        finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
        return next(filter(None, (finder.find_spec(name, path) for finder in finders)), None)
    except (ImportError, ValueError, AttributeError):
        return None


def _is_local(spec: object) -> bool:
    origin = getattr(spec, "origin", None) or next(iter(getattr(spec, "submodule_search_locations", None) or ()), None)
    if origin is None or not Path(origin).is_absolute():
        return False
    # A facility's packages may lie on PYTHONPATH, outside the environment that Python runs in.
    if {"site-packages", "dist-packages"} & set(Path(origin).parts):
        return False
    return not any(Path(origin).is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> frozenset[str]:
    return frozenset(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def code_of_modules(*names: str) -> str:
    """Return a digest of the code of individual modules."""
    paths = [Path(str(getattr(_found(name), "origin", ""))) for name in names]
    return digest([(name, parsed(path).code) for name, path in zip(names, paths, strict=True)])


def code_of(*packages: str) -> str:
    """Return a digest of the code and templates of packages, independent of where they are installed."""
    folders = [Path(folder) for package in packages for folder in importlib.import_module(package).__path__]
    files = sorted((path.relative_to(folder).as_posix(), path) for folder in folders for path in folder.rglob("*.*"))
    codes = [(name, parsed(path).code) for name, path in files if path.suffix == ".py"]
    return digest(
        codes, [(name, path.read_text(encoding="utf-8")) for name, path in files if path.suffix in _TEMPLATES]
    )
