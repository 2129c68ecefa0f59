"""The study of tau muons: a small run of its job file, and what the whole study must show."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.results.row import Row
from lineshape.engine.stages.histogramming.stage import histogram
from lineshape.engine.stages.training.stage import train
from lineshape.jobs import api
from lineshape.jobs.job_files import load
from tests.jobs.reduced_claims import claims_about

pytestmark = pytest.mark.processes

SHIPPED = load("tau_muons")
QUICK: dict[str, Any] = {
    "samples.ttbar.simulate.muons": 40_000,
    "samples.ttbar.simulate.files": 2,
    "models.brt.rounds": 10,
    "models.flat.epochs": 2,
    "models.high_pt_w_star.epochs": 1,
    "models.high_pt_w_star.minimum_entries": 100,
    "measures.importance.repeats": 1,
} | {
    f"samples.{name}.simulate.{key}": value
    for name in ("w_star", "staus")
    for key, value in {"muons": 6000, "files": 1}.items()
}


SAMPLES = ["ttbar", "w_star", "staus"]


def reduced(models: list[str], measures: list[str], changes: dict[str, Any]) -> api.Job:
    """The job file with some of its samples, models and measures, and changes."""
    kept = {name: spec.model_dump() for name, spec in SHIPPED.models.items() if name in models}
    judged = {name: SHIPPED.measures[name].model_dump() for name in measures}
    for spec in judged.values():
        for key in ("models", "against"):
            if key in spec:
                spec[key] = [name for name in spec[key] if name in models]
    left_out = {"models": set(SHIPPED.models) - set(models), "measures": set(SHIPPED.measures) - set(measures)}
    wanted = {
        key: value for key, value in changes.items() if key.split(".")[1] not in left_out.get(key.split(".")[0], ())
    }
    claims = claims_about(SHIPPED, models, measures, SAMPLES)
    variations = {name: spec.model_dump() for name, spec in SHIPPED.variations.items()}
    for spec in variations.values():
        spec["measures"] = [name for name in spec["measures"] if name in measures]
    samples = {name: SHIPPED.samples[name].model_dump() for name in SAMPLES}
    parts = {"samples": samples, "models": kept, "measures": judged, "claims": claims, "variations": variations}
    return load("tau_muons", None, {**parts, **wanted})


MODELS = ["abs_d0", "brt", "flat", "high_pt_w_star"]
MEASURES = ["tagging", "one_threshold", "transfer", "scores", "importance", "decorrelation"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, client: Client) -> api.Result:
    return api.run(reduced(MODELS, MEASURES, QUICK), tmp_path_factory.mktemp("muons"), client)


def rows(result: api.Result, **wanted: Any) -> list[Row]:
    return [row for row in result.rows if all(getattr(row, key) == value for key, value in wanted.items())]


def test_thresholds_are_kept_with_the_bundle(small: api.Result) -> None:
    for model in MODELS[:3]:
        kept = json.loads(
            (RunFolder(small.folder).models / model / "calibration" / "tagging.json").read_text(encoding="utf-8")
        )
        assert (kept["sample"], kept["split"]) == ("ttbar", "validation")
        assert kept["found"]["edges"] == small.job.measures["tagging"].settings["points"]["edges"]
        assert all(value is not None for value in kept["found"]["thresholds"][:5])
        assert kept["found"]["entries"][0] > kept["found"]["entries"][4]


def test_they_give_the_efficiency_that_was_asked_for(small: api.Result) -> None:
    """Within four standard deviations in each bin, of test and validation both."""
    found = rows(small, sample="ttbar", model="brt", measure="tagging", figure="efficiency_tau", by="pt")
    path = RunFolder(small.folder).models / "brt" / "calibration" / "tagging.json"
    entries = json.loads(path.read_text())["found"]["entries"]
    assert len(found) > 5
    by_edge = dict(zip(small.job.measures["tagging"].settings["points"]["edges"], entries, strict=False))
    for row in found:
        validation = by_edge[row.low]
        assert abs(row.value - 50) < 4 * 50 * np.sqrt(1 / row.entries + 1 / validation)


def test_new_thresholds_need_no_training(small: api.Result, workers: Workers, bars: Bars) -> None:
    points = small.job.measures["tagging"].settings["points"] | {"efficiency": 0.7}
    job = reduced(MODELS, ["tagging"], QUICK | {"measures.tagging.points": points})
    folder = RunFolder(small.folder)
    before = (folder.models / "brt" / "calibration" / "tagging.json").read_text(encoding="utf-8")
    try:
        assert train(job, folder, workers, bars).made == []
        histogram(job, folder, workers, bars)
        kept = json.loads((folder.models / "brt" / "calibration" / "tagging.json").read_text(encoding="utf-8"))
        higher = json.loads(before)["found"]["thresholds"][0]
        assert kept["found"]["thresholds"][0] < higher
    finally:
        histogram(small.job, folder, workers, bars)
    assert (folder.models / "brt" / "calibration" / "tagging.json").read_text(encoding="utf-8") == before


def test_a_tagger_for_high_pt_is_measured_there_alone(small: api.Result) -> None:
    found = rows(small, model="high_pt_w_star", measure="transfer", by="pt")
    assert found
    assert all(row.low >= 60 for row in found)
    assert not rows(small, model="high_pt_w_star", measure="tagging")


def test_measures_are_of_their_samples_and_models(small: api.Result) -> None:
    assert {row.sample for row in rows(small, measure="tagging")} == {"ttbar"}
    assert {row.sample for row in rows(small, measure="transfer")} == set(small.job.samples)
    assert {row.model for row in rows(small, measure="importance")} == {"brt", "flat"}
    assert small.figure("brt", "auc", measure="tagging").value > small.figure("abs_d0", "auc").value
    assert small.figure("flat", "mean_rejection_prompt_over_abs_d0").value is not None


def test_a_worse_resolution_lets_more_prompt_muons_pass(small: api.Result) -> None:
    """More than nominal's of |d0| alone, and both variations are in the systematic uncertainty."""
    found = json.loads((small.folder / "variations.json").read_text())
    place = {"model": "abs_d0", "measure": "one_threshold", "sample": "ttbar", "figure": "auc_prompt", "by": ""}
    (shift,) = [each for each in found if each["variation"] == "d0_resolution" and place.items() <= each.items()]
    assert shift["shift"] < -2 * shift["uncertainty"]  # the smaller sample has 40,000 muons
    (row,) = rows(small, **place)
    assert row.systematic == pytest.approx(abs(shift["shift"]))  # isolation is no input of |d0|


