"""Parse source files, once for each content: what was parsed is remembered from one command to the next.

Parsing a hundred files takes a second of every command. What is remembered goes by the digest of a file's bytes, so
that it can never be of an earlier state of the file, and may be deleted at any time.
"""

import ast
import atexit
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.errors import StorageError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.records import sealed, unsealed

#: How Python writes a syntax tree is a matter of its version; the number is that of what is remembered of one.
_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}-1"
#: Contents that are remembered, the latest ones.
_MOST: Final = 1000


@dataclass(frozen=True)
class Parsed:
    """A module's code, in one layout and without comments and docstrings, and its import statements.

    imports: for each its level (0 where it is absolute), the module's name, and the names that are imported from it; of
    `import x` these are none.
    """

    code: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]


def parsed(path: Path) -> Parsed:
    """Return what a source file holds."""
    content = path.read_bytes()
    key, known = hashlib.blake2b(content, digest_size=16).hexdigest(), _known()
    if key not in known:
        known[key] = parse(content.decode())
        _remember_at_exit()
    return known[key]


def parse(text: str) -> Parsed:
    """Return what a module's text holds.

    A string that stands as a statement, which documents an attribute, is a docstring too.
    """
    tree = ast.parse(text)
    imports = tuple(dict.fromkeys(_imports(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]
    return Parsed(ast.unparse(tree), imports)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", tuple(alias.name for alias in node.names)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lineshape" / f"code-{_VERSION}.json"


@cache
def _known() -> dict[str, Parsed]:
    """Return what is remembered; nothing where there is no such file, or it is damaged."""
    with suppress(OSError, RuntimeError, ValueError, TypeError, KeyError):
        return {key: _read(value) for key, value in unsealed(_file().read_text(encoding="utf-8"))["files"].items()}
    return {}


def _read(value: dict[str, Any]) -> Parsed:
    imports = tuple((int(level), str(module), tuple(map(str, names))) for level, module, names in value["imports"])
    return Parsed(str(value["code"]), imports)


@cache
def _remember_at_exit() -> None:
    atexit.register(_remember)


def _remember() -> None:
    """Write what is remembered, where there is room for it; what another command wrote meanwhile is parsed again."""
    latest = list(_known().items())[-_MOST:]
    with suppress(OSError, RuntimeError, StorageError):
        write_json(_file(), sealed({"files": {key: asdict(each) for key, each in latest}}))
