"""Make batches on a device from rows on disk. This module imports torch; import it where it is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.blocks.batch import Batch, Sequence
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.roles.sampler import TARGET, Sampler, require_repeats

#: Blocks of a buffer, read from different places on disk, so that a buffer holds rows from everywhere in the split.
BLOCKS = 16
#: Blocks per rank where there are several ranks and the rows are resident, for which one block would do.
_TURNS = 64
#: Smallest number of batches that a buffer must hold for its rows to be shuffled well.
_FEWEST = 4


@dataclass(frozen=True)
class Buffer:
    """Rows on the device, from which batches are gathered.

    flat: (n, columns + targets). sequences: offsets (n + 1,) and content (total, columns) by kind of list.
    """

    flat: Tensor
    sequences: dict[str, tuple[Tensor, Tensor]]

    def take(self, rows: Tensor, layout: "Layout") -> Batch:
        """Return a batch of these rows."""
        flat = self.flat[rows]
        columns = {name: flat[:, place] for name, place in layout.others.items()}
        weight = (
            flat[:, layout.weight] / layout.mean_weight if layout.weight is not None else torch.ones_like(flat[:, -1])
        )
        sequences = {name: pad(*self.sequences[name], rows, most) for name, most in layout.most.items()}
        target = flat[:, -1] if layout.targets == 1 else flat[:, -layout.targets :]
        return Batch(flat[:, : layout.features], target, weight, columns, sequences)


@dataclass(frozen=True)
class Layout:
    """Positions of the columns in a row.

    features: number of features, the first columns. others, weight: indices of columns. mean_weight: mean weight of the
    training rows. most: length at which the lists of each kind are cut. targets: number of components of the target,
    the last columns.
    """

    features: int
    others: dict[str, int]
    weight: int | None
    mean_weight: float
    most: dict[str, int]
    targets: int = 1

    @classmethod
    def of(cls, columns: Columns, mean_weight: float, most: dict[str, int], targets: int = 1) -> "Layout":
        """Return the layout of a table with these columns."""
        place = {name: number for number, name in enumerate(columns.flat)}
        others = {name: place[name] for name in columns.others}
        weight = place[columns.weight] if columns.weight else None
        return cls(len(columns.features), others, weight, mean_weight, most, targets)


def pad(offsets: Tensor, content: Tensor, rows: Tensor, most: int) -> Sequence:
    """Return the lists of these rows, each cut at `most` objects and padded with zeros."""
    start, count = offsets[rows], (offsets[rows + 1] - offsets[rows]).clamp(max=most)
    step = torch.arange(most, device=rows.device)
    mask = step < count[:, None]
    places = (start[:, None] + step).clamp(max=max(0, len(content) - 1))
    values = content[places] if len(content) else content.new_zeros((*places.shape, content.shape[1]))
    return Sequence(values * mask[:, :, None], mask)


class BatchSource:
    """One rank's part of a split: resident on the device where it fits, else read block by block.

    memory: bytes on the device that the rows may take. rank, ranks: index of the part, and number of parts.
    """

    def __init__(
        self, rows: Rows, layout: Layout, device: torch.device, memory: float, rank: int = 0, ranks: int = 1
    ) -> None:
        self._rows, self._layout, self._device = rows, layout, device
        self._share = 1 / ranks
        row_bytes = rows.bytes / max(1, len(rows))
        self.resident = len(rows) * row_bytes / ranks <= memory
        # One buffer is used while the next is filled.
        self._rows_a_buffer = -(-len(rows) // ranks) if self.resident else int(memory / 2 / row_bytes)
        blocks = 1 if self.resident else -(-len(rows) // ranks * BLOCKS // max(1, self._rows_a_buffer))
        # Blocks are assigned to ranks in turn: rows lie sample by sample, and each rank is to see some of every sample.
        blocks *= ranks * (_TURNS if self.resident and ranks > 1 else 1)
        edges = np.linspace(0, len(rows), blocks + 1).astype(np.int64)
        self._ends = list(zip(edges[rank:-1:ranks].tolist(), edges[rank + 1 :: ranks].tolist(), strict=True))
        self._places = np.cumsum([0] + [stop - start for start, stop in self._ends])
        self._kept = self._load(list(range(len(self._ends)))) if self.resident else None
        self._expected: Tensor | None = None

    def __len__(self) -> int:
        return int(self._places[-1])

    def sampled(self, sampler: Sampler, batch: int) -> "Epochs":
        """Return random epochs of this part, drawn by a sampler.

        Raises RunError where the memory is too small to shuffle rows in.
        """
        if not self.resident and self._rows_a_buffer < _FEWEST * batch:
            raise RunError(
                f"memory: a buffer of {self._rows_a_buffer:,} rows is too small to mix batches of {batch:,} in; "
                "grant more, or make batches smaller"
            )
        draw = sampler.draw(self._seen_by(sampler), len(self), self._share)

        def checked(random: np.random.Generator) -> NDArray[np.int64] | None:
            repeats = draw(random)
            if repeats is not None:
                require_repeats(sampler, repeats, len(self), whole=True)
            return repeats

        return Epochs(self, checked)

    def judged_by(self, sampler: Sampler) -> None:
        """Weight each row that `in_order` yields from now on by how often the sampler would draw it."""
        expected = sampler.expected(self._seen_by(sampler), len(self))
        if expected is not None:
            require_repeats(sampler, expected, len(self), whole=False)
        self._expected = None if expected is None else self._send(expected.astype(np.float32))

    def in_order(self, batch: int) -> Iterator[Batch]:
        """Yield batches of all rows, once and in order."""
        for numbers, buffer in self.buffers([[block] for block in range(len(self._ends))]):
            for rows in torch.arange(len(buffer.flat), device=self._device).split(batch):
                found = buffer.take(rows, self._layout)
                if self._expected is None:
                    yield found
                else:
                    yield replace(found, weight=found.weight * self._expected[int(numbers[0]) + rows])

    def groups(self, random: np.random.Generator) -> list[list[int]]:
        """Return the blocks in random order, in groups of as many as a buffer holds."""
        blocks = len(self._ends)
        together = max(1, self._rows_a_buffer * blocks // max(1, len(self)))
        return [list(group) for group in np.array_split(random.permutation(blocks), -(-blocks // together))]

    def buffers(self, groups: list[list[int]]) -> Iterator[tuple[NDArray[np.int64], Buffer]]:
        """Yield the indices of the rows and a buffer of each group of blocks, filling the next while one is used."""
        if self._kept is not None:
            yield np.arange(len(self)), self._kept
            return
        with ThreadPoolExecutor(1, "buffer") as reader:
            coming = reader.submit(self._load, groups[0])
            for number, group in enumerate(groups):
                buffer = coming.result()
                if number + 1 < len(groups):
                    coming = reader.submit(self._load, groups[number + 1])
                yield np.concatenate([self._numbers(block) for block in group]), buffer

    def take(self, buffer: Buffer, rows: Tensor) -> Batch:
        """Return a batch of rows of a buffer."""
        return buffer.take(rows, self._layout)

    @property
    def device(self) -> torch.device:
        """Device of the batches."""
        return self._device

    def _seen_by(self, sampler: Sampler) -> dict[str, NDArray[np.float32]]:
        """Return the columns that a sampler reads, and the target, unless it is a vector."""
        places = {name: self._rows.names.index(name) for name in sampler.columns}
        places |= {TARGET: -1} if self._rows.targets == 1 else {}
        return {name: self._column(place) for name, place in places.items()}

    def _column(self, place: int) -> NDArray[np.float32]:
        return np.concatenate([self._rows.flat[start:stop, place] for start, stop in self._ends])

    def _numbers(self, block: int) -> NDArray[np.int64]:
        """Return the indices of a block's rows among those of this part."""
        return np.arange(self._places[block], self._places[block + 1])

    def _load(self, blocks: list[int]) -> Buffer:
        ends = [self._ends[block] for block in blocks]
        flat = np.concatenate([self._rows.flat[start:stop] for start, stop in ends])
        sequences = {}
        for name, (offsets, content) in self._rows.sequences.items():
            counts = np.concatenate([np.diff(offsets[start : stop + 1]) for start, stop in ends])
            parts = np.concatenate([content[offsets[start] : offsets[stop]] for start, stop in ends])
            sequences[name] = (self._send(np.concatenate([[0], np.cumsum(counts)])), self._send(parts))
        return Buffer(self._send(flat), sequences)

    def _send(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)


