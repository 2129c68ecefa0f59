"""Claims compared with the rows of a summary."""

from dataclasses import replace
from typing import Any

import pytest

from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.job.claim import Claim
from lineshape.engine.results.claims import CheckedClaim, check
from lineshape.engine.results.row import Row

INCLUSIVE = Row("taus", "mdn", "response", "half_68", "", None, None, 0.08, 0.001, "", 9000, "")
BINS = [
    replace(INCLUSIVE, by="pt", low=low, high=low + 10.0, value=value, entries=entries)
    for low, value, entries in ((10.0, 0.10, 500), (20.0, 0.09, 400), (30.0, 0.05, 20))
]
BRT = [replace(row, model="brt", value=0.1) for row in (INCLUSIVE, *BINS)]
ROWS = [INCLUSIVE, *BINS, *BRT]


def checked(rows: list[Row] = ROWS, **settings: Any) -> CheckedClaim:
    claim = Claim.model_validate({"model": "mdn", "figure": "half_68"} | settings)
    (found,) = check({"it": claim}, rows)
    return found


@pytest.mark.parametrize(
    ("settings", "holds", "required"),
    [
        ({"at_most": 0.08}, True, "≤ 0.08"),
        ({"at_most": 0.0799}, False, "≤ 0.0799"),
        ({"at_most": 0.0781, "sigmas": 2}, True, "≤ 0.0781, 2 σ allowed"),
        ({"at_most": 0.0779, "sigmas": 2}, False, "≤ 0.0779, 2 σ allowed"),
        ({"at_least": 0.081}, False, "≥ 0.081"),
        ({"at_least": 0.0815, "sigmas": 2}, True, "≥ 0.0815, 2 σ allowed"),
        ({"between": [0.07, 0.09]}, True, "0.07 to 0.09"),
        ({"between": [0.07, 0.079]}, False, "0.07 to 0.079"),
    ],
)
def test_limits(settings: dict[str, Any], holds: bool, required: str) -> None:
    found = checked(**settings)
    assert (found.holds, found.required, found.found) == (holds, required, "0.0800 ± 0.0010")


def test_each_bin_must_meet_it() -> None:
    assert checked(by="pt", at_most=0.1).holds
    found = checked(by="pt", at_most=0.095)
    assert not found.holds
    assert (
        found.found == "0.0500 to 0.1000 in 3 bins, 1 of them beyond: 0.1000 ± 0.0010 of mdn on taus at 10 to 20 of pt"
    )


def test_bins_are_chosen_by_edges_and_objects() -> None:
    assert checked(by="pt", at_most=0.095, low=20).holds
    assert checked(by="pt", at_least=0.09, high=30).holds
    assert checked(by="pt", at_least=0.09, entries=100).holds
    assert not checked(by="pt", at_least=0.09).holds
    assert checked(by="pt", at_least=0.09, entries=10_000).problem == "no bin of pt has 10,000 objects within the range"


def test_a_quotient_is_taken_bin_by_bin() -> None:
    found = checked(over={"model": "brt"}, at_most=0.8)
    assert found.holds
    assert found.found == "0.800 ± 0.013"  # of independent values: 0.8 √(0.0125² + 0.01²)
    assert checked(by="pt", over={"model": "brt"}, between=[0.5, 1.0]).holds
    assert (
        checked(over={"model": "dnn"}, at_most=0.8).problem == "there is nothing to divide the value by: of mdn on taus"
    )


def test_each_model_and_sample_must_meet_it() -> None:
    assert checked(model=["mdn", "brt"], at_most=0.1).holds
    assert not checked(model=["mdn", "brt"], at_most=0.09).holds
    other = [replace(row, sample="jets", value=0.2) for row in ROWS]
    assert not checked([*ROWS, *other], at_most=0.1).holds
    assert checked([*ROWS, *other], sample="taus", at_most=0.1).holds


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"model": "mdm"}, "the run has no such model, 'mdm'; nearest: mdn"),
        ({"figure": "half_86"}, "the run has no such figure, 'half_86'; nearest: half_68"),
        ({"measure": "tagging"}, "the run has no such measure, 'tagging': there are response"),
        ({"sample": "jets"}, "the run has no such sample, 'jets'; nearest: taus"),
        (
            {"by": "eta"},
            "no bin of eta has a value (too few objects, or the measure has no such bins): it has bins of pt",
        ),
    ],
)
def test_what_a_run_does_not_have_is_not_met_and_said(settings: dict[str, Any], problem: str) -> None:
    found = checked(at_most=1.0, **settings)
    assert (found.holds, found.problem, found.found) == (False, problem, "–")


def test_no_value_is_not_met() -> None:
    found = checked([replace(INCLUSIVE, value=None, remark="9 objects")], at_most=1.0)
    assert (found.holds, found.problem) == (False, "no value of mdn on taus: 9 objects")


def test_a_figure_of_two_measures_needs_the_measure() -> None:
    twice = [INCLUSIVE, replace(INCLUSIVE, measure="another")]
    problem = "several measures have it: expected `measure`, one of another, response"
    assert checked(twice, at_most=1.0).problem == problem
    assert checked(twice, at_most=1.0, measure="another").holds


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "it has no limit: expected at_least, at_most or between"),
        ({"at_most": 1, "between": [0, 1]}, "expected either between, or at_least and at_most"),
        ({"between": [1, 0]}, "no value lies between 1 and 0"),
        ({"at_least": 2, "at_most": 1}, "no value lies between 2 and 1"),
        ({"at_most": 1, "entries": 5}, "low, high and entries select bins: expected `by`"),
        ({"at_most": 1, "over": {}}, "expected a model, figure, measure or sample"),
        ({"at_most": 1, "sigmas": -1}, "greater than or equal to 0"),
        ({"at_most": float("nan")}, "finite"),
        ({"at_most": 1, "model": []}, "at least 1"),
    ],
)
def test_a_claim_that_says_nothing_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        validated(Claim, {"model": "mdn", "figure": "half_68"} | settings)
