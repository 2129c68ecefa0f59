"""Figures have names in words."""

import re
from typing import Any

import pytest

from lineshape.engine.measures.figure_names import in_words
from lineshape.engine.measures.measure import MEASURES

CASES: dict[str, dict[str, str]] = {
    "response": {
        "half_68": "68 % half-width",
        "half_95_over_baseline": "95 % half-width over the baseline's",
        "median": "median response",
    },
    "selection": {
        "half_68_tightest_half": "68 % half-width of the tightest half",
        "half_68_tightest_half_over_inclusive": "68 % half-width of the tightest half over that of all",
    },
    "density": {"nll": "negative log-likelihood", "coverage_95": "coverage of the central 95 % interval"},
    "tagging": {
        "auc": "AUC",
        "auc_minus_baseline": "AUC less the baseline's",
        "auc_tW-like": "AUC against tW-like",
        "auc_light_minus_baseline": "AUC against light less the baseline's",
        "mean_rejection_light_over_baseline": "rejection of light over the baseline's, mean over bins",
        "light_at_50": "efficiency of light at 50 % signal efficiency, one threshold",
    },
    "vector": {
        "mean_corrected_over_plain": "σ(u⊥) over the response over that of plain, mean over bins",
        "mean_width": "σ(u⊥), mean over bins",
    },
    "information": {"donsker_varadhan_minus_mT": "Donsker–Varadhan bound less that of mT"},
    "importance": {"auc_loss_pt": "loss of AUC with pt permuted"},
}


@pytest.mark.parametrize(("kind", "figure"), [(kind, figure) for kind, cases in CASES.items() for figure in cases])
def test_in_words(kind: str, figure: str) -> None:
    measure: Any = MEASURES.find(kind)
    assert in_words(figure, measure.figure_words) == CASES[kind][figure]


def test_what_a_users_measure_does_not_name_is_readable() -> None:
    assert in_words("my_own_width_over_baseline", {}) == "my own width over the baseline's"


@pytest.mark.parametrize("kind", sorted(MEASURES.names()))
def test_every_word_is_a_pattern_that_can_be_read(kind: str) -> None:
    for pattern in MEASURES.find(kind).figure_words:
        assert re.compile(pattern).groups <= 2
