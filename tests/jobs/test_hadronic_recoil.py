"""The study of the hadronic recoil in small: every model learns two components, is measured, and is exported."""

import re
from itertools import chain
from typing import Any

import pytest
from distributed import Client

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.export.exporting import export
from lineshape.jobs import api

pytestmark = pytest.mark.processes

QUICK: dict[str, Any] = {
    "samples.w.simulate.events": 8_000,
    "samples.w.simulate.files": 2,
    "chunk_entries": 2000,
    "models.brt.rounds": 30,
} | {
    f"models.{name}.{key}": value
    for name in ("dense", "penalty_1", "penalty_each", "inputs_3", "objects")
    for key, value in {"epochs": 2 if name in {"dense", "objects"} else 1, "minimum_entries": 100, "batch": 200}.items()
}
#: Of the models one of each sort.
MODELS = {
    "recoil": ["plain", "brt", "dense", "objects", "penalty_1", "penalty_each"],
    "inputs": ["plain", "brt", "inputs_3"],
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, client: Client) -> api.Result:
    shipped = api.load("hadronic_recoil")
    measures = {name: shipped.measures[name].model_dump() | {"models": models} for name, models in MODELS.items()}
    for spec in measures.values():
        spec["by"] = {"ptTrue": spec["by"]["ptTrue"]}
        spec["against"] = [name for name in spec["against"] if name in spec["models"]]
    kept = {name: shipped.models[name].model_dump() for name in dict.fromkeys(chain(*MODELS.values()))}
    job = api.load("hadronic_recoil", None, {"models": kept, "measures": measures, "claims": {}} | QUICK)
    return api.run(job, tmp_path_factory.mktemp("recoil"), client)


def test_every_model_is_measured_against_the_plain_sum(small: api.Result) -> None:
    models = {row.model for row in small.rows}
    assert models == set(small.job.models)
    assert small.figure("plain", "mean_corrected_over_plain").value == 1
    # Trees need little to be better; networks have seen each event once or twice.
    assert small.figure("brt", "mean_corrected_over_plain").value < 0.95
    found = small.figure("brt", "mean_corrected_over_plain")
    assert found.uncertainty > 0
    assert found.systematic is not None
    assert found.systematic > 0  # of pile-up


def test_the_report_shows_it(small: api.Result) -> None:
    plots = {path.stem for path in (small.page.parent / "plots").glob("*.png")}
    assert {
        "recoil_corrected_by_ptTrue",
        "recoil_bias_by_ptTrue",
        "recoil_across",
        "inputs_corrected_by_ptTrue",
    } <= plots
    (title, lines), *_ = small.tables()
    # Of 1,700 events not every bin has 400.
    assert title.startswith("Recoil; over ")
    assert re.search(r"of 10 bins, .* GeV$", title)
    assert lines[0][:4] == ["model", "corrected width [GeV]", "corrected / brt", "corrected / plain"]


@pytest.mark.parametrize(
    ("model", "to", "outputs"),
    [
        ("dense", "lwtnn", {"target"}),
        ("dense", "onnx", {"pxTrue", "pyTrue"}),
        ("objects", "onnx", {"pxTrue", "pyTrue"}),
        ("brt", "onnx-trees", {"pxTrue", "pyTrue"}),
        ("brt", "xgboost-json", {"target"}),
    ],
)
def test_models_of_vectors_are_exported(small: api.Result, model: str, to: str, outputs: set[str]) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")
    assert set(export(RunFolder(small.folder), model, to)[0].parity.differences) == outputs


def test_vectors_that_are_turned_must_be_columns() -> None:
    with pytest.raises(RequestError, match=r"models\.dense: the processor makes no column 'uz'; nearest: u"):
        api.load("hadronic_recoil", None, {"models.dense.rotated": [["ux", "uz"], ["pxTrue", "pyTrue"]]})


def test_what_lwtnn_has_no_layer_for_is_named(small: api.Result) -> None:
    with pytest.raises(RequestError, match=r"sequences\.objects: lwtnn has no layer for a VectorSum"):
        export(RunFolder(small.folder), "objects", "lwtnn")


def test_genuine_files_without_particle_flow_say_so(
    small: api.Result, shared: Any, tmp_path: Any, client: Client
) -> None:
    files = {"w": [str(shared / "real" / "physlite_r21_ttbar.root")]}
    with pytest.raises(RequestError, match="JetETMiss"):
        api.run(api.load("hadronic_recoil", files), tmp_path / "run", client)
