"""Contract of every format: what its file gives in software that is not ours is what the bundle says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Split, Target
from lineshape.engine.export.exporting import Exported, export, formats
from lineshape.engine.export.formats import lwtnn
from lineshape.engine.export.parity import compare, trial_rows
from lineshape.engine.export.rounding import rounding_of
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.roles.dataset import Dataset
from tests.engine.learning.stores import make_store, train

onnx = pytest.importorskip("onnx", reason="pip install 'lineshape[export]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")

pytestmark = pytest.mark.processes

FEATURES = ("a", "b", "pt")
SCALING = {"standard": ["a"], "robust": ["b"], "logarithm": ["pt"]}


def neural(network: dict[str, Any], loss: str, **more: Any) -> dict[str, Any]:
    """A network that is trained for as long as it takes to be none of its first weights."""
    settings = {"layers": [16], "batch_norm": "all", "dropout": 0.1, **network}
    return {
        "kind": "neural",
        "network": settings,
        "loss": {"kind": loss},
        "scaling": SCALING,
        "epochs": 2,
        "batch": 128,
        **more,
    }


def lists(kind: str) -> dict[str, Any]:
    """A small encoder of the objects that each row has."""
    small = {"deep_sets": {"layers": [16]}, "transformer": {"size": 8, "blocks": 1}}[kind]
    return {"tracks": {"kind": kind, "columns": ["p", "q"], "most": 4, "scaling": {"logarithm": ["p"]}, **small}}


@dataclass(frozen=True)
class Case:
    """A model, its target, and the formats that can hold it; the others refuse with these words."""

    model: dict[str, Any]
    target: Target
    formats: dict[str, list[str]]
    refusals: dict[str, str]


RATIO, LABEL, CLASS = Target(truth="truth", per="pt"), Target(truth="label"), Target(truth="class3")
VECTOR = Target(truth=("truth", "x_true"))
NO_TREES = {"onnx-trees": "not of trees; use --to onnx", "xgboost-json": "not of trees; use --to onnx"}
NO_NETWORK = {"onnx": "not a network; use --to onnx-trees", "lwtnn": "lwtnn has no trees; use --to onnx-trees"}
MIXTURE = ["means", "sigmas", "weights"]
CASES: dict[str, Case] = {
    "dense": Case(
        neural({"kind": "dense", "activation": "silu", "layers": [16, 8]}, "mean_squared_error"),
        RATIO,
        {"onnx": ["truth"], "lwtnn": ["target"]},
        NO_TREES,
    ),
    "vector": Case(
        neural({"kind": "dense"}, "mean_squared_error", within={"pt": {"low": 15}}),
        VECTOR,
        {"onnx": ["truth", "x_true"], "lwtnn": ["target"]},
        NO_TREES,
    ),
    "vector_trees": Case(
        {"kind": "boosted_trees", "rounds": 20},
        VECTOR,
        {"onnx-trees": ["truth", "x_true"], "xgboost-json": ["target"]},
        NO_NETWORK,
    ),
    "mixture": Case(
        neural({"kind": "mixture_density", "widths": "elu", "activation": "tanh"}, "negative_log_likelihood"),
        RATIO,
        {"onnx": [*MIXTURE, "sigma", "truth"], "lwtnn": MIXTURE},
        NO_TREES,
    ),
    "softplus": Case(
        neural({"kind": "mixture_density", "components": 3}, "negative_log_likelihood"),
        RATIO,
        {"onnx": [*MIXTURE, "sigma", "truth"]},
        NO_TREES | {"lwtnn": "output sigmas is a softplus of the last layer.*widths: elu"},
    ),
    "classifier": Case(
        neural({"kind": "classifier"}, "binary_cross_entropy", within={"pt": {"low": 15, "high": 45}}),
        LABEL,
        {"onnx": ["label", "probabilities"], "lwtnn": ["target"]},
        NO_TREES,
    ),
    "three": Case(
        neural({"kind": "classifier", "classes": 3, "activation": "elu"}, "categorical_cross_entropy")
        | {"loss": {"kind": "categorical_cross_entropy", "number": 3}},
        CLASS,
        {"onnx": ["class3", "probabilities"], "lwtnn": ["probabilities"]},
        NO_TREES,
    ),
    "deep_sets": Case(
        neural({"kind": "dense", "sequences": lists("deep_sets")}, "mean_squared_error"),
        RATIO,
        {"onnx": ["truth"], "lwtnn": ["target"]},
        NO_TREES,
    ),
    "transformer": Case(
        neural({"kind": "dense", "sequences": lists("transformer")}, "mean_squared_error"),
        RATIO,
        {"onnx": ["truth"]},
        NO_TREES | {"lwtnn": r"sequences\.tracks: lwtnn has no layer for a Transformer"},
    ),
    "trees": Case(
        {"kind": "boosted_trees", "rounds": 30, "depth": 4, "within": {"pt": {"low": 15}, "whole": [1, 2]}},
        RATIO,
        {"onnx-trees": ["truth"], "xgboost-json": ["target"]},
        NO_NETWORK,
    ),
    "labels": Case(
        {"kind": "boosted_trees", "rounds": 30, "objective": "logistic"},
        LABEL,
        {"onnx-trees": ["label"], "xgboost-json": ["target"]},
        NO_NETWORK,
    ),
}


def columns(random: np.random.Generator, n: int = 6000) -> dict[str, Any]:
    """Features, a truth, labels, and up to six objects a row; of one feature some values are missing, for trees."""
    a, b, pt = random.normal(0, 3, n), random.exponential(2, n), random.uniform(10, 50, n)
    counts = random.integers(0, 7, n)
    p, q = random.exponential(5, counts.sum()), random.normal(0, 1, counts.sum())
    truth = pt * (1 + 0.1 * np.tanh(a) + 0.05 * b + 0.05 * random.standard_normal(n))
    return {
        "a": a,
        "b": b,
        "pt": pt,
        "truth": truth,
        "x_true": a * b + random.standard_normal(n),
        "label": (a + b + random.standard_normal(n) > 1).astype(float),
        "class3": np.digitize(a + random.standard_normal(n), [-1, 1]).astype(float),
        "whole": random.integers(0, 3, n).astype(float),
        "p": ak.unflatten(p, counts),
        "q": ak.unflatten(q, counts),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of one model of each kind."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    units = {"pt": "GeV", "truth": "GeV", "x_true": "mm", "p": "GeV"}
    make_store(folder.features, columns(np.random.default_rng(3)), units=units)
    for name, case in CASES.items():
        train(case.model, Dataset(folder.features, FEATURES, case.target, Split()), folder.models / name)
    write_json(folder.job, {"study": "toys"})
    return folder


PAIRS = [(name, to) for name, case in CASES.items() for to in case.formats]


@pytest.fixture(scope="module")
def exported(run: RunFolder) -> dict[tuple[str, str], Exported]:
    return {pair: export(run, *pair)[0] for pair in PAIRS}


@pytest.mark.parametrize(("model", "to"), PAIRS)
def test_the_file_says_what_the_bundle_says(
    model: str, to: str, exported: dict[tuple[str, str], Exported], run: RunFolder
) -> None:
    found = exported[model, to]
    assert found.parity.rows == 10_000
    assert sorted(found.parity.differences) == sorted(CASES[model].formats[to])
    for output, difference in found.parity.differences.items():
        assert difference <= 1e-5 or 0 < found.parity.rounded[output] < 100
    assert found.path.parent == run.exports
    assert found.path.is_file()


@pytest.mark.parametrize("to", formats())
@pytest.mark.parametrize("model", CASES)
def test_every_format_holds_a_model_or_says_why_not(model: str, to: str, run: RunFolder) -> None:
    case = CASES[model]
    assert set(case.formats) | set(case.refusals) == set(formats())
    if to in case.refusals:
        with pytest.raises(RequestError, match=case.refusals[to]):
            export(run, model, to)


def test_an_onnx_file_needs_no_lineshape(run: RunFolder, exported: dict[tuple[str, str], Exported]) -> None:
    """As a colleague would use it: named inputs, one event at a time or many, and what they mean."""
    session = onnxruntime.InferenceSession(exported["mixture", "onnx"].path)
    assert [value.name for value in session.get_inputs()] == ["a", "b", "pt"]
    inputs = {name: np.array([20.0], dtype=np.float32) for name in FEATURES}
    outputs = dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))
    prediction = Bundle.load(run.models / "mixture").predict({name: np.array([20.0]) for name in FEATURES})
    assert outputs["truth"] == pytest.approx(prediction.estimate, rel=1e-5)
    assert prediction.spread is not None
    assert outputs["sigma"] == pytest.approx(prediction.spread * prediction.estimate, rel=1e-5)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["features"]) == list(FEATURES)
    assert json.loads(about["inputs"])[0] == {"name": "a", "unit": "", "label": "a"}
    assert (about["study"], about["model"]) == ("toys", "model")
    assert json.loads(about["provenance"])["best_epoch"] >= 1


def told(exported: Exported) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """What an ONNX file says of its inputs, of its outputs, and in its metadata."""
    model = onnx.load(exported.path)
    inputs, outputs = (
        {each.name: each.doc_string for each in some} for some in (model.graph.input, model.graph.output)
    )
    return inputs, outputs, {each.key: each.value for each in model.metadata_props}


def test_every_output_is_described_by_its_own_name_and_unit(exported: dict[tuple[str, str], Exported]) -> None:
    _, outputs, about = told(exported["vector", "onnx"])
    assert outputs == {"truth": "truth [GeV]", "x_true": "xtrue [mm]"}
    assert json.loads(about["outputs"]) == [
        {"name": "truth", "unit": "GeV", "label": "truth"},
        {"name": "x_true", "unit": "mm", "label": "xtrue"},
    ]
    _, outputs, _ = told(exported["mixture", "onnx"])
    assert outputs["sigma"] == "Width of the estimate of truth [GeV]"
    assert outputs["means"] == "Mean of each Gaussian component of truth / pt"
    assert "class" in told(exported["three", "onnx"])[1]["probabilities"]
    assert all(text for pair in PAIRS if "onnx" in pair[1] for text in told(exported[pair])[1].values())


def test_lists_are_described_with_their_order_and_length(exported: dict[tuple[str, str], Exported]) -> None:
    inputs, _, about = told(exported["transformer", "onnx"])
    assert inputs["p"] == "p [GeV], in falling pT, of which the first 4 count"
    assert "Number of tracks" in inputs["tracks_count"]
    assert {"name": "p", "unit": "GeV", "label": "p", "most": 4, "order": "falling pT"} in json.loads(about["inputs"])


def test_objects_that_the_model_is_not_for_are_missing(exported: dict[tuple[str, str], Exported]) -> None:
    session = onnxruntime.InferenceSession(exported["trees", "onnx-trees"].path)
    pt, whole = np.array([14, 15, 20, 20, np.nan], np.float32), np.array([1, 1, 0, 2, 1], np.float32)
    zeros = np.zeros(5, np.float32)
    (found,) = session.run(None, {"a": zeros, "b": zeros, "pt": pt, "whole": whole})
    assert np.isnan(found).tolist() == [True, False, True, False, True]


def test_padding_counts_for_nothing(exported: dict[tuple[str, str], Exported]) -> None:
    session = onnxruntime.InferenceSession(exported["transformer", "onnx"].path)
    flat = {name: np.ones(2, np.float32) for name in FEATURES}
    padded = {name: np.array([[1, 2, 0, 0, 0], [1, 2, np.nan, 7, 9]], np.float32) for name in ("p", "q")}
    (found,) = session.run(None, {**flat, **padded, "tracks_count": np.array([2, 2])})
    assert found[0] == found[1]


def test_remarks_say_what_is_left_to_the_user(exported: dict[tuple[str, str], Exported]) -> None:
    remarks = " ".join(exported["deep_sets", "lwtnn"].remarks)
    assert "log1p_pt, log1p_p: log(1 + max(x, 0))" in remarks
    assert "of the list tracks only the first 4 objects" in remarks
    assert "the estimate of truth is the output times pt" in remarks
    assert "low=15" in " ".join(exported["classifier", "lwtnn"].remarks)
    assert exported["classifier", "onnx"].remarks == []


def test_a_file_that_is_wrong_is_not_kept(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bias of the last layer is off by 10⁻³."""

    def wrong(subject: Any) -> Any:
        written = right(subject)
        written["layers"][-1]["bias"][0] += 1e-3
        return written

    right = lwtnn._written
    monkeypatch.setattr(lwtnn, "_written", wrong)
    with pytest.raises(RunError, match=r"parity failed: output target differs by .* in row"):
        export(run, "dense", "lwtnn", tmp_path / "dense.json")
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_are_told(run: RunFolder) -> None:
    with pytest.raises(RequestError, match=r"no bundle of model 'dens'.*nearest: dense"):
        export(run, "dens", "onnx")
    with pytest.raises(RequestError, match="unknown format 'onx': expected one of lwtnn, onnx, onnx-trees"):
        export(run, "dense", "onx")


