"""Rows by what they are."""

import numpy as np
import pytest
from pydantic import ValidationError

from lineshape.engine.core.row_selection import Choice, Part, Range, meeting

COLUMNS = {"pt": np.array([5.0, 10.0, 60.0, 90.0, np.nan]), "origin": np.array([0.0, 1.0, 1.0, 2.0, 1.0])}


def test_ranges_hold_from_low_to_below_high() -> None:
    assert Range(low=10, high=90).holds(COLUMNS["pt"]).tolist() == [False, True, True, False, False]
    assert Range(low=10).holds(COLUMNS["pt"]).tolist() == [False, True, True, True, False]
    assert Range(high=60).holds(COLUMNS["pt"]).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("settings", [{}, {"low": 3.0, "high": 3.0}])
def test_a_range_that_holds_nothing_or_all_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=r"expected 'low', 'high' or both|must be less than high"):
        Range(**settings)


def test_all_conditions_must_be_met() -> None:
    conditions = {"pt": Range(low=10), "origin": [1.0]}
    assert meeting(conditions, COLUMNS, 5).tolist() == [False, True, True, False, False]
    assert meeting({}, COLUMNS, 5).all()


def test_a_choice_is_any_of_its_parts_and_within_in_any_case() -> None:
    choice = Choice(
        learns_from=[Part(samples=["a"], where={"origin": [0.0]}), Part(samples=["b"], where={"origin": [1.0]})],
        within={"pt": Range(high=70)},
    )
    assert choice.of("a", COLUMNS, 5).tolist() == [True, False, False, False, False]
    assert choice.of("b", COLUMNS, 5).tolist() == [False, True, True, False, False]
    assert not choice.of("c", COLUMNS, 5).any()
    assert choice.samples == {"a", "b"}
    assert choice.columns == ["origin", "pt"]
    assert Choice().of("c", COLUMNS, 5).all()
    assert Choice(learns_from=[Part(where={"origin": [0.0]}), Part(samples=["a"])]).samples is None
