"""A look at the columns, by classes of samples, weighted, before anything is trained."""

import json
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.jobs import api
from tests.jobs.commands import here, on
from tests.jobs.test_folds import files, values_of
from tests.jobs.toys import job_of, toy_values

__all__ = ["files"]
PROCESSES = 2

pytestmark = pytest.mark.processes


def test_a_look_at_two_samples(files: Path, tmp_path: Path, client: Client) -> None:
    """Its figures are those of all rows, in however many shards, and no event leaves the workers."""
    job_of(tmp_path, values_of(files))
    code, out, err = here("look", str(tmp_path / "job.yaml"), "-o", str(tmp_path / "run"), *on(client))
    assert code == 0, err
    assert "signal against background" in out
    assert "discrete: label (2 values)" in err
    run = RunFolder(tmp_path / "run")
    assert not run.models.exists(), "nothing is trained"
    found = json.loads((run.look / "look.json").read_text(encoding="utf-8"))
    store = FeatureStore.load(run.features)
    assert len(store.shards) > 3
    names = ["d0", "pt", "target_classes", EVENT_WEIGHT]
    tables = [*store.tables(names)]
    rows = {name: np.concatenate([table[name] for table in tables]) for name in names}
    signal = rows["target_classes"] == 1
    assert found["rows"] == {
        "sample/s": signal.sum(),
        "sample/b": (~signal).sum(),
        "class/signal": signal.sum(),
        "class/background": (~signal).sum(),
    }
    assert found["separation"]["label"]["signal against background"]["value"] == 1
    edges = np.linspace(-1, 1, 51)
    p, q = (
        np.histogram(rows["d0"][own], edges, weights=rows[EVENT_WEIGHT][own])[0] / rows[EVENT_WEIGHT][own].sum()
        for own in (signal, ~signal)
    )
    filled = p + q > 0
    known = 0.5 * ((p - q)[filled] ** 2 / (p + q)[filled]).sum()
    assert found["separation"]["d0"]["signal against background"]["value"] == pytest.approx(known, rel=1e-6)
    assert found["related"] == ["pt", "d0"]
    x = np.stack([rows["pt"], rows["d0"]])[:, signal].astype(float)
    covariance = np.cov(x, aweights=rows[EVENT_WEIGHT][signal])
    linear = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert found["correlations"]["class/signal"]["linear"][0][1] == pytest.approx(linear, abs=1e-3)
    page = (run.look / "index.html").read_text(encoding="utf-8")
    assert "signal minus background" in page
    assert "samples on top of one another" in page


def test_classes_of_a_measure_and_one_sample(tmp_path: Path, files: Path, client: Client) -> None:
    """A job without classes of samples has those that a measure names; a store that is not there is said."""
    job = job_of(tmp_path, toy_values(str(files / "s.root")))
    code, _, err = here("look", str(tmp_path / "nothing.yaml"))
    assert code == 2
    assert "nothing.yaml" in err
    api.process(job, tmp_path / "run", client)
    found = api.look(job, tmp_path / "run", client)
    assert found.groups == {"class": ("signal",), "sample": ("s",)}
    assert found.pairs() == []
    assert (tmp_path / "run" / "look" / "index.html").is_file()


def test_a_report_after_a_look_has_its_separations(files: Path, tmp_path: Path, client: Client) -> None:
    """Those of its rows and weights alone: with others they are not shown."""
    values = values_of(files)
    values["models"] = {"d0": values["models"]["d0"]}
    del values["measures"]["tagging"]["models"]
    job = job_of(tmp_path, values)
    run = RunFolder(tmp_path / "run")
    title = "Separation of classes by single columns"
    assert title not in api.run(job, run.path, client).page.read_text(encoding="utf-8")
    api.look(job, run.path, client)
    assert title in api.run(job, run.path, client).page.read_text(encoding="utf-8")
    other = job_of(tmp_path, values | {"samples": values["samples"] | {"b": values["samples"]["b"] | {"scale": 0.1}}})
    assert title not in api.run(other, run.path, client).page.read_text(encoding="utf-8")
