"""What the study of tau muons must show, on its own sample of tt̄ and with its own models, but not all of them.

Figures are read off the summary, as a user would; the seeds stand in the job file. Thresholds are those of the study's
reference, not of this sample.
"""

from typing import Any

import pytest
from distributed import Client

from lineshape.jobs import api
from tests.jobs.test_tau_muons import reduced, rows

pytestmark = [pytest.mark.study, pytest.mark.processes, pytest.mark.timeout(2400)]

MODELS = ["abs_d0", "brt", "brt_flat", "naive", "flat", "weighted"]
MEASURES = ["tagging", "one_threshold", "transfer", "importance"]
OTHERS: dict[str, Any] = {
    f"samples.{name}.simulate.{key}": value
    for name in ("z_ll", "w_lnu", "w_star", "staus")
    for key, value in {"muons": 100_000, "files": 2}.items()
} | {
    "models.naive.epochs": 15,
    "measures.importance.models": ["flat"],
    "measures.importance.share": 0.2,
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, client: Client) -> api.Result:
    return api.run(reduced(MODELS, MEASURES, OTHERS), tmp_path_factory.mktemp("study"), client)


def by_pt(result: api.Result, model: str, measure: str, figure: str, sample: str = "ttbar") -> dict[float, float]:
    """Values by the lower edge of the bin."""
    found = rows(result, sample=sample, model=model, measure=measure, figure=figure, by="pt")
    return {row.low: row.value for row in found}


def test_naive_training_is_biased_and_flat_sampling_is_not(result: api.Result) -> None:
    """At one threshold for all pT."""
    naive, flat = (by_pt(result, model, "one_threshold", "efficiency_tau") for model in ("naive", "flat"))
    assert naive[10] > 70
    assert all(value < 30 for low, value in naive.items() if low >= 60)
    assert all(38 < value < 60 for low, value in flat.items() if low < 150)


def test_thresholds_hold_the_tau_efficiency(result: api.Result) -> None:
    for model in MODELS:
        values = by_pt(result, model, "tagging", "efficiency_tau")
        assert all(abs(value - 50) < 6 for low, value in values.items() if low < 100)


def test_networks_are_better_than_d0_alone(result: api.Result) -> None:
    """At thresholds that half of the tau muons pass in each bin, averaged over the bins."""
    for model in ("flat", "weighted"):
        assert result.figure(model, "mean_rejection_prompt_over_abs_d0", measure="tagging").value >= 1.3


@pytest.mark.parametrize(
    ("model", "trees", "backgrounds"),
    [("weighted", "baseline", ["prompt", "fake", "background"]), ("flat", "brt_flat", ["prompt", "fake"])],
)
def test_networks_are_as_good_as_trees_that_learn_from_the_same(
    result: api.Result, model: str, trees: str, backgrounds: list[str]
) -> None:
    """Of the same weights, each background and both together, within two standard deviations.

    Flat sampling makes another choice between prompt muons and fakes than trees with its weights, so that it is better
    in each over the bins, but not in both together, which are fakes at low pT.
    """
    for background in backgrounds:
        over = result.figure(model, f"mean_rejection_{background}_over_{trees}", measure="tagging")
        assert over.value > 1 - 2 * over.uncertainty


@pytest.mark.parametrize("sample", ["z_ll", "w_lnu"])
def test_thresholds_of_ttbar_hold_for_w_and_z(result: api.Result, sample: str) -> None:
    found = rows(result, sample=sample, model="flat", measure="transfer", figure="efficiency_tau", by="pt")
    full = [row for row in found if 10 <= row.low < 60 and row.entries >= 100]
    assert len(full) > 3
    assert all(abs(row.value - 50) < 10 + 2 * row.uncertainty for row in full)


def test_the_plane_of_staus_is_flat_to_first_order(result: api.Result) -> None:
    lowest, highest = (result.figure("flat", f"staus_{end}", "staus") for end in ("lowest", "highest"))
    assert lowest.value > 40
    assert highest.value < 70
    assert result.figure("flat", "staus_spread", "staus").value < 8


def test_d0_and_isolation_lead_and_rho_can_go(result: api.Result) -> None:
    found = {
        name: result.figure("flat", f"importance_{name}").value
        for name in result.job.measures["importance"].settings["features"]
    }
    assert set(sorted(found, key=found.__getitem__)[-2:]) == {"absD0", "isolation"}
    assert abs(found["rhoPrime"]) < 0.05
