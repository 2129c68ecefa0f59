"""A report opens with the figures of the model that did best."""

from typing import Any

from lineshape.engine.measures.kinds.response import Response
from lineshape.engine.measures.kinds.score_distribution import ScoreDistribution
from lineshape.engine.results.findings import findings
from lineshape.engine.results.row import Row

LABELS = {"brt": "BRT", "dnn": "DNN", "mdn": "MDN"}
MEASURES = {"scores": ScoreDistribution(truth="y", classes=["a"]), "response": Response(truth="t")}


def row(model: str, figure: str, value: float, **others: Any) -> Row:
    return Row("s", model, "response", figure, "", None, None, value, 0.01, "", 1000, "", **others)


def test_the_best_model_by_the_figure_that_compares_them() -> None:
    rows = [
        row("dnn", "half_68_over_baseline", 0.99),
        row("mdn", "half_68_over_baseline", 0.95),
        row("mdn", "half_68", 0.1, shown="%"),
        row("mdn", "median", 1.0),
        row("mdn", "mean", 1.0),
    ]
    found = findings(rows, MEASURES, LABELS, "brt", ["other", "s"])
    assert [(each.text, each.words, each.model) for each in found] == [
        ("0.950 ± 0.010", "68 % half-width over that of BRT", "MDN"),
        ("1.000 ± 0.010", "median response", "MDN"),
        ("10.0 ± 1.0 %", "68 % half-width", "MDN"),
    ]


def test_a_baseline_alone_is_shown_and_a_job_without_figures_shows_none() -> None:
    found = findings([row("brt", "median", 1.0)], MEASURES, {"brt": "BRT"}, "brt", ["s"])
    assert [(each.words, each.model) for each in found] == [("median response", "BRT")]
    assert findings([], MEASURES, LABELS, "brt", ["s"]) == []
