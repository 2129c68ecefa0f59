"""Job files: what is wrong with one is said with its line."""

from pathlib import Path

import pytest
import yaml

from lineshape.engine.core.errors import RequestError
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.job.loading import load_job
from lineshape.jobs.job_files import shipped

GOOD = shipped()["tau_energy_scale"].read_text(encoding="utf-8")


@pytest.mark.parametrize("study", shipped())
def test_shipped_jobs_are_valid(study: str) -> None:
    assert load_job(shipped()[study]).study == study


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: Tau", "titel: Tau", r"line 4: titel: unknown key 'titel'; nearest: title"),
        ("chunk_entries: 25_000", "chunk_entries: many", r"line 20: chunk_entries: .*integer.*found 'many'"),
        ("depth:", "dept:", r"models\.brt\.dept: unknown key 'dept'; nearest: depth"),
        (
            "components: 2",
            "componets: 2",
            r"models\.mdn\.network\.componets: unknown key 'componets'; nearest: components",
        ),
        ("{kind: dense,", "{kind: dens,", r"models\.dnn\.network\.kind: unknown kind 'dens'.*nearest: dense"),
        ("kind: boosted_trees", "kind: bosted_trees", r"models\.brt\.kind: unknown kind.*nearest: boosted_trees"),
        (
            'features: "20"',
            'features: "21"',
            r"line \d+: models\.brt\.features: feature set '21' is not in feature_sets",
        ),
        (
            "baseline: brt",
            "baseline: bdt",
            r"line \d+: baseline: baseline 'bdt' is not a model: expected one of combined",
        ),
        ("study: tau_energy_scale\n", "", r"key 'study' is missing"),
        ("files: 8, seed: 2022}", "files: 8, seed: [2022", r"line \d+: not valid YAML"),
        (
            "standard: [mu, ",
            "standard: [muu, ",
            r"models\.dnn: scaling: 'muu' is not a feature of this job; nearest: mu",
        ),
        ("{test: 0.3333,", "{test: 1.5,", r"split\.test: .*less than 1, found 1\.5"),
        (
            "    model: mdn\n    figure: half_68_over_baseline\n    between",
            "    model: mdm\n    figure: half_68_over_baseline\n    between",
            r"line \d+: claims\.mdn_over_brt\.model: 'mdm' is not a model: expected one of .*; nearest: mdn",
        ),
        (
            "over: {model: combined}\n    at_most: 0.85",
            "over: {model: combind}\n    at_most: 0.85",
            r"line \d+: claims\.brt_over_combined\.over\.model: 'combind' is not a model.*; nearest: combined",
        ),
        ("    at_most: 0.85\n", "", r"line \d+: claims\.brt_over_combined: .*it has no limit"),
        (
            "  brt:\n    trials",
            "  bdt:\n    trials",
            r"line \d+: search\.bdt: 'bdt' is not a model: expected one of combined",
        ),
        (
            "network.dropout:",
            "network.dropuot:",
            r"line \d+: search\.mdn\.space\.network\.dropuot: the model has no such setting",
        ),
        ('"20":', '"0": [mu, nVtxPU, mu]\n  "20":', r"line 28: feature_sets\.0: 'mu' is listed twice"),
        ("study: tau_energy_scale\n", "study: ../tau\n", r"line 3: study: a name that files .*found '\.\./tau'"),
        ("  brt:\n    kind", "  a/b:\n    kind", r"line 93: models\.a/b: a name that files are called by"),
        (
            "  brt:\n    kind",
            "  brt: {kind: column}\n  brt:\n    kind",
            r"line 94: models\.brt: given twice, .*93",
        ),
        ('"20":', '"0": []\n  "20":', r"line 28: feature_sets\.0: it is empty: expected the names of columns"),
        ('features: "20"', "features: []", r"models\.brt\.features: a model cannot learn from nothing"),
        ("l2: {low: 0.1,", "l2: {low: 99,", r"search\.brt\.space\.l2: low \(99\) must lie below high"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    path = tmp_path / "job.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match=expected) as caught:
        load_job(path)
    assert str(path) in str(caught.value)
    assert caught.value.status == 2


def test_the_line_is_that_of_the_key(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(GOOD.replace("  brt:\n", "  brt:\n    wrong: 1\n", 1), encoding="utf-8")
    number = path.read_text(encoding="utf-8").splitlines().index("    wrong: 1") + 1
    with pytest.raises(RequestError, match=f"line {number}: models.brt.wrong"):
        load_job(path)


def test_missing_job_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot read the job file"):
        load_job(tmp_path / "none.yaml")


def test_changes_by_dotted_key() -> None:
    job = load_job(shipped()["tau_energy_scale"], {"models.brt.depth": 3})
    assert job.built_models()["brt"].model_dump()["depth"] == 3
    with pytest.raises(RequestError, match=r"unknown key 'modles'; nearest: models"):
        load_job(shipped()["tau_energy_scale"], {"modles.brt.depth": 3})


def test_a_job_survives_its_run_folder(tmp_path: Path) -> None:
    job = load_job(shipped()["tau_energy_scale"])
    path = tmp_path / "job.json"
    path.write_text(yaml.safe_dump(job.model_dump(mode="json")), encoding="utf-8")
    assert load_job(path) == job


def test_feature_sets_are_those_of_the_talk_and_of_atlas() -> None:
    job: Job = load_job(shipped()["tau_energy_scale"])
    assert [len(job.feature_sets[name]) for name in ("20", "18", "19")] == [20, 18, 19]
    assert job.feature_sets["20"][:14] == job.feature_sets["18"][:14]
    assert set(job.feature_sets["19"]) == set(job.feature_sets["20"]) - {"ptCombined"} - {
        "ptIntermediateAxis_over_ptCombined",
        "ptPanTauCellBased_over_ptCombined",
    } | {"ptIntermediateAxis_over_ptTauEnergyScale", "ptPanTauCellBased_over_ptTauEnergyScale"}


@pytest.mark.parametrize(
    ("study", "changes", "expected"),
    [
        (
            "tau_energy_scale",
            {"cluster": {"kind": "scheduler", "address": "tcp://127.0.0.1:1"}, "cluster.workers": 2},
            r"^--workers, which .*key 'workers'",
        ),
        ("tau_muons", {"target.per": "pt"}, r"models\.brt\.per: isTau is a label here, and is divided by pt: expected"),
        (
            "tau_muons",
            {"models.brt.per": "pt"},
            r"--set models\.brt\.per, which changes .*: models\.brt\.per: isTau is a label here",
        ),
        ("hadronic_recoil", {"models.brt.objective": "logistic"}, r"line \d+: models\.brt: .*gives one quantity"),
        ("hadronic_recoil", {"models.brt.per": "sumET"}, r"models\.brt.*a target of several columns .* is not divided"),
        ("hadronic_recoil", {"models.plain.column": "ux"}, r"line \d+: models\.plain: column: expected as many as"),
        ("tau_energy_scale", {"models.brt.features": ["mu", "mu"]}, r"models\.brt\.features: 'mu' is listed twice"),
        ("tau_energy_scale", {"measures.response.models": ["brt", "brt"]}, r"response\.models: 'brt' is listed twice"),
        ("tau_energy_scale", {"models.brt.without": ["mu", "mu"]}, r"models\.brt\.without: 'mu' is listed twice"),
    ],
)
def test_what_no_model_can_learn_is_said_before_anything_runs(
    study: str, changes: dict[str, object], expected: str
) -> None:
    with pytest.raises(RequestError, match=expected):
        load_job(shipped()[study], changes)


def test_a_model_of_another_truth_is_not_divided_where_it_says_so() -> None:
    """`per: null` in a model takes the place of the job's; without a word the job's holds."""
    path = shipped()["tau_energy_scale"]
    for changes, per in (({}, "ptCombined"), ({"models.brt.per": None}, None), ({"models.brt.per": "mu"}, "mu")):
        job = load_job(path, {"models.brt.truth": "truthPtVis"} | changes)
        assert inputs_of(job, job.built_models()["brt"]).target.per == per
