"""Look into a ROOT file: its trees, and what the branches of one of them hold."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.input.root_files import open_file, trees_in

if TYPE_CHECKING:
    import uproot

#: Entries that are looked at.
LOOKED_AT: Final = 5_000
#: Types of numbers, and of lists of numbers in an entry, as TTree and RNTuple name them.
_NUMBER: Final = (
    r"(?:std::)?(?:bool|float|double|char|u?int(?:8|16|32|64)(?:_t)?|unsigned \w+|short|int|long(?: long)?)"
)
_SCALAR: Final = re.compile(rf"^{_NUMBER}$")
_LIST: Final = re.compile(rf"^(?:{_NUMBER}\[\]|(?:std::vector|ROOT::VecOps::RVec)<{_NUMBER}>)$")
#: Trees that hold events, in formats that are known, the first that is there; others of these files hold metadata.
_KNOWN_TREES: Final = ("CollectionTree", "EventData", "Events", "Delphes")
#: Names of the event's number in formats that are known, lower case, without their collection.
_EVENT_NUMBERS: Final = ("eventnumber", "event", "event_number", "eventid", "evt", "number")
#: Fewest different values, over entries, of an event's number.
_DISTINCT: Final = 0.9


@dataclass(frozen=True)
class Branch:
    """Values of a branch in the entries that were looked at.

    values: one after the other. counts: their number in each entry, None where it is one without being a list.
    """

    name: str
    values: NDArray[Any]
    counts: NDArray[np.int64] | None = None

    @property
    def is_list(self) -> bool:
        """Whether entries hold lists of another length than one."""
        return self.counts is not None and not np.all(self.counts == 1)

    @property
    def short(self) -> str:
        """Name without its collection and container."""
        return re.split(r"[./:]", self.name)[-1]

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return self.values.dtype.kind in "iub"

    @cached_property
    def distinct(self) -> NDArray[Any]:
        """Different values, sorted."""
        return np.unique(self.values)

    @cached_property
    def is_finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        return bool(np.all(np.isfinite(self.values)))


@dataclass(frozen=True)
class Survey:
    """A tree of a file: number of entries, readable branches by name, and the number of others."""

    path: Path
    tree: str
    entries: int
    branches: dict[str, Branch]
    others: int

    def branch(self, name: str, option: str) -> Branch:
        """Return a branch by its name; raises RequestError, which names the option that it was given by."""
        if name in self.branches:
            return self.branches[name]
        same = [known for known in self.branches if known.rsplit("/", 1)[-1] == name]
        if len(same) == 1:
            return self.branches[same[0]]
        where = f"tree {self.tree} of {self.path}"
        raise RequestError(f"{option} {name}: {where} has no such branch of numbers{nearest(name, self.branches)}")

    def event_number(self, name: str | None) -> Branch:
        """Return the branch of the event's number, by its name or as known formats name it."""
        if name:
            return self.branch(name, "--event")
        for known in _EVENT_NUMBERS:
            for branch in self.branches.values():
                if branch.short.lower() == known and self._is_number(branch):
                    return branch
        likely = [branch.name for branch in self.branches.values() if self._is_number(branch)]
        hint = f"; whole numbers that differ by entry: {listing(likely)}" if likely else ""
        raise RequestError(
            f"{self.path}, tree {self.tree}: no branch looks like the event's number, by which events are split into "
            f"training and test: name it with --event{hint}"
        )

    def _is_number(self, branch: Branch) -> bool:
        looked = len(branch.values)
        return branch.is_whole and not branch.is_list and looked > 0 and len(branch.distinct) >= _DISTINCT * looked


def survey(path: Path, tree: str | None) -> Survey:
    """Return what is in a tree of a file; by default in the one that holds the events.

    Raises RequestError where the file or tree cannot be used.
    """
    with open_file(str(path)) as file:
        name = _chosen(file, path, tree)
        found = file[name]
        entries = int(found.num_entries)
        if not entries:
            raise RequestError(f"{path}: tree {name} has no entries, and nothing can be learnt of it")
        # An RNTuple's field of records starts so; its members are fields of their own as well, beside all others.
        every = found.iteritems(recursive=hasattr(found, "branches"))
        keys = {key: branch for key, branch in every if not key.startswith("_")}
        numbers = [key for key, branch in keys.items() if _holds_numbers(branch)]
        # uproot looks through all fields of an RNTuple each time that it reads one.
        at_once = {} if hasattr(found, "branches") else found.arrays(numbers, entry_stop=LOOKED_AT, how=dict)
        branches: dict[str, Branch] = {}
        for key in numbers:
            array = at_once[key] if key in at_once else keys[key].array(entry_stop=LOOKED_AT)
            if (own := _looked_into(key, array)) is not None:
                branches[key] = own
        others = len(keys) - len(branches)
    return Survey(path, name, entries, branches, others)


def merged(one: Survey, other: Survey) -> Survey:
    """Return the numbers an entry that two files have in common, the entries of the other after those of the one."""
    common = {
        name: Branch(name, np.concatenate([branch.values, other.branches[name].values]))
        for name, branch in one.branches.items()
        if name in other.branches and not branch.is_list and not other.branches[name].is_list
    }
    return Survey(one.path, one.tree, one.entries + other.entries, common, one.others)


def _chosen(file: "uproot.ReadOnlyDirectory", path: Path, tree: str | None) -> str:
    trees = trees_in(file)
    if not trees:
        raise RequestError(f"{path}: expected a TTree or RNTuple, found neither")
    if tree:
        if tree not in trees:
            raise RequestError(f"--tree {tree}: {path} has no such tree{nearest(tree, trees)}: it has {listing(trees)}")
        return tree
    known = [name for name in _KNOWN_TREES if name in trees]
    return known[0] if known else max(trees, key=lambda name: int(file[name].num_entries))


def _holds_numbers(branch: Any) -> bool:
    """Return whether a branch's type is a number, or a list of numbers."""
    kind = str(getattr(branch, "typename", ""))
    return bool(_SCALAR.match(kind) or _LIST.match(kind))


def _looked_into(name: str, array: Any) -> Branch | None:
    """Return what a branch holds, None where that is lists of lists."""
    import awkward as ak

    if array.ndim == 1:
        return Branch(name, np.asarray(array))
    if array.ndim > 2:
        return None
    return Branch(name, ak.to_numpy(ak.flatten(array)), ak.to_numpy(ak.num(array)).astype(np.int64))
