"""Find kinds by name: `kind: mixture_density` is the one public class of networks/mixture_density.py.

A user's own kind is `"their_package.module:Class"`. There is no registry: a new file is a new kind.
"""

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from lineshape.engine.core.errors import RequestError, calling, code_line, listing, nearest
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.validation import SettingsError, validated

T = TypeVar("T")
K = TypeVar("K", bound=BaseModel)


class KindSpec(BaseModel):
    """A kind and its settings, as written in the job file."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str

    @property
    def settings(self) -> dict[str, Any]:
        """All keys except `kind`."""
        return dict(self.model_extra or {})


def build(package: str, base: type[K], spec: KindSpec, where: tuple[str | int, ...]) -> K:
    """Return the kind that a section of the job file describes, with its settings.

    where: place of the section in the job file.

    Raises SettingsError, which names the place in the job file.
    """
    try:
        kind = find(package, base, spec.kind)
    except RequestError as error:
        raise SettingsError.at((*where, "kind"), error) from error
    place = ".".join(map(str, where))
    with calling(f"{place or base.__name__}: kind {spec.kind}, given its settings,"):
        built = validated(kind, spec.settings, where)
    if isinstance(built, Settings):
        built.stands_at(place)
    return built


def names(package: str, base: type) -> list[str]:
    """Return the names of the kinds in a package: its modules that define exactly one class of the base."""
    return sorted(name for name in _modules(package) if len(_kinds_in(f"{package}.{name}", base)) == 1)


def find(package: str, base: type[T], kind: str) -> type[T]:
    """Return the class that `kind` names, a subclass of `base`.

    Raises RequestError where there is no such module or class, with the names of those that exist.
    """
    if ":" in kind:
        return _of_user(base, kind)
    classes = _kinds_in(f"{package}.{kind}", base) if kind in _modules(package) else []
    if len(classes) != 1:
        known = names(package, base)
        raise RequestError(
            f"unknown kind '{kind}': expected one of {listing(known)}, or 'module:Class'{nearest(kind, known)}"
        )
    return classes[0]


def _modules(package: str) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]


def _kinds_in(name: str, base: type[T]) -> list[type[T]]:
    """Return the public, concrete subclasses of a base that a module defines."""
    module = importlib.import_module(name)
    return [value for value in vars(module).values() if _is_kind(value, base, module)]


def _is_kind(value: Any, base: type, module: ModuleType) -> bool:
    return (
        inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    )


def _of_user(base: type[T], kind: str) -> type[T]:
    found = load(kind, "install its package, or put its folder on PYTHONPATH")
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise RequestError(f"'{kind}' is not a {base.__module__}.{base.__name__}")
    return found


def load(name: str, advice: str) -> Any:
    """Return the object that "module:name" names; raise RequestError, with advice, where it cannot be imported."""
    module, _, inside = name.partition(":")
    try:
        return getattr(importlib.import_module(module), inside)
    except ImportError as error:
        reason, there = str(error), Path(*module.split(".")).with_suffix(".py")
        if there.is_file():
            advice = f"{there} lies in the working folder, where Python does not look: export PYTHONPATH={Path.cwd()}"
    except (AttributeError, ValueError) as error:
        reason = str(error)
    except (Exception, SystemExit) as error:
        raise RequestError(f"cannot load '{name}': {code_line(error)}") from error
    raise RequestError(f"cannot load '{name}': {reason}; expected an importable 'module:Class' ({advice})")
