"""Data against simulation: no truth is asked of data, figures and plots of both, regions, blinding, systematics."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import pyhf
import pytest
import uproot
import yaml
from distributed import Client

from lineshape.engine import Column, Selection, Study, flat
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.row_selection import Range, are_disjoint
from lineshape.engine.job.data_samples import replacements_in
from lineshape.engine.job.varied import varied_of
from lineshape.jobs.api import Result, run
from lineshape.jobs.job_files import load
from lineshape.jobs.templates import write_templates
from tests.jobs.toys import write_events

PROCESSES = 3

pytestmark = pytest.mark.processes


class WithData(Study):
    """Two numbers of each event, and a label where it is simulated."""

    inputs: ClassVar[Mapping[str, Any]] = {"event": "event", "x": "x", "y": "y", "m": "m", "label": ("label", None)}
    outputs: ClassVar[Mapping[str, Column]] = {
        "x": Column("x", "", -4, 4),
        "y": Column("y", "", 0, 5),
        "m": Column("m", "GeV", 60, 120),
        "label": Column("Label", "", -0.5, 1.5, 2),
    }

    def select(self, events: Any) -> Selection:
        """All events."""
        columns = {name: ak.Array(flat(events, name)[0]) for name in events.fields}
        return columns, {"read": len(columns["event"])}


def branches(random: Any, rows: int, mean: float, first: int, scale: float = 1.0) -> dict[str, Any]:
    return {
        "event": np.arange(rows, dtype=np.int64) + first,
        "x": (scale * random.normal(mean, 1, rows)).astype(np.float32),
        "y": random.exponential(1, rows).astype(np.float32),
        "m": (random.normal(91, 4, rows) if mean > 0 else 60 + random.exponential(40, rows)).astype(np.float32),
    }


def write_samples(folder: Path, scale: float = 1.0, seed: int = 3) -> None:
    """Signal and background of twice the events in data; in data x is scaled."""
    random = np.random.default_rng(seed)
    for number, (name, mean) in enumerate({"signal": 1.0, "background": -0.5}.items()):
        own = branches(random, 24_000, mean, 1_000_000 * number)
        label = np.full(len(own["x"]), int(name == "signal"), dtype=np.int32)
        write_events(folder / f"{name}.root", own | {"label": label})
    parts = [branches(random, 12_000, mean, 5_000_000 + 100_000 * n, scale) for n, mean in enumerate((1.0, -0.5))]
    write_events(folder / "data.root", {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def values_of(folder: Path, **changes: Any) -> dict[str, Any]:
    samples = {
        name: {"tree": "tree", "files": [str(folder / f"{name}.root")]} for name in ("signal", "background", "data")
    }
    samples["data"]["data"] = True
    for name in ("signal", "background"):
        samples[name]["scale"] = 0.5
    return {
        "study": "data",
        "processor": {"kind": "tests.jobs.test_data:WithData"},
        "samples": samples,
        "regions": {
            "low": {"where": {"y": {"high": 1}}},
            "high": {"where": {"y": {"low": 1}}, "blind": {"above": 0.8}},
        },
        "target": {"truth": "label"},
        "feature_sets": {"f": ["x"]},
        "models": {
            "trees": {
                "kind": "boosted_trees",
                "features": "f",
                "objective": "logistic",
                "depth": 2,
                "rounds": 20,
                "weight": {"kind": "event"},
            }
        },
        "baseline": "trees",
        "variations": {"x_scale": {"kind": "scale", "columns": ["x"], "up": 1.05, "down": 0.95}},
        "measures": {
            "tagging": {
                "kind": "tests.jobs.toys:TaggingFigures",
                "truth": "label",
                "classes": ["background", "signal"],
                "signal": "signal",
                "points": {"column": "y", "edges": [0, 9], "efficiency": 0.5},
            },
            "data": {
                "kind": "agreement_with_data",
                "regions": ["low", "high"],
                "variables": {
                    "x": {"low": -4, "high": 4, "bins": 40},
                    "score": {"low": 0, "high": 1, "bins": 20},
                },
            },
            "efficiency": {
                "kind": "efficiency_in_data",
                "column": "m",
                "fit": {"low": 60, "high": 120, "bins": 30},
                "by": "y",
                "edges": [0, 1, 5],
                "signal": ["signal"],
            },
            "fit": {
                "kind": "template",
                "column": "x",
                "low": -4,
                "high": 4,
                "bins": 80,
                "edges": [-4, -2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4],
                "signal": ["signal"],
                "data": ["data"],
                "regions": ["low", "high"],
            },
        },
    } | changes


def job_of(path: Path, values: dict[str, Any]) -> Any:
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return load(path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Result:
    """Simulation and data of the same distributions, but for a scale of x by 3 % in data."""
    folder = tmp_path_factory.mktemp("data")
    write_samples(folder, scale=1.03)
    return run(job_of(folder / "job.yaml", values_of(folder)), folder / "run", client)


def test_models_learn_from_simulation_and_are_applied_to_data(compared: Result) -> None:
    assert compared.job.models["trees"].settings["learns_from"] == [{"samples": ["signal", "background"]}]
    bundle = compared.model("trees")
    assert bundle.learnt_from == {"signal", "background"}
    assert "data" not in {row.sample for row in compared.rows if row.measure == "tagging"}
    assert {row.sample for row in compared.rows if row.measure == "data"} == {"all"}


def figure(result: Result, name: str) -> Any:
    return result.figure("trees", name, "all", "data")


def test_ratio_and_chi2_are_those_of_the_events(compared: Result) -> None:
    """Without the statistics of a jackknife: counted from the rows of the test split."""
    rows = {name: [*compared.events("test", ["x", "y"], name)] for name in ("signal", "background", "data")}
    x = {
        name: np.concatenate([table["x"][table["y"] < 1] for table in tables]).astype(float)
        for name, tables in rows.items()
    }
    counts = {name: np.histogram(values, 40, (-4, 4))[0] for name, values in x.items()}
    expected = 0.5 * (counts["signal"] + counts["background"])
    ratio = figure(compared, "data_over_simulation_x_low")
    assert ratio.value == pytest.approx(counts["data"].sum() / expected.sum(), rel=1e-5)
    used = expected >= 5
    variance = expected + 0.25 * (counts["signal"] + counts["background"])
    chi2 = ((counts["data"] - expected) ** 2 / variance)[used].sum() / used.sum()
    assert figure(compared, "chi2_x_low").value == pytest.approx(chi2, rel=1e-4)
    shares = [np.cumsum(each) / each.sum() for each in (counts["data"], expected)]
    assert figure(compared, "kolmogorov_x_low").value == pytest.approx(np.abs(shares[0] - shares[1]).max(), rel=1e-4)


def test_systematic_uncertainties_cover_a_shift(compared: Result) -> None:
    """χ² with the scale's variation is smaller than by statistics, and so are both with and without correlations."""
    alone = figure(compared, "chi2_x_low").value
    both = figure(compared, "chi2_systematic_x_low")
    assert both.value < alone
    assert abs(both.value - 1) < 4 * both.uncertainty  # 4 standard deviations of χ²
    assert figure(compared, "chi2_uncorrelated_x_low").value < alone
    assert (figure(compared, "data_over_simulation_x_low").systematic or 0) >= 0


