"""Augment batches by symmetries of the detector: random signs and rotations, drawn each time a row is trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineshape.engine.core.errors import RequestError
from lineshape.engine.learning.roles.encoder import Encoder

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from lineshape.engine.learning.blocks.batch import Batch

Pair = tuple[int, int]


@dataclass(frozen=True)
class Augmentation:
    """Indices of the columns to augment.

    mirrored: columns of x whose sign is drawn. mirrored_lists: columns of lists that change sign along with one of
    them: the kind of list, the column, and the index in `mirrored`. rotated, rotated_target, rotated_lists: components
    of transverse vectors, of x, of the target and of lists, all of which are rotated by the same angle.
    """

    mirrored: tuple[int, ...] = ()
    mirrored_lists: tuple[tuple[str, int, int], ...] = ()
    rotated: tuple[Pair, ...] = ()
    rotated_target: tuple[Pair, ...] = ()
    rotated_lists: tuple[tuple[str, Pair], ...] = ()

    @classmethod
    def of(
        cls,
        mirrored: Sequence[str],
        rotated: Sequence[tuple[str, str]],
        encoders: Mapping[str, Encoder],
        features: Sequence[str],
        truths: Sequence[str],
    ) -> "Augmentation":
        """Find the columns by name; names that are no features of this model are ignored.

        Raises RequestError where pairs are rotated and a target of several components is not among them, or where only
        one component of a pair is there.
        """
        names = list(features)
        signs = tuple(names.index(name) for name in mirrored if name in names)
        along = tuple(
            (group, each.columns.index(column), signs.index(names.index(feature)))
            for group, each in encoders.items()
            for column, feature in each.mirrored.items()
            if feature in names
        )
        target = _pairs(rotated, truths)
        lists = tuple((group, pair) for group, each in encoders.items() for pair in _pairs(rotated, each.columns))
        if rotated and len(truths) > 1 and not target:
            raise RequestError(f"rotated: the target ({', '.join(truths)}) is a vector, and must be among the pairs")
        return cls(signs, along, _pairs(rotated, names), target, lists)

    def draw(self, batch: "Batch", generator: "Generator") -> None:
        """Draw signs and an angle for each row, and change the batch, which is a copy of rows, in place."""
        import torch

        rows, device = len(batch), batch.x.device
        signs = []
        for column in self.mirrored:
            signs.append(2 * torch.randint(0, 2, (rows,), generator=generator, device=device) - 1)
            batch.x[:, column] *= signs[-1]
        for group, column, which in self.mirrored_lists:
            batch.sequences[group].values[:, :, column] *= signs[which][:, None]
        if not (self.rotated or self.rotated_target or self.rotated_lists):
            return
        angle = 2 * torch.pi * torch.rand(rows, generator=generator, device=device)
        cosine, sine = angle.cos(), angle.sin()
        for pair in self.rotated:
            _turn(batch.x, pair, cosine, sine)
        for pair in self.rotated_target:
            _turn(batch.target, pair, cosine, sine)
        for group, pair in self.rotated_lists:
            _turn(batch.sequences[group].values, pair, cosine[:, None], sine[:, None])


def _pairs(rotated: Sequence[tuple[str, str]], names: Sequence[str]) -> tuple[Pair, ...]:
    places = list(names)
    found = []
    for first, second in rotated:
        if (first in places) != (second in places):
            raise RequestError(f"rotated: {first} and {second} are components of one vector, and only one is there")
        if first in places:
            found.append((places.index(first), places.index(second)))
    return tuple(found)


def _turn(values: "Tensor", pair: Pair, cosine: "Tensor", sine: "Tensor") -> None:
    """Rotate the vectors in the last axis of values in place."""
    x, y = values[..., pair[0]].clone(), values[..., pair[1]].clone()
    values[..., pair[0]] = x * cosine - y * sine
    values[..., pair[1]] = x * sine + y * cosine
