"""Event variables: small runs of the job files, and what they say of columns that a topology has not."""

from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from lineshape.engine.errors import RequestError
from lineshape.jobs import api
from lineshape.jobs.job_files import load, shipped

pytestmark = pytest.mark.processes

STUDIES = sorted(name for name in shipped() if name.startswith("event_variables"))


def tiny(study: str, **changes: Any) -> api.Job:
    """The job file with few events and one epoch."""
    models = load(study).models
    quick: dict[str, Any] = {"samples.events.simulate.events": 6000, "samples.events.simulate.files": 1}
    for name, spec in models.items():
        quick[f"models.{name}.{'rounds' if spec.kind == 'paired_trees' else 'epochs'}"] = 1
    return load(study, None, quick | changes)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_runs(study: str, tmp_path: Path, client: Client) -> None:
    """All of its models, measures and plots."""
    result = api.run(tiny(study), tmp_path / "run", client)
    assert {"information", "agreement"} <= {row["measure"] for row in result.rows}
    for name in ("map_v1.png", "at_v1.png", "at_known.png", "information_roc.png"):
        assert (result.folder / "report" / "plots" / name).is_file()
    text = (result.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert all(heading in text for heading in ("InfoNCE", "|Spearman|"))


def test_a_column_that_a_topology_has_not_is_named(tmp_path: Path, client: Client) -> None:
    """m_T2 takes two visible particles."""
    job = tiny("event_variables_transverse", **{"feature_sets.known": ["mT2"]})
    with pytest.raises(RequestError, match=r"models\.known: no column 'mT2' in the feature store"):
        api.run(job, tmp_path / "run", client)
