"""What a run holds can be read in Python: models, histograms, figures and rows."""

import hist
import numpy as np
import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.jobs import api

pytestmark = pytest.mark.processes


def test_a_model_predicts_what_was_measured(finished: api.Result) -> None:
    """The median response of the test split, from its rows and the model, is the figure's."""
    model, truth = finished.model("brt"), finished.job.target.truths[0]
    assert model.name == "brt"
    tables = list(finished.events("test", columns=[*model.columns, "truthPtVis"]))
    found = np.concatenate([model.predict(table).estimate / table["truthPtVis"] for table in tables])
    figure = finished.figure("brt", "median")
    assert np.median(found) == pytest.approx(figure.value, abs=3e-3), truth
    assert len(found) == figure.entries


def test_rows_are_those_of_the_splits(finished: api.Result) -> None:
    store = FeatureStore.load(RunFolder(finished.folder).features)
    rows = {
        part: [number for table in finished.events(part, ["event"]) for number in table["event"]]
        for part in ("training", "validation", "test", "all")
    }
    assert len(rows["all"]) == store.rows == sum(len(rows[part]) for part in ("training", "validation", "test"))
    assert set(rows["training"]).isdisjoint(rows["test"])
    one = next(finished.events("all", sample="ntuples"))
    assert one.keys() == {*store.columns, "event"}
    assert len(one["event"]) < store.rows, "a shard at a time"


def test_histograms_need_no_groups(finished: api.Result) -> None:
    """Three lines redraw the line shape of the report."""
    found = finished.histograms
    shape = found["ntuples/mdn/response/inclusive"]
    assert isinstance(shape, hist.Hist)
    assert [axis.name for axis in shape.axes] == ["response"]
    assert shape.sum(flow=True) == finished.figure("mdn", "median").entries
    assert {key.split("/")[1] for key in found} == set(finished.job.models)


def test_the_table_has_every_figure(finished: api.Result) -> None:
    table = finished.table()
    assert len(table) == len(finished.rows)
    row = table[(table.model == "mdn") & (table.figure == "half_68") & (table.by == "")].iloc[0]
    assert row.value == finished.figure("mdn", "half_68").value


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda result: result.model("bdt"), "no model 'bdt' in .*nearest: brt: expected one of"),
        (lambda result: result.events("tset"), "no split 'tset': expected one of training, validation, test, all"),
        (lambda result: result.events("test", ["ptt"]), "no column 'ptt' in the feature store"),
        (lambda result: result.events("test", sample="ntuple"), "no sample 'ntuple' in .*; nearest: ntuples"),
    ],
)
def test_what_is_not_there_is_named(ask: object, expected: str, finished: api.Result) -> None:
    with pytest.raises(RequestError, match=expected):
        ask(finished)  # type: ignore[operator]
