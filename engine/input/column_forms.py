"""Awkward forms of the wanted branches, under the study's column names, as NanoEvents reads them."""

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.errors import DataError

if TYPE_CHECKING:
    import uproot

#: Awkward's `__array__` parameters of arrays that are not to be read as numbers, and their descriptions.
_NO_NUMBERS = {"string": "text", "bytestring": "text", "char": "text", "byte": "text", "sorted_map": "a map"}

Form = dict[str, Any]


class NamedBranches:
    """The wanted branches of a tree, by the names of the columns that they hold.

    coffea takes it for the tree: branch names do not enter coffea's keys, in which commas and exclamation marks are
    separators. A branch that holds several columns is given for each.
    """

    title = description = ""

    def __init__(self, tree: "uproot.TTree", branches: Mapping[str, str | None]) -> None:
        wanted = {name for name in branches.values() if name}
        found: dict[str, Any] = {}
        for name, branch in tree.iteritems(filter_name=lambda name: name in wanted):
            found.setdefault(name, branch)
        self._branches = {column: found[name] for column, name in branches.items() if name}

    def __getitem__(self, column: str) -> Any:
        return self._branches[column]

    def iteritems(self, **_: Any) -> Iterator[tuple[str, Any]]:
        """Yield columns and their branches."""
        yield from self._branches.items()

    def forms(self) -> dict[str, Form]:
        """Return the Awkward forms of the columns that NanoEvents can read; others are left out."""
        from coffea.nanoevents.mapping import UprootSourceMapping

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on branches left out, which `require_readable` reports
            form = UprootSourceMapping._extract_base_form(self)
        return dict(zip(form["fields"], form["contents"], strict=True))


def require_readable(path: str, tree: str, branches: NamedBranches, names: Mapping[str, str | None]) -> dict[str, Form]:
    """Return the form of every column; raise DataError listing the branches that cannot be read as numbers.

    names: the branch of each column.
    """
    forms = branches.forms()
    wrong = {column: _fault(forms.get(column)) for column, _ in branches.iteritems()}
    listed = [
        f"  {column}: branch {names[column]} is of type {type_of(branches[column])}: {fault}"
        for column, fault in wrong.items()
        if fault
    ]
    if listed:
        raise DataError(
            f"{path}: {len(listed)} of {len(wrong)} columns of tree {tree} cannot be read; expected a number, or lists "
            "of numbers, for each entry:\n"
            + "\n".join(listed)
            + "\n  name other branches under 'branches:' in the job file"
        )
    return forms


def type_of(branch: Any) -> str:
    """Return the C++ type of a branch."""
    return str(getattr(branch, "typename", "")) or "unknown"


def _fault(form: Form | None) -> str:
    """Return why a column cannot be read as numbers, or as lists or records of them; empty where it can."""
    if form is None:
        return "coffea and uproot have no way to read it"
    named = (form.get("parameters") or {}).get("__array__")
    if named in _NO_NUMBERS:
        return f"{_NO_NUMBERS[named]}, no numbers"
    if form["class"] == "RecordArray":
        faults = {field: _fault(content) for field, content in zip(form["fields"], form["contents"], strict=True)}
        return next((f"its part {field} is {fault}" for field, fault in faults.items() if fault), "")
    return _fault(form["content"]) if "content" in form else ""


def has_records(form: Form) -> bool:
    """Return whether a column consists of records, such as links or four-vectors."""
    return form["class"] == "RecordArray" or ("content" in form and has_records(form["content"]))
