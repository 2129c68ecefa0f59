"""The drop-in for coffea's Runner: the same accumulators, key by key, exactly once, whatever happens on the way."""

import warnings
from pathlib import Path
from typing import Any

import awkward as ak
import boost_histogram
import numpy as np
import pytest
from coffea import processor
from coffea.nanoevents import DelphesSchema, NanoAODSchema, PHYSLITESchema
from coffea.util import load
from distributed import Client

from lineshape.jobs import Runner
from tests.jobs import stock_processors as stock

PROCESSES = 3

pytestmark = pytest.mark.processes

NANO = {
    "dy": {"nano_dy.root": "Events", "nano_dy_empty.root": "Events"},
    "dimuon": {"nano_dimuon.root": "Events"},
}
CASES: dict[str, tuple[Any, Any, dict[str, dict[str, str]]]] = {
    "dimuons": (stock.Dimuons(), NanoAODSchema, NANO),
    "cleaned": (stock.CleanedJets(), NanoAODSchema, {"tt": {"nano_tt_v12.root": "Events"}, "dy": NANO["dy"]}),
    "scaled": (
        stock.ScaledJets(),
        NanoAODSchema,
        {"tt": {"nano_tt_v12.root": "Events"}, "pf": {"pfnano.root": "Events"}},
    ),
    "electrons": (
        stock.Electrons(),
        PHYSLITESchema,
        {"tt": {"physlite_r23_ttbar.root": "CollectionTree"}, "zee": {"physlite_r22_zee.root": "CollectionTree"}},
    ),
    "rntuple": (stock.Dimuons(), NanoAODSchema, {"rntuple": {"nano_dy_rntuple.root": "Events"}}),
    "towers": (stock.Towers(), DelphesSchema, {"qcd": {"delphes.root": "Delphes"}}),
}


def fileset_of(shared: Path, files: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        dataset: {"files": {str(shared / "real" / name): tree for name, tree in of.items()}, "metadata": {"year": 2018}}
        for dataset, of in files.items()
    }


def coffeas(executor: Any, **others: Any) -> Any:
    return processor.Runner(executor, **others)


def require_same(one: Any, other: Any, place: str = "out") -> None:
    """Both hold the same; sums of weights may differ in the last digits, as they are added in another order."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert list(one) == list(other) or set(one) == set(other), place
        for key, value in one.items():
            require_same(value, other[key], f"{place}[{key!r}]")
    elif isinstance(one, boost_histogram.Histogram):
        assert one.axes == other.axes, place
        for what in ("values", "variances"):
            a, b = (getattr(each, what)(flow=True) for each in (one, other))
            assert (a is None and b is None) or np.allclose(a, b, rtol=1e-12, atol=0), place
    elif isinstance(one, processor.column_accumulator):
        assert ak.array_equal(ak.Array(one.value), ak.Array(other.value), equal_nan=True), place
    elif hasattr(one, "__dict__"):
        for key, value in vars(one).items():
            require_same(value, vars(other)[key], f"{place}.{key}")
    elif isinstance(one, float | np.floating):
        assert one == pytest.approx(other, rel=1e-12), place
    else:
        assert one == other, place


@pytest.mark.parametrize("case", CASES)
def test_the_same_as_coffeas(case: str, shared: Path, tmp_path: Path, client: Client) -> None:
    """One that runs here, chunk by chunk; and the metrics, but for the bytes, of which fewer are read."""
    own, schema, files = CASES[case]
    fileset = fileset_of(shared, files)
    # Of an RNTuple coffea looks at all 1,600 fields again for each chunk.
    common: dict[str, Any] = {"chunksize": 100 if case == "rntuple" else 15, "schema": schema, "savemetrics": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known, about = coffeas(processor.IterativeExecutor(status=False), **common)(fileset, own)
    runner = Runner(client, folder=tmp_path, **common)
    found, metrics = runner(fileset, own)
    require_same(known, found)
    assert metrics["lost"] == []
    assert {key: metrics[key] for key in ("entries", "chunks")} == {key: about[key] for key in ("entries", "chunks")}
    assert set(metrics["columns"]) == set(about["columns"])
    assert metrics["bytesread"] < about["bytesread"]
    for dataset in files:
        saved = load(tmp_path / "datasets" / f"{dataset}.coffea")
        assert set(saved) <= set(found)