def test_rows_to_compare_on_are_real_extreme_and_missing(run: RunFolder) -> None:
    bundle, store = Bundle.load(run.models / "deep_sets"), FeatureStore.load(run.features)
    rows = trial_rows(store, bundle)
    real = next(store.tables(["a", "pt"]))
    assert (rows["a"][:5000] == real["a"][:5000]).all()
    assert np.nanmax(rows["a"][5000:]) == pytest.approx(10 * real["a"].max())
    assert 100 < np.isnan(rows["pt"]).sum() < 900
    counts = np.diff(rows["p"].offsets)
    assert (counts[9::10] == 0).all()
    assert counts.max() == 6


def no_rounding(rows: NDArray[np.int64]) -> dict[str, Any]:
    """Of an output y of one column."""
    return {"y": np.zeros(len(rows))}


def test_compare_tells_apart_what_differs() -> None:
    wanted = {"y": np.array([1.0, 1e-9, np.nan])}
    found = compare(wanted, {"y": np.array([1.000001, 1.00002e-9, np.nan])}, no_rounding)
    assert found.differences["y"] == pytest.approx(1e-6)
    for wrong in ([1.0001, 1e-9, np.nan], [1.0, 1e-3, np.nan], [1.0, 1e-9, 0.0], [np.nan, 1e-9, np.nan]):
        with pytest.raises(RunError, match="parity failed: output y"):
            compare(wanted, {"y": np.array(wrong)}, no_rounding)
    with pytest.raises(RunError, match="the file gives z, where y was expected"):
        compare(wanted, {"z": np.zeros(3)}, no_rounding)


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_rounding_of_one_row_excuses_no_other(shape: tuple[int, ...]) -> None:
    """The bundle itself is off by 10⁻⁴ in the first row, where large numbers cancel."""

    def rounding(rows: NDArray[np.int64]) -> dict[str, Any]:
        return {"y": off[rows]}

    wanted, found, off = np.ones(shape), np.ones(shape), np.zeros(shape)
    off[0], found[0] = 1e-4, 1 + 7e-4
    parity = compare({"y": wanted}, {"y": found}, rounding)
    assert (parity.differences, parity.rounded) == ({"y": pytest.approx(7e-4)}, {"y": 1})
    found[2] = 1 + 5e-5
    with pytest.raises(RunError, match=r"differs by 5e-05, more than 1e-05, in row 2"):
        compare({"y": wanted}, {"y": found}, rounding)
    found[0], found[2] = 1 + 9e-4, 1
    with pytest.raises(RunError, match=r"differs by 0\.0009, more than 0\.0008, in row 0"):
        compare({"y": wanted}, {"y": found}, rounding)


def test_rounding_is_found_where_large_numbers_cancel(run: RunFolder) -> None:
    """Of a network it grows with what it adds up; trees, which only compare, have none."""
    columns = {name: np.array([1.0, 1e6], np.float32) for name in FEATURES}
    off = {
        model: rounding_of(Bundle.load(run.models / model), columns, lambda found: {"y": found.target})["y"]
        for model in ("dense", "labels")
    }
    assert 0 < off["dense"][0] < 1e-5
    assert off["dense"][1] > 100 * off["dense"][0]
    assert off["labels"].tolist() == [0, 0]
