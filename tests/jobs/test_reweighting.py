"""Simulation reweighted to data by a classifier in folds: closed forms of Gaussians, limits, refusals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import pytest
import yaml
from distributed import Client
from scipy.stats import norm

from lineshape.engine import Column, Selection, Study, flat
from lineshape.engine.core.errors import RequestError
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.jobs.api import Result, run
from lineshape.jobs.job_files import load
from tests.jobs.toys import write_events

PROCESSES = 3

pytestmark = pytest.mark.processes

SHIFT = 0.5
ROWS = 30_000


class Gaussians(Study):
    """Numbers of which x is shifted in data, and y follows x."""

    inputs: ClassVar[Mapping[str, Any]] = {name: name for name in ("event", "x", "y")}
    outputs: ClassVar[Mapping[str, Column]] = {"x": Column("x", "", -4, 4), "y": Column("y", "", -4, 4)}

    def select(self, events: Any) -> Selection:
        """All events."""
        columns = {name: ak.Array(flat(events, name)[0]) for name in ("event", "x", "y")}
        return columns, {"read": len(columns["event"])}


def values_of(folder: Path, **changes: Any) -> dict[str, Any]:
    samples = {name: {"tree": "tree", "files": [str(folder / f"{name}.root")]} for name in ("data", "simulation")}
    return {
        "study": "ratio",
        "processor": {"kind": "tests.jobs.test_reweighting:Gaussians"},
        "samples": samples,
        "weight": {"training": {"balance": True}},
        "target": {"classes": {"data": ["data"], "simulation": ["simulation"]}},
        "feature_sets": {"x": ["x"]},
        "folds": 3,
        "models": {
            "trees": {
                "kind": "boosted_trees",
                "features": "x",
                "objective": "logistic",
                "depth": 3,
                "rate": 0.1,
                "rounds": 80,
                "minimum_weight": 100,
            }
        },
        "baseline": "trees",
        "measures": {
            "tagging": {
                "kind": "tests.jobs.toys:TaggingFigures",
                "signal": "data",
                "points": {"column": "x", "edges": [-9, 9], "efficiency": 0.5},
            }
        },
    } | changes


def job_of(path: Path, values: dict[str, Any]) -> Any:
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return load(path)


@pytest.fixture(scope="module")
def ratio(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Result:
    """A run that tells data from simulation, in folds."""
    folder = tmp_path_factory.mktemp("ratio")
    for number, name in enumerate(("data", "simulation")):
        random = np.random.default_rng(number + 5)
        x = random.normal(SHIFT if name == "data" else 0.0, 1, ROWS)
        y = 0.6 * x + 0.8 * random.normal(size=ROWS)
        event = np.arange(ROWS, dtype=np.int64) + 1_000_000 * number
        write_events(folder / f"{name}.root", {"event": event, "x": x.astype(np.float32), "y": y.astype(np.float32)})
    return run(job_of(folder / "ratio.yaml", values_of(folder)), folder / "ratio", client)


def reweighted(ratio: Result, path: Path, **column: Any) -> dict[str, Any]:
    folder = ratio.folder.parent
    bundle = ratio.folder / "models" / "trees"
    values = values_of(folder, study="after")
    values["samples"]["data"]["weighted"] = False
    derived = {"w": {"bundle": str(bundle), "density_ratio": True, "low": 0, "high": 5} | column}
    return values | {"derived": derived, "weight": {"columns": ["w"], "training": {"balance": True}}}


def test_a_fresh_classifier_cannot_tell_them_apart(ratio: Result, tmp_path: Path, client: Client) -> None:
    """The area before is Φ(δ/√2); afterwards nothing is left, nor in a column that was not used."""
    before = ratio.figure("trees", "auc")
    assert before.value == pytest.approx(norm.cdf(SHIFT / np.sqrt(2)), abs=4 * (before.uncertainty or 0))
    values = reweighted(ratio, tmp_path)
    values["feature_sets"] = {"x": ["x", "y"]}
    found = run(job_of(tmp_path / "after.yaml", values), tmp_path / "after", client)
    after = found.figure("trees", "auc")
    assert (after.value or 1) <= 0.51
    store = FeatureStore.load(tmp_path / "after" / "features")
    sums = store.weights["simulation"]
    assert sums.effective / sums.rows == pytest.approx(np.exp(-(SHIFT**2)), abs=0.1)
    assert sums.total / sums.rows == pytest.approx(1, abs=0.02)
    rows = [*store.read(["x", "y", "w"], samples=["simulation"])]
    x, y, w = (np.concatenate([table[name] for _, table in rows]) for name in ("x", "y", "w"))
    # Means of data within 2 % of a standard deviation, beside three of their own uncertainty.
    assert np.average(x, weights=w) == pytest.approx(SHIFT, abs=0.02 + 3 / np.sqrt(ROWS))
    assert np.average(y, weights=w) == pytest.approx(0.6 * SHIFT, abs=0.02 + 3 / np.sqrt(ROWS))
    exact = np.exp(SHIFT * x - SHIFT**2 / 2)
    assert np.corrcoef(w, exact)[0, 1] > 0.95


def test_what_is_limited_is_counted(ratio: Result, tmp_path: Path, client: Client) -> None:
    found = run(job_of(tmp_path / "after.yaml", reweighted(ratio, tmp_path, most=1.5)), tmp_path / "after", client)
    store = FeatureStore.load(tmp_path / "after" / "features")
    w = np.concatenate([table["w"] for _, table in store.read(["w"], samples=["simulation"])])
    assert w.max() == 1.5
    number = int((w == 1.5).sum())
    note = f"sample simulation: w is limited to 1.5 in {number:,} of {ROWS:,} rows ({number / ROWS:.2%})"
    assert note in store.notes
    assert note in found.page.read_text(encoding="utf-8")


def test_what_is_no_ratio_of_densities_is_refused(ratio: Result, tmp_path: Path, client: Client) -> None:
    folder = ratio.folder.parent
    plain = {key: value for key, value in values_of(folder, study="plain").items() if key != "weight"}
    run(job_of(tmp_path / "plain.yaml", plain), tmp_path / "plain", client)
    values = reweighted(ratio, tmp_path)
    values["derived"]["w"]["bundle"] = str(tmp_path / "plain" / "models" / "trees")
    with pytest.raises(RequestError, match="balance: true"):
        run(job_of(tmp_path / "after.yaml", values), tmp_path / "after", client)
