"""The whole study on 400,000 simulated taus, as `lineshape run tau_energy_scale` runs it: what it must show.

Figures are read off the summary, as a user would; the seeds stand in the job file. Thresholds are those of the study's
reference, not of this sample.
"""

from pathlib import Path

import pytest
from distributed import Client

from lineshape.engine.results.row import Row
from lineshape.jobs import api

pytestmark = [pytest.mark.study, pytest.mark.processes]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, client: Client) -> api.Result:
    return api.run("tau_energy_scale", tmp_path_factory.mktemp("study"), client)


def bins(result: api.Result, model: str, figure: str, by: str) -> dict[tuple[float, float], Row]:
    """Rows of a figure by their bin."""
    rows = [row for row in result.rows if (row.model, row.figure, row.by) == (model, figure, by)]
    return {(row.low, row.high): row for row in rows if row.low is not None}


def value(result: api.Result, model: str, figure: str) -> float:
    return float(result.figure(model, figure).value)


def test_400_000_taus(result: api.Result) -> None:
    simulate = result.job.samples["gammatautau"].simulate
    assert simulate is not None
    assert simulate.settings["taus"] == 400_000


def test_the_brt_is_better_than_combined(result: api.Result) -> None:
    assert value(result, "brt", "half_68") <= 0.85 * value(result, "combined", "half_68")
    brt, combined = (bins(result, model, "half_68", "truthPtVis") for model in ("brt", "combined"))
    for edges, row in brt.items():
        if edges[0] < 100:
            assert row.value < combined[edges].value


def test_the_mdn_is_better_than_the_brt_but_not_by_much(result: api.Result) -> None:
    """A gain of more than 20 % on the same features would say that the BRT is badly tuned."""
    ratio = value(result, "mdn", "half_68_over_baseline")
    assert 0.80 <= ratio <= 0.98
    features = [set(result.job.features(result.job.built_models()[name])) for name in ("mdn", "brt")]
    assert features[0] == features[1]


@pytest.mark.parametrize("by", ["truthPtVis", "eta", "mu", "truthDecayMode"])
def test_the_mdn_is_nowhere_worse(result: api.Result, by: str) -> None:
    """By no more than two standard deviations of the ratio, in any bin with over 4,000 taus."""
    rows = bins(result, "mdn", "half_68_over_baseline", by)
    full = [row for row in rows.values() if row.entries > 4000]
    assert full
    for row in full:
        assert row.value <= 1 + 2 * row.uncertainty, row


def test_the_tightest_half_by_spread(result: api.Result) -> None:
    assert value(result, "mdn", "half_68_tightest_half_over_inclusive") <= 0.75


def test_the_predicted_uncertainty_is_right(result: api.Result) -> None:
    assert value(result, "mdn", "coverage_68") == pytest.approx(68, abs=1)
    assert value(result, "mdn", "coverage_95") == pytest.approx(95, abs=1)
    assert value(result, "mdn", "pull_width") == pytest.approx(1, abs=0.05)


def test_the_report_is_there(result: api.Result) -> None:
    assert Path(result.page).stat().st_size > 1_000_000