def test_the_efficiency_in_data_is_that_of_the_simulation(compared: Result) -> None:
    """But for the shift of x, by which a few more pass: of a cut that half of the simulated signal passes."""
    simulated, factor = (figure_of(compared, name) for name in ("efficiency_in_simulation", "scale_factor"))
    assert simulated.value == pytest.approx(0.5, abs=0.03)
    x = np.concatenate([table["x"] for table in compared.events("test", ["x"], "signal")]).astype(float)
    threshold = np.quantile(x, 1 - simulated.value)
    expected = (1.03 * x > threshold).mean() / simulated.value
    assert abs(factor.value - expected) < 3 * factor.uncertainty  # 3 standard deviations
    bins = [row for row in compared.rows if row.figure == "scale_factor" and row.by == "y"]
    assert [(row.low, row.high) for row in bins] == [(0, 1), (1, 5)]
    assert all(abs((row.value or 0) - expected) < 3 * (row.uncertainty or 0) for row in bins)
    assert factor.systematic is not None


def figure_of(result: Result, name: str) -> Any:
    return result.figure("trees", name, "all", "efficiency")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_injected_scale_is_found_by_a_fit_of_the_templates(compared: Result, tmp_path: Path) -> None:
    """3 % in data is 0.6 of the variation's 5 %; all data of the region that is not blind are in the fit."""
    (made,) = write_templates(compared.folder, tmp_path)
    (low,) = made.templates.channels
    assert low.name == "low"
    assert low.observed is not None
    with uproot.open(compared.folder.parent / "data.root") as file:
        assert low.observed.sum() == (file["tree"]["y"].array(library="np") < 1).sum()
    assert any("nothing is observed in high, which may be blind" in note for note in made.templates.notes)
    spec = pyhf.Workspace(json.loads(made.files[0].read_text(encoding="utf-8")))
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(verbose=0))
    model = spec.model()
    fit = pyhf.infer.mle.fit(spec.data(model), model, return_uncertainties=True)
    scale, error = fit[model.config.par_map["x_scale"]["slice"]][0]
    assert abs(scale - 0.6) < 3 * error  # 3 standard deviations
    assert error < 0.4
    size, error = fit[model.config.poi_index]
    assert abs(size - 1) < 3 * error


