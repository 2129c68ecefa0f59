"""Divisions of events: every fold is tested, used for validation and trained on."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from lineshape.engine.core.split import AnyDivision, Fold, Folds, Split, SplitName

EVENTS = np.arange(20_000, dtype=np.uint64) * 7 + 3


@pytest.mark.parametrize("number", [3, 5, 7])
def test_folds_are_of_about_equal_size_and_divide_the_events(number: int) -> None:
    """Fails by chance in one of 10⁵ runs of other event numbers: five standard deviations of a binomial number."""
    counts = np.bincount(Folds(folds=number).fold_of(EVENTS), minlength=number)
    share = 1 / number
    assert counts.sum() == len(EVENTS)
    assert (np.abs(counts - len(EVENTS) * share) < 5 * np.sqrt(len(EVENTS) * share * (1 - share))).all()
    for fold in range(number):
        of = Fold(folds=number, fold=fold).of(EVENTS)
        assert (sum(mask.astype(int) for mask in of.values()) == 1).all()
        assert of["test"].sum() == counts[fold]
        assert of["validation"].sum() == counts[(fold + 1) % number]


@pytest.mark.parametrize("split", ["training", "validation", "test"])
@pytest.mark.parametrize("number", [3, 5])
def test_an_event_is_predicted_by_a_model_in_whose_split_it_is(split: SplitName, number: int) -> None:
    """In each of the three splits once, so that all events count in each."""
    model = Folds(folds=number).model_of(EVENTS, split)
    for fold in range(number):
        own = model == fold
        assert own.any()
        assert Fold(folds=number, fold=fold).of(EVENTS)[split][own].all()
    assert Folds(folds=number).of(EVENTS)[split].all()


def test_no_event_is_predicted_by_a_model_that_learnt_from_it() -> None:
    assert Folds(folds=4).untrained(EVENTS).all()
    split = Split()
    assert np.array_equal(split.untrained(EVENTS), ~split.of(EVENTS)["training"])


def test_the_fold_is_that_of_the_function_in_the_docs() -> None:
    """As software that reads an exported model computes it."""

    def fold(event: int, folds: int) -> int:
        x, bits = event + 0x9E3779B97F4A7C15, (1 << 64) - 1
        x &= bits
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & bits
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & bits
        x ^= x >> 31
        return int((x >> 11) * 2.0**-53 * folds)

    numbers = np.array([0, 1, 12345, 2**40 + 17, 2**64 - 1], dtype=np.uint64)
    assert Folds(folds=5).fold_of(numbers).tolist() == [fold(int(number), 5) for number in numbers]


def test_a_division_is_read_back_as_what_it_was() -> None:
    adapter: TypeAdapter[AnyDivision] = TypeAdapter(AnyDivision)
    for division in (Split(), Split(test=0.5), Folds(folds=5), Fold(folds=5, fold=2)):
        assert adapter.validate_python(division.model_dump()) == division
    with pytest.raises(ValidationError):
        Folds(folds=2)
