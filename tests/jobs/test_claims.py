"""Claims of a job file: `lineshape check`, the report and Python say alike what a run meets."""

import json
from pathlib import Path

import pytest
import yaml

from lineshape.jobs import api
from tests.jobs.commands import here

pytestmark = pytest.mark.processes


@pytest.fixture
def of_this_run(finished: api.Result, tmp_path: Path) -> Path:
    """A job file with claims that the small run meets."""
    claims = {
        "better": {"model": "brt", "figure": "half_68", "over": {"model": "particle_flow"}, "at_most": 1.0},
        "where": {"says": "In each bin", "model": "brt", "figure": "half_68", "by": "eta", "at_least": 0.0},
    }
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(finished.job.model_dump(mode="json") | {"claims": claims}), encoding="utf-8")
    return path


def test_all_met(finished: api.Result, of_this_run: Path) -> None:
    status, out, err = here("check", str(finished.folder), "--job", str(of_this_run))
    assert (status, err) == (0, "")
    assert "2 of 2 claims hold" in out
    assert "In each bin" in out
    assert "half_68 of brt" in out


def test_one_is_not(finished: api.Result, of_this_run: Path) -> None:
    text = of_this_run.read_text(encoding="utf-8").replace("at_most: 1.0", "at_most: 0.1")
    of_this_run.write_text(text, encoding="utf-8")
    status, out, _ = here("check", str(finished.folder), "--job", str(of_this_run))
    assert status == 1
    assert "1 of 2 claims hold" in out
    status, out, _ = here("check", str(finished.folder), "--job", str(of_this_run), "--json")
    assert status == 1
    assert [claim["holds"] for claim in json.loads(out)] == [False, True]


def test_the_report_shows_what_the_command_says(finished: api.Result) -> None:
    status, out, _ = here("check", str(finished.folder), "--json")
    found = json.loads(out)
    assert [claim["name"] for claim in found] == list(finished.job.claims)
    assert found == [vars(claim) for claim in finished.check()]
    held = sum(claim["holds"] for claim in found)
    assert status == (0 if held == len(found) else 1)
    page = finished.page.read_text(encoding="utf-8")
    assert f"Claims: {held} of {len(found)} hold" in page
    assert page.count('<td class="holds"') == held
    assert page.count('<td class="fails"') == len(found) - held
    assert not [claim for claim in found if "the run has no such" in claim["problem"]]


def test_a_job_without_claims_is_told_so(finished: api.Result, of_this_run: Path) -> None:
    values = yaml.safe_load(of_this_run.read_text(encoding="utf-8"))
    of_this_run.write_text(yaml.safe_dump(values | {"claims": {}}), encoding="utf-8")
    status, _, err = here("check", str(finished.folder), "--job", str(of_this_run))
    assert status == 2
    assert "makes no claims: expected a section 'claims'" in err


def test_claims_on_samples_of_the_job_file_are_not_made_of_ones_own(ntuples: list[Path]) -> None:
    own = {"ttbar": [str(ntuples[0])]}
    claims = api.load("tau_muons", own).claims_on_its_samples()
    assert "naive_is_biased_low" in claims
    assert "transfer_z" not in claims
