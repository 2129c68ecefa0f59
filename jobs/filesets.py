"""Read filesets as users of coffea write them: a dictionary or a JSON file, by dataset."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.stages.accumulating.plan import DatasetFiles

#: Keys of metadata that events get of each chunk, and that a fileset may not set.
_RESERVED: Final = ("dataset", "filename", "treename", "entrystart", "entrystop", "fileuuid", "numentries", "uuid")
#: Keys of a dataset's dictionary that are read; `preload` is not needed, as what is touched is found out.
_KNOWN: Final = ("files", "metadata", "treename", "preload", "form", "format", "compressed_form")


def read_fileset(fileset: Any, treename: str | None) -> dict[str, DatasetFiles]:
    """Return the datasets of a fileset.

    fileset: {dataset: [files]}, {dataset: {"files": {file: tree}, "metadata": …}}, or the path of either as JSON; files
    are paths, URLs, globs, folders or text lists. treename: tree of files for which none is named.

    Raises RequestError where it is not a fileset, or a tree is not known.
    """
    if isinstance(fileset, str | Path):
        fileset = _from_file(Path(fileset))
    if not isinstance(fileset, Mapping) or not fileset:
        raise RequestError(
            f"fileset: expected a dictionary of datasets, or the path of a JSON file, found {fileset!r:.80}"
        )
    if others := [name for name in fileset if not isinstance(name, str)]:
        raise RequestError(f"fileset: dataset {others[0]!r}: expected a text as its name")
    return {name: _dataset(name, value, treename) for name, value in fileset.items()}


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise RequestError(f"fileset {path}: no such file")

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RequestError(f"fileset {path}: {listing(twice)} is named twice: expected each name once")
        return dict(pairs)

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)
    except ValueError as error:
        raise RequestError(f"fileset {path}: expected JSON: {error}") from error


def _dataset(name: str, value: Any, treename: str | None) -> DatasetFiles:
    about = value if isinstance(value, Mapping) and "files" in value else {"files": value}
    if unknown := [key for key in about if key not in _KNOWN]:
        raise RequestError(f"dataset {name}: '{unknown[0]}' is not known: expected {listing(_KNOWN[:3])}")
    metadata = about.get("metadata") or {}
    if taken := [key for key in _RESERVED if key in metadata]:
        raise RequestError(f"dataset {name}: metadata '{taken[0]}' is set for each chunk: call it something else")
    tree = about.get("treename") or treename
    files = about["files"]
    if isinstance(files, str):
        files = [files]
    if not isinstance(files, Mapping | Sequence) or not files:
        raise RequestError(f"dataset {name}: expected a list of files, or a dictionary of files and their trees")
    if isinstance(files, Sequence) and tree is None:
        raise RequestError(f"dataset {name}: expected a 'treename' (--tree), or files as {{file: tree}}")
    if treename and isinstance(files, Mapping):
        _require_same_tree(name, files, treename)
    by_tree: dict[str, list[str]] = {}
    for file in files:
        by_tree.setdefault(_tree_of(name, file, files[file] if isinstance(files, Mapping) else tree), []).append(
            str(file)
        )
    return DatasetFiles(by_tree, dict(metadata))


def _require_same_tree(name: str, files: Mapping[Any, Any], treename: str) -> None:
    """Raise RequestError where a file is said to have another tree than the one that is asked for."""
    for file, value in files.items():
        if (found := _tree_of(name, file, value)) != treename:
            raise RequestError(
                f"dataset {name}, {file}: its tree is '{found}', and 'treename' (--tree) is '{treename}': leave one out"
            )


def _tree_of(name: str, file: Any, value: Any) -> str:
    """Return the tree of a file, which coffea's own preprocessing writes as {"object_path": tree, "steps": …}."""
    if isinstance(value, Mapping):
        if value.get("steps"):
            raise RequestError(
                f"dataset {name}, {file}: 'steps' divide it in another way: leave them out, and 'chunksize' divides it"
            )
        value = value.get("object_path")
    if not isinstance(value, str):
        raise RequestError(f"dataset {name}, {file}: expected the name of a tree, found {value!r:.60}")
    return value