def test_the_report_shows_it(small: api.Result) -> None:
    plots = {path.stem for path in (small.page.parent / "plots").glob("*.png")}
    assert {
        "ttbar_tagging_roc_prompt",
        "ttbar_tagging_efficiency_tau_by_pt",
        "ttbar_one_threshold_efficiency_tau_by_pt",
        "transfer_efficiency_tau_across_flat",
        "staus_transfer_staus_flat",
        "ttbar_scores_flat",
        "ttbar_importance",
    } <= plots
    page = small.page.read_text(encoding="utf-8")
    assert "of the thresholds" not in page
    assert "tt̄: tagging" in page
    (title, lines), *_ = small.tables()
    assert title.partition("; ")[0] == "tt̄: tagging"
    assert lines[0][:2] == ["model", "AUC"]
    assert [line[0].partition("; ")[0] for line in lines[1:]] == ["abs_d0", "brt", "flat"]


def test_a_model_that_a_measure_names_must_be_there() -> None:
    with pytest.raises(RequestError, match=r"measures.tagging.models: 'flatt' is not a model; nearest: flat"):
        load("tau_muons", None, {"measures.tagging.models": ["flatt"]})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("models.brt.learns_from", [{"samples": ["ttbr"]}], "'ttbr' is not a sample of this job; nearest: ttbar"),
        ("measures.tagging.samples", ["ttbr"], "'ttbr' is not a sample of this job; nearest: ttbar"),
        ("measures.tagging.points.sample", "ttbr", "'ttbr' is not a sample of this job; nearest: ttbar"),
        ("measures.tagging.against", ["abs_d1"], "measures.tagging.against: 'abs_d1' is not a model; nearest: abs_d0"),
        ("models.brt.without", ["absD1"], "without: 'absD1' is not among the model's features; nearest: absD0"),
        ("models.abs_d0.shuffled", ["absD0"], "shuffled: a column learns nothing"),
        ("models.no_d0.shuffled", ["absD1"], "models.no_d0: the processor makes no column 'absD1'; nearest: absD0"),
        ("models.brt.within", {"ptt": {"low": 1}}, "models.brt: the processor makes no column 'ptt'; nearest: pt"),
        ("models.brt.truth", "origins", "models.brt: the processor makes no column 'origins'; nearest: origin"),
        ("measures.tagging.truth", "origins", "measures.tagging: the processor makes no column 'origins'"),
        ("measures.tagging.points.column", "ptt", "measures.tagging: the processor makes no column 'ptt'; nearest: pt"),
        ("measures.tagging.points.edges", [10, 5], "edges must rise: 10, 5"),
        ("measures.tagging.points.edges", [10], "at least 2"),
        ("models.flt.epochs", 3, "--set models.flt.epochs: no 'flt' in models of"),
        ("samples.ttbr.simulate.muons", 3, "no 'ttbr' in samples of"),
    ],
)
def test_names_that_are_not_there(key: str, value: Any, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        load("tau_muons", None, {key: value})
    assert said in str(caught.value)


def test_genuine_muons_through_the_same_job(shared: Path, tmp_path: Path, client: Client) -> None:
    """100 events: too few to train on; what the file itself holds is measured."""
    sample = {"ttbar": [str(shared / "real" / "physlite_r21_ttbar.root")]}
    result = api.run(load("tau_muons", sample), tmp_path / "run", client)
    assert {row.model for row in result.rows} == {"abs_d0", "isolation"}
    auc = result.figure("abs_d0", "auc_prompt", measure="tagging")
    # One tau and 36 prompt muons, less those of the validation split, where thresholds would have been found.
    assert 25 < auc.entries < 37
    page = result.page.read_text(encoding="utf-8")
    assert "it learns from w_star, and there is no such sample" in page
    assert "all events but those of the validation split" in page
    # The folder itself names the job, though its models name samples that it does not have.
    assert list(load(tmp_path / "run").samples) == ["ttbar"]


def test_genuine_electrons_through_their_own_job(shared: Path, tmp_path: Path, client: Client) -> None:
    """Of release 22's Z→ee events all electrons are prompt; of the tt̄ events of release 21 three are of taus."""
    files = [str(shared / "real" / f"physlite_{name}.root") for name in ("r22_zee", "r21_ttbar")]
    result = api.run(load("tau_electrons", {"ttbar": files}), tmp_path / "run", client)
    assert {row.model for row in result.rows} == {"abs_d0", "isolation"}
    # 140 prompt electrons and three of taus, less those of the validation split.
    assert 100 < result.figure("abs_d0", "auc_prompt").entries < 143
