"""Lists of different lengths against awkward's."""

import awkward as ak
import numpy as np

from lineshape.engine.core.jagged import Jagged

LISTS = [[1.0, 2.0], [], [3.0], [4.0, 5.0, 6.0], []]


def test_there_and_back() -> None:
    jagged = Jagged.of(LISTS)
    assert jagged.offsets.tolist() == [0, 2, 2, 3, 6, 6]
    assert jagged.to_awkward().tolist() == LISTS
    assert len(jagged) == len(LISTS)


def test_rows_by_mask_and_by_number() -> None:
    jagged = Jagged.of(LISTS)
    mask = np.array([True, True, False, True, False])
    assert jagged[mask].to_awkward().tolist() == ak.Array(LISTS)[mask].tolist()
    numbers = np.array([3, 0, 4, 3])
    assert jagged[numbers].to_awkward().tolist() == ak.Array(LISTS)[numbers].tolist()


def test_several_one_after_the_other() -> None:
    first, second = Jagged.of(LISTS[:2]), Jagged.of(LISTS)
    tail = Jagged(second.offsets[2:], second.content)  # starts in the middle of its content
    assert Jagged.joined([first, tail]).to_awkward().tolist() == LISTS


def test_objects_of_several_columns() -> None:
    jagged = Jagged(np.array([0, 1, 3]), np.arange(6.0).reshape(3, 2))
    assert jagged.to_awkward().tolist() == [[[0, 1]], [[2, 3], [4, 5]]]
