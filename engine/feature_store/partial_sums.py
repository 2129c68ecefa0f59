"""Partial sums over groups of shards, so that no client reads a hundred thousand shards to obtain their sum.

A partial sum is saved under the identities of its parts, so that a resumed run adds nothing twice. Groups are formed of
neighbours in the catalogue, so the order of addition, and with it every bit of the sum, is fixed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import DAMAGES, RunError
from lineshape.engine.core.grouping import cut
from lineshape.engine.core.histograms import Histograms, from_uhi, merge, to_uhi
from lineshape.engine.core.records import read_record, save_record
from lineshape.engine.feature_store import event_numbers
from lineshape.engine.feature_store.shards import read_info

#: Number of shards, or of partial sums, in one partial sum (about, where there are more).
GROUP = 64


@dataclass
class PartialSum:
    """The sum of some shards of one sample.

    shards: rows by shard identity, in order. processed: entries of their chunks. dropped: entries left out for NaN or
    infinite values. events: the smallest hashes of their event numbers, from `sample_of`.
    """

    shards: dict[str, int] = field(default_factory=dict)
    processed: int = 0
    dropped: int = 0
    cut_flow: dict[str, int] = field(default_factory=dict)
    histograms: Histograms = field(default_factory=dict)
    events: list[float] = field(default_factory=list)

    def add(self, other: "PartialSum") -> None:
        """Add the sum that is next in order."""
        self.shards |= other.shards
        self.processed += other.processed
        self.dropped += other.dropped
        self.events = event_numbers.merged([self.events, other.events])
        for name, count in other.cut_flow.items():
            self.cut_flow[name] = self.cut_flow.get(name, 0) + count
        self.histograms = merge([self.histograms, other.histograms])

    def save(self, path: Path) -> None:
        """Save the sum as JSON."""
        content: dict[str, Any] = vars(self) | {"histograms": {k: to_uhi(h) for k, h in self.histograms.items()}}
        save_record(path, content)

    @classmethod
    def load(cls, path: Path) -> "PartialSum":
        """Return the sum written by `save`; raise RunError where it is damaged."""
        kept = read_record(path, _SavedSum, "remove it, and run 'lineshape process' again")
        return cls(**vars(kept) | {"histograms": {k: from_uhi(h) for k, h in kept.histograms.items()}})

    @classmethod
    def of_shard(cls, path: Path) -> "PartialSum":
        """Return the sum of one shard; raise ValueError where it is incomplete."""
        info = read_info(path)
        processed = info.chunk["stop"] - info.chunk["start"]
        return cls({path.stem: info.rows}, processed, info.dropped, info.cut_flow, info.histograms, list(info.events))


@dataclass
class _SavedSum:
    """A partial sum as saved in JSON."""

    shards: dict[str, int]
    processed: int
    dropped: int
    cut_flow: dict[str, int]
    histograms: dict[str, dict[str, Any]]
    events: list[float]


@dataclass(frozen=True)
class ShardGroup:
    """Shards, or partial sums, that a worker adds up into one partial sum, saved at `path`."""

    path: Path
    parts: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path, parts: Sequence[Path]) -> "ShardGroup":
        """Return the group of these parts, whose path is a digest of theirs."""
        return cls(folder / f"{digest([part.stem for part in parts])}.json", tuple(parts))

    def __call__(self) -> tuple[str, ...]:
        """Add up and save the parts; where some are damaged, remove these and save nothing.

        Returns the identities (file stems) of the removed parts. A shard is incomplete where a machine crashed before
        the renamed file had reached its disk.
        """
        total = PartialSum()
        torn = []
        for part in self.parts:
            try:
                partial_sum = PartialSum.load(part) if part.suffix == ".json" else PartialSum.of_shard(part)
            except MemoryError:
                raise
            except (RunError, *DAMAGES):
                part.unlink(missing_ok=True)
                torn.append(part.stem)
                continue
            total.add(partial_sum)
        if not torn:
            total.save(self.path)
        return tuple(torn)


class Group(Protocol):
    """Files that are added up into one, saved at `path`."""

    @property
    def path(self) -> Path:
        """Path of the sum."""
        ...

    @property
    def parts(self) -> tuple[Path, ...]:
        """Paths of what is added, in order."""
        ...


G = TypeVar("G", bound=Group)


@dataclass(frozen=True)
class Sum(Generic[G]):
    """The remaining steps to a sum of many files: groups of them, groups of those, …, the whole.

    levels: groups whose partial sum is not yet on disk, in order: those that others need come first.
    """

    path: Path
    levels: tuple[tuple[G, ...], ...]

    @classmethod
    def of(cls, folder: Path, shards: Sequence[Path], group: Callable[[Path, Sequence[Path]], G]) -> "Sum[G]":
        """Return the sum of files in this order.

        group: makes a group of files from the folder of sums and its parts.
        """
        levels: list[list[G]] = []
        parts = list(shards)
        while True:
            whole = len(parts) <= GROUP
            cuts = [parts] if whole else cut(parts, lambda _: 1 / GROUP, lambda part: part.stem)
            levels.append([group(folder, some) for some in cuts])
            parts = [each.path for each in levels[-1]]
            if whole:
                break
        wanted = set(parts)
        missing: list[tuple[G, ...]] = []
        for level in reversed(levels):
            missing.insert(0, tuple(each for each in level if each.path in wanted and not each.path.exists()))
            wanted = {part for each in missing[0] for part in each.parts}
        return cls(levels[-1][0].path, tuple(missing))


def by_height(sums: Iterable[Sum[G]]) -> list[list[G]]:
    """Return the groups of several sums that can be added up at the same time, those that others need first."""
    return [
        [group for level in levels for group in level]
        for levels in zip_longest(*(each.levels for each in sums), fillvalue=())
    ]
