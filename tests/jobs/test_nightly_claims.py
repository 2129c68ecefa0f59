"""What a challenger must meet besides being better than the champion: the claims of the job file."""

from pathlib import Path

import pytest
from distributed import Client

from lineshape import jobs
from lineshape.engine.core.run_folder import ReprocessingFolder
from tests.jobs.nights import small_study, write_taus

pytestmark = pytest.mark.processes


def test_a_challenger_that_does_not_meet_them_is_not_promoted(tmp_path: Path, client: Client) -> None:
    """The first version is champion in any case, as there is none to go on with."""
    (tmp_path / "data").mkdir()
    claims = {
        "narrow": {"model": "brt", "figure": "half_68", "at_most": 1e-6},
        "measured": {"model": "brt", "figure": "half_68", "at_least": 0.0},
    }
    job = small_study(
        tmp_path / "job.yaml",
        f"{tmp_path}/data/*.root",
        claims=claims,
        reprocess={"grown": 0.3, "promote": "not_worse", "sigmas": 100},
    )
    records = []
    for number in range(2):
        write_taus(tmp_path / "data" / f"{number}.root", number)
        records.append(jobs.reprocess(job, tmp_path / "study", client))
    first, second = records
    assert (first["champion"], first["unmet"]) == ("0001", ["narrow"])
    assert (second["version"], second["champion"]) == ("0002", "0001")
    assert second["decision"] == {"promoted": False, "reason": "it does not meet what the job file claims: narrow"}
    folder = ReprocessingFolder(tmp_path / "study")
    assert "it does not meet what the job file claims: narrow" in folder.latest.page.read_text(encoding="utf-8")
