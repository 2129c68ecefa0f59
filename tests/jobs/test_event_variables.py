"""Event variables: small runs of the job files, and what they say of columns that a topology has not."""

from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from lineshape.engine.core.errors import RequestError
from lineshape.jobs import api
from lineshape.jobs.job_files import load, shipped
from tests.jobs.reduced_claims import claims_about

pytestmark = pytest.mark.processes

STUDIES = sorted(name for name in shipped() if name.startswith("event_variables"))
#: Seeds beside the first.
OTHER_SEEDS = {"v2", "v3", "v4", "v5"}


def reduced(study: str, left_out: set[str], **changes: Any) -> api.Job:
    """The job file without some of its models."""
    job = load(study)
    models = {name: spec.model_dump() for name, spec in job.models.items() if name not in left_out}
    measures = {name: spec.model_dump() for name, spec in job.measures.items()}
    for spec in measures.values():
        for key in ("models", "against"):
            if key in spec:
                spec[key] = [name for name in spec[key] if name in models]
    claims = claims_about(job, models, measures, job.samples)
    return load(study, None, {"models": models, "measures": measures, "claims": claims} | changes)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_runs(study: str, tmp_path: Path, client: Client) -> None:
    """Each kind of model, all measures and plots; of the seeds one."""
    few: dict[str, Any] = {"samples.events.simulate.events": 6000, "samples.events.simulate.files": 1}
    for name, spec in load(study).models.items():
        if name not in OTHER_SEEDS:
            few[f"models.{name}.{'rounds' if spec.kind == 'paired_trees' else 'epochs'}"] = 1
    result = api.run(reduced(study, OTHER_SEEDS, **few), tmp_path / "run", client)
    assert {"information", "agreement"} <= {row.measure for row in result.rows}
    plots = result.folder / "report" / "plots"
    for name in ("map_v1", "at_v1", "at_known", "information_roc"):
        assert list(plots.glob(f"*{name}.png")), name
    text = (result.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert all(heading in text for heading in ("InfoNCE", "|Spearman|"))


@pytest.mark.parametrize("parameters", [["mC", "mA"], ["mA"]])
def test_parameters_are_the_target(parameters: list[str]) -> None:
    """In another order every figure would be wrong, and nothing would say so."""
    with pytest.raises(RequestError, match=r"parameters: .*expected the target of model known, mA, mC, in this order"):
        load("event_variables_transverse", None, {"measures.information.parameters": parameters})


def test_a_column_that_a_topology_has_not_is_named(tmp_path: Path, client: Client) -> None:
    """m_T2 takes two visible particles."""
    few = {"samples.events.simulate.events": 500, "samples.events.simulate.files": 1}
    job = reduced("event_variables_transverse", OTHER_SEEDS, **few, **{"feature_sets.known": ["mT2"]})
    with pytest.raises(RequestError, match=r"models\.known: no column 'mT2' in the feature store"):
        api.run(job, tmp_path / "run", client)
