"""When models are trained anew, and when a challenger becomes champion."""

from dataclasses import replace

import pytest

from lineshape.engine.job.policy import Attempt, Code, Comparison, Policy, decide, reasons_to_train

CODE = Code("p", {"brt": "b", "mdn": "m"})
BEFORE = Attempt(CODE, 1000)


@pytest.mark.parametrize(
    ("attempt", "code", "unseen", "said"),
    [
        (None, CODE, 0, ["nothing was trained before"]),
        (BEFORE, CODE, 0, []),
        (BEFORE, CODE, 199, []),
        (BEFORE, CODE, 200, ["200 new objects, 20% of what was trained on"]),
        (BEFORE, replace(CODE, processor="q"), 0, ["the processor's code or settings changed"]),
        (BEFORE, Code("p", {"brt": "b", "mdn": "n"}), 0, ["code or settings of mdn changed"]),
        (BEFORE, Code("p", {"mdn": "m"}), 0, ["code or settings of brt changed"]),
        (BEFORE, Code("p", {**CODE.models, "dnn": "d"}), 0, ["code or settings of dnn changed"]),
        (
            BEFORE,
            Code("q", {"brt": "c", "mdn": "m"}),
            5000,
            [
                "the processor's code or settings changed",
                "code or settings of brt changed",
                "5,000 new objects, 500% of what was trained on",
            ],
        ),
        (Attempt(CODE, 0), CODE, 10, ["10 new objects, 1000% of what was trained on"]),
    ],
)
def test_reasons_to_train(attempt: Attempt | None, code: Code, unseen: int, said: list[str]) -> None:
    assert reasons_to_train(attempt, code, unseen, grown=0.2) == said


def over(value: float | None, uncertainty: float | None = 0.01) -> Comparison:
    return Comparison("half_68_over_baseline", "lower", value, uncertainty, "" if value else "no such column")


def minus(value: float) -> Comparison:
    return Comparison("auc_minus_baseline", "higher", value, 0.01)


@pytest.mark.parametrize(
    ("comparison", "significance"),
    [
        (over(0.97), 3.0),
        (over(1.02), -2.0),
        (over(1.0, 0.0), 0.0),
        (over(0.9, 0.0), float("inf")),
        (over(1.1, 0.0), float("-inf")),
        (over(None), None),
        (minus(0.02), 2.0),
        (minus(-0.01), -1.0),
        (Comparison("efficiency_over_baseline", "higher", 1.05, 0.01), 5.0),
        (Comparison("loss_minus_baseline", "lower", 0.05, 0.01), -5.0),
    ],
)
def test_by_how_much_a_challenger_is_better(comparison: Comparison, significance: float | None) -> None:
    assert comparison.significance == (None if significance is None else pytest.approx(significance))


@pytest.mark.parametrize(
    ("promote", "comparison", "promoted", "said"),
    [
        ("better", over(0.97), True, "half_68 over 0003: 0.9700 ± 0.0100, 3.0 standard deviations better"),
        ("better", over(0.985), False, "1.5 standard deviations better"),
        ("better", over(1.05), False, "5.0 standard deviations worse"),
        ("better", over(1.0, 0.0), False, "0.0 standard deviations better"),
        ("better", over(None), False, "it cannot be compared with 0003: no such column"),
        ("not_worse", over(1.015), True, "1.5 standard deviations worse"),
        ("not_worse", over(1.03), False, "3.0 standard deviations worse"),
        ("not_worse", over(None), False, "it cannot be compared"),
        ("always", over(1.5), True, "every challenger is promoted"),
        ("always", over(None), True, "every challenger is promoted"),
        ("never", over(0.5), False, "a person promotes"),
    ],
)
def test_promotion(promote: str, comparison: Comparison, promoted: bool, said: str) -> None:
    decision = decide("0003", comparison, Policy(promote=promote, sigmas=2))
    assert decision.promoted == promoted
    assert said in decision.reason


def test_a_challenger_must_meet_the_claims_unless_every_one_is_promoted() -> None:
    decision = decide("0003", over(0.5), Policy(promote="better"), ["pull_width", "coverage"])
    assert not decision.promoted
    assert decision.reason == "it does not meet what the job file claims: pull_width, coverage"
    assert not decide("0003", over(0.5), Policy(promote="not_worse"), ["pull_width"]).promoted
    assert decide("0003", over(0.5), Policy(promote="always"), ["pull_width"]).promoted
    assert decide(None, None, Policy(), ["pull_width"]).promoted


@pytest.mark.parametrize("promote", ["better", "not_worse", "always", "never"])
def test_the_first_version_displaces_nobody(promote: str) -> None:
    assert decide(None, None, Policy(promote=promote)).promoted


def test_what_is_alike_is_not_better_even_without_a_margin() -> None:
    assert not decide("0001", over(1.0), Policy(sigmas=0)).promoted
    assert decide("0001", over(0.999), Policy(sigmas=0)).promoted