def test_a_blind_region_hides_scores(compared: Result) -> None:
    plots = compared.folder / "report" / "plots"
    for region, hidden in (("high", True), ("low", False)):
        data = json.loads((plots / f"all_data_score_{region}_trees.json").read_text(encoding="utf-8"))
        curves = {curve["key"]: curve for curve in data["curves"]}
        seen = [value or 0 for value in curves["(data)"]["y"]]
        assert (sum(seen[16:]) == 0) is hidden
        assert sum(seen[:16]) > 0
    assert "scores of trees above 0.8" in compared.page.read_text(encoding="utf-8")


def test_the_plot_is_a_stack_with_data_over_it(compared: Result) -> None:
    data = json.loads((compared.folder / "report" / "plots" / "all_data_x_low_trees.json").read_text(encoding="utf-8"))
    layers = [curve for curve in data["curves"] if curve["filled"]]
    total = next(curve for curve in data["curves"] if curve["key"] == "(simulation)")
    assert [layer["key"] for layer in layers] == ["background", "signal"]
    assert layers[0]["y"] == total["y"]
    assert sum(total["systematic"]) > 0
    assert {curve["key"] for curve in data["ratio"]["curves"]} == {"(simulation)", "(data)"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples": ["data"]}, "is of data, and has no truth"),
        ({"regions": ["middle"]}, "'middle' is not a region"),
    ],
)
def test_what_cannot_be(compared: Result, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    values = values_of(compared.folder.parent)
    name = "tagging" if "samples" in change else "data"
    values["measures"][name] |= change
    with pytest.raises(RequestError) as told:
        job_of(tmp_path / "job.yaml", values)
    assert said in str(told.value)


def test_without_data_there_is_nothing_to_compare(compared: Result, tmp_path: Path) -> None:
    values = values_of(compared.folder.parent)
    del values["samples"]["data"]["data"]
    with pytest.raises(RequestError, match="mark a sample by 'data: true'"):
        job_of(tmp_path / "job.yaml", values)


def with_two_models(folder: Path, blind: dict[str, Any], **measure: Any) -> dict[str, Any]:
    """A job whose baseline is a column, beside the trees, and one distribution of y without regions."""
    values = values_of(folder)
    values["models"]["x"] = {"kind": "column", "column": "x"}
    values |= {"baseline": "x", "variations": {}}
    values["regions"]["high"]["blind"] = blind
    values["measures"] = {
        "tagging": values["measures"]["tagging"],
        "data": {"kind": "agreement_with_data", "variables": {"y": {"low": 0, "high": 5, "bins": 5}}} | measure,
    }
    return values


def test_what_is_hidden_is_hidden_in_every_distribution(tmp_path: Path, client: Client) -> None:
    """By the scores of the model that is trained, not by those of the baseline, and without a region, too."""
    write_samples(tmp_path)
    result = run(job_of(tmp_path / "job.yaml", with_two_models(tmp_path, {"above": 0.6})), tmp_path / "run", client)
    rows = [*result.events("test", ["x", "y"], "data")]
    score = np.concatenate([result.model("trees").predict(table).target for table in rows])
    y = np.concatenate([table["y"] for table in rows])
    hidden = (y >= 1) & (score > 0.6)
    assert 500 < hidden.sum() < 0.5 * len(y)
    plot = json.loads((result.folder / "report" / "plots" / "all_data_y_trees.json").read_text(encoding="utf-8"))
    seen = next(curve["y"] for curve in plot["curves"] if curve["key"] == "(data)")
    assert np.array_equal(seen, np.histogram(y[~hidden], 5, (0, 5))[0])


@pytest.mark.parametrize(
    ("blind", "measure", "said"),
    [
        ({"above": 0.6, "model": "tree"}, {}, "'tree' is no model"),
        ({"above": 0.6}, {"models": ["x"]}, "other models would show them: expected 'models: \\[trees\\]'"),
    ],
)
def test_blinding_that_cannot_be(blind: dict[str, Any], measure: Any, said: str, tmp_path: Path) -> None:
    write_samples(tmp_path)
    with pytest.raises(RequestError, match=said):
        job_of(tmp_path / "job.yaml", with_two_models(tmp_path, blind, **measure))


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    write_samples(tmp_path)
    values = with_two_models(tmp_path, {"above": 0.6})
    values["models"]["more"] = values["models"]["trees"]
    with pytest.raises(RequestError, match="there are 2 models that are trained: name the one"):
        job_of(tmp_path / "job.yaml", values)


def test_a_sample_that_replaces_another_is_not_counted(tmp_path: Path) -> None:
    """Neither in the stack, nor as background, nor in training."""
    write_samples(tmp_path)
    values = values_of(tmp_path)
    values["samples"]["other"] = values["samples"]["signal"]
    values["variations"] = {"shower": {"kind": "sample", "samples": ["signal"], "up": "other", "symmetrise": True}}
    job = job_of(tmp_path / "job.yaml", values)
    assert job.built_measures()["data"].simulation == ["signal", "background"]  # type: ignore[attr-defined]
    assert job.models["trees"].settings["learns_from"] == [{"samples": ["signal", "background"]}]
    assert replacements_in(job.model_dump(mode="json")) == ["other"]


def test_a_variation_of_one_measure_beside_those_of_data(compared: Result, tmp_path: Path, client: Client) -> None:
    """Its figures alone are shifted: there is no group of all samples among them."""
    write_samples(tmp_path)
    values = values_of(tmp_path)
    values["variations"]["x_scale"]["measures"] = ["tagging"]
    for name in ("efficiency", "fit"):
        del values["measures"][name]
    result = run(job_of(tmp_path / "job.yaml", values), tmp_path / "run", client)
    assert {row.measure for row in result.rows if row.systematic is not None} == {"tagging"}


def test_conditions_that_exclude_one_another() -> None:
    low, high = Range(high=1), Range(low=1)
    assert are_disjoint({"y": low}, {"y": high, "x": low})
    assert not are_disjoint({"y": low}, {"x": high})
    assert not are_disjoint({"y": Range(high=1.1)}, {"y": high})
    assert are_disjoint({"n": [1.0, 2.0]}, {"n": [3.0]})
    assert are_disjoint({"n": [0.0]}, {"n": high})
    assert not are_disjoint({"n": high}, {"n": [0.0, 1.0]})
    assert not are_disjoint({}, {"n": [0.0]})


def test_data_are_not_varied_and_replace_nothing(tmp_path: Path, client: Client) -> None:
    write_samples(tmp_path)
    for variation, said in (
        ({"kind": "rate", "samples": ["data"], "up": 1.1, "down": 0.9}, "'data' is of data, which are not varied"),
        ({"kind": "sample", "samples": ["signal"], "up": "data", "symmetrise": True}, "'data' is no other simulated"),
    ):
        values = values_of(tmp_path) | {"variations": {"v": variation}}
        with pytest.raises(RequestError, match=said):
            run(job_of(tmp_path / "job.yaml", values), tmp_path / "run", client)


def test_names_of_the_fits_own_parameters_are_refused(compared: Result, tmp_path: Path, client: Client) -> None:
    write_samples(tmp_path)
    values = values_of(tmp_path)
    values["variations"] = {"mu": values["variations"]["x_scale"] | {"measures": ["fit"]}}
    result = run(job_of(tmp_path / "job.yaml", values), tmp_path / "run", client)
    with pytest.raises(RequestError, match="'mu' is a parameter of the fit's own"):
        write_templates(result.folder, tmp_path / "templates")


def test_another_model_is_asked_of_data_too(compared: Result) -> None:
    """So that both sides of a comparison are of the same model."""
    values = values_of(compared.folder.parent)
    values["variations"] = {"m": {"kind": "bundle", "model": "trees", "up": "trees", "symmetrise": True}}
    job = job_of(compared.folder.parent / "bundle.yaml", values)
    (varied,) = varied_of(job)
    assert varied.samples(job) == ["signal", "background", "data"]