class Epochs:
    """Random epochs of a batch source, each drawn by `prepare` and read by `batches`."""

    def __init__(self, source: BatchSource, draw: Any) -> None:
        self._source = source
        self._draw = draw
        self._next: tuple[NDArray[np.int64] | None, int] | None = None

    def prepare(self, random: np.random.Generator) -> int:
        """Draw the rows of the next epoch, and return their number."""
        repeats = self._draw(random)
        self._next = repeats, len(self._source) if repeats is None else int(repeats.sum())
        return self._next[1]

    def batches(self, steps: int, random: np.random.Generator) -> Iterator[Batch]:
        """Yield the epoch that was drawn, in this number of batches."""
        assert self._next is not None, "an epoch is prepared before it is gone through"
        repeats, total = self._next
        done = 0
        for numbers, buffer in self._source.buffers(self._source.groups(random)):
            rows = np.arange(len(numbers))
            if repeats is not None:
                rows = rows.repeat(repeats[numbers])
            random.shuffle(rows)
            before, done = done, done + len(rows)
            here = done * steps // max(1, total) - before * steps // max(1, total)
            # A buffer of which less than a batch is drawn may be skipped: all ranks take the same number of steps.
            for part in torch.from_numpy(rows).to(self._source.device).tensor_split(here) if here else ():
                yield self._source.take(buffer, part)
