"""What the studies of event variables must show, of a fifth of their events and one seed.

Thresholds are those of the reference, but for the distance that the invariant mass may have from the ideal, which takes
all of the events to learn.
"""

from typing import Any

import pytest
from distributed import Client

from lineshape.jobs import api
from lineshape.jobs.job_files import load
from tests.jobs.test_event_variables import reduced

pytestmark = [pytest.mark.study, pytest.mark.processes, pytest.mark.timeout(1800)]


def quick(study: str, models: list[str], **changes: Any) -> api.Job:
    """The job file with some of its models, and with fewer events for as many steps."""
    small = {"samples.events.simulate.events": 200_000, "samples.events.simulate.files": 4, "chunk_entries": 50_000}
    settings = {f"models.{name}.{key}": value for name in models for key, value in changes.items()}
    return reduced(study, set(load(study).models) - set(models), **small, **settings)


def result_of(folder: pytest.TempPathFactory, client: Client, *args: Any, **changes: Any) -> api.Result:
    return api.run(quick(*args, **changes), folder.mktemp("study"), client)


def test_the_invariant_mass_is_found(tmp_path_factory: pytest.TempPathFactory, client: Client) -> None:
    result = result_of(tmp_path_factory, client, "event_variables_mass", ["known", "v1"], epochs=20, batch=512)
    assert result.figure("v1", "spearman", measure="agreement").value >= 0.99
    assert result.figure("known", "auc", measure="information").value > 0.999
    assert result.figure("v1", "auc_minus_baseline", measure="information").value > -0.03


def test_the_transverse_mass_is_found(tmp_path_factory: pytest.TempPathFactory, client: Client) -> None:
    result = result_of(tmp_path_factory, client, "event_variables_transverse", ["known", "v1"], epochs=12, batch=1024)
    assert result.figure("v1", "spearman", measure="agreement").value >= 0.97
    assert result.figure("v1", "auc_minus_baseline", measure="information").value >= -0.005


def test_more_than_the_stransverse_mass_is_found(tmp_path_factory: pytest.TempPathFactory, client: Client) -> None:
    result = result_of(tmp_path_factory, client, "event_variables_stransverse", ["known", "v1"], epochs=12, batch=1024)
    assert result.figure("v1", "auc_minus_baseline", measure="information").value >= -0.005
    for figure in ("information", "donsker_varadhan", "nguyen_wainwright_jordan", "info_nce"):
        gain = result.figure("v1", f"{figure}_minus_baseline", measure="information")
        assert gain.value >= -gain.uncertainty


def test_of_a_cascade_one_number_tells_more_than_the_mass(
    tmp_path_factory: pytest.TempPathFactory, client: Client
) -> None:
    """And less than two do; that it tells more than the transverse mass as well takes all of the events to learn."""
    models = ["transverse", "mass", "both", "v1"]
    result = result_of(tmp_path_factory, client, "event_variables_cascade", models, epochs=8, batch=1024)
    gain = result.figure("v1", "information_minus_mass", measure="information")
    assert gain.value > 0.2
    found = {name: result.figure(name, "information", measure="information").value for name in models}
    assert found["v1"] > 0.7 * found["transverse"]
    assert found["v1"] < found["both"]
